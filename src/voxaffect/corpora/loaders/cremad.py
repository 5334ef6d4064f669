"""CREMA-D: `AudioWAV/1001_IEO_ANG_HI.wav` is actor, sentence, emotion, intensity."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names
from voxaffect.corpora.label_parsing import look_up, read_table, set_genders

# The other actors have 82 recordings: 11 sentences in 6 emotions, and one whose 5 emotions other
# than neutral have 3 intensities. 1076 has 81, one of which is without sound.
INCOMPLETE = {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 80}
EMOTIONS = {
    "NEU": "neutral", "HAP": "happy", "SAD": "sad",
    "ANG": "anger", "DIS": "disgust", "FEA": "fear",
}  # fmt: skip

CARD = CorpusCard(
    name="cremad",
    title="Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)",
    language="English",
    elicitation="acted",
    license="Open Database License 1.0",
    citation="H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: "
    "Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions on Affective Computing "
    "5(4), 2014",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    labels=dict.fromkeys(EMOTIONS.values(), 1_271) | {"neutral": 1_087, "sad": 1_270},
    faults=(
        "1076_MTI_SAD_XX has no sound; it is left out of the 7,442.",
        "Labels are what the actors were asked for; listeners often perceived another emotion.",
        "Some of the MP3 copies are blank; the WAV files are used.",
        "A download without Git LFS holds pointers in place of recordings.",
    ),
    speakers=dict.fromkeys(map(str, range(1001, 1092)), 82) | INCOMPLETE,
    genders={"female": 3_511, "male": 3_930},  # 43 women, 48 men by VideoDemographics.csv
)

SEXES = {"Female": "female", "Male": "male"}
DEMOGRAPHICS = "VideoDemographics.csv"
NAME = re.compile(
    r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX)"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, and the actors' sexes from `VideoDemographics.csv`."""
    actors = read_table(root, [DEMOGRAPHICS], ("actorid", "sex"), _parse_actor)
    corpus = corpus_from_names(CARD, NAME, _parse_name, "AudioWAV/1001_IEO_ANG_HI.wav", root)
    corpus = set_genders(corpus, actors.found)
    n_unknown = sum(u.gender is None for u in corpus.utterances)
    detail = f"{n_unknown} utterances have no gender; add their actors to {actors.source}"
    unknown = [Problem("no gender", DEMOGRAPHICS, detail)] if n_unknown else []
    return replace(corpus, problems=(*actors.problems, *unknown, *corpus.problems))


def _parse_name(name: re.Match[str], relative: PurePath) -> ParsedName | Excluded:
    if relative.suffix.lower() == ".mp3":
        return Excluded("MP3 copy", "is a copy of a WAV file and may be blank; left out")
    if relative.stem == "1076_MTI_SAD_XX":
        return Excluded("no sound", "has no sound; left out")
    return ParsedName(EMOTIONS[name["emotion"]], name["actor"], sentence=name["sentence"])


def _parse_actor(row: Mapping[str, str]) -> tuple[str, str]:
    return row["actorid"], look_up(SEXES, row["sex"], "sex")
