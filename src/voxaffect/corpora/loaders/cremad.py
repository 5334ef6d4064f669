"""CREMA-D: `AudioWAV/1001_IEO_ANG_HI.wav` is actor, sentence, emotion, intensity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.corpora.filename_parsing import LeftOut, NameScheme, ParsedName, corpus_from_names
from voxaffect.corpora.label_parsing import LabelEntries, look_up, open_label_file, read_table

# The other actors have 82 recordings: 11 sentences in 6 emotions, and one whose 5 emotions other
# than neutral have 3 intensities. 1076 has 81, one of which is without sound.
INCOMPLETE = {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 80}

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
    labels={
        "neutral": 1_087,
        "happy": 1_271,
        "sad": 1_270,
        "anger": 1_271,
        "disgust": 1_271,
        "fear": 1_271,
    },
    n_speakers=91,
    faults=(
        "1076_MTI_SAD_XX holds no sound; it is left out of the 7,442.",
        "Labels are what the actors were asked for; listeners often heard something else.",
        "Some of the MP3 copies are blank; the WAV files are used.",
        "A download without Git LFS holds pointers in place of recordings.",
    ),
    speakers=dict.fromkeys(map(str, range(1001, 1092)), 82) | INCOMPLETE,
    genders={"female": 3_511, "male": 3_930},  # 43 women, 48 men by VideoDemographics.csv
    styles={"acted": 7_441},
)

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
SEXES = {"Female": "female", "Male": "male"}
DEMOGRAPHICS = "VideoDemographics.csv"
SOUNDLESS = "1076_MTI_SAD_XX"


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, and the actors' sexes from `VideoDemographics.csv`.

    Raises:
        CorpusError: `root` is no folder or holds no CREMA-D recording.
    """
    actors = read_table(open_label_file(root, DEMOGRAPHICS), ("actorid", "sex"), _read_actor)
    scheme = NameScheme(PATTERN, partial(_read, actors.found), "AudioWAV/1001_IEO_ANG_HI.wav")
    corpus = corpus_from_names(CARD, root, scheme)
    problems = (*actors.problems, *_strangers(actors, corpus), *corpus.problems)
    return replace(corpus, problems=problems)


PATTERN = re.compile(
    r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX)"
)


def _read(
    sexes: Mapping[str, str], name: re.Match[str], relative: PurePath
) -> ParsedName | LeftOut:
    if relative.suffix.lower() == ".mp3":
        return LeftOut("MP3 copy", "is a copy of a WAV file, some are blank; left out")
    if relative.stem == SOUNDLESS:
        return LeftOut("no sound", "holds no sound; left out")
    return ParsedName(
        label=EMOTIONS[name["emotion"]],
        speaker=name["actor"],
        gender=sexes.get(name["actor"]),
        sentence=name["sentence"],
    )


def _read_actor(row: Mapping[str, str]) -> tuple[str, str]:
    return row["actorid"], look_up(SEXES, row["sex"], "sex")


def _strangers(actors: LabelEntries[str], corpus: Corpus) -> list[Problem]:
    """Actors of whom the demographics say nothing."""
    n = sum(utterance.gender is None for utterance in corpus.utterances)
    detail = f"{n} utterances have no gender, their actors are not in {actors.source}; put it there"
    return [Problem("no gender", DEMOGRAPHICS, detail)] if n else []
