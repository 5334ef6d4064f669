"""Berlin Database of Emotional Speech: `wav/03a01Fa.wav` is speaker, sentence, emotion, version."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names
from voxaffect.corpora.label_parsing import read_table

PER_SPEAKER = {
    "03": 49, "08": 58, "09": 43, "10": 38, "11": 55,
    "12": 35, "13": 61, "14": 69, "15": 56, "16": 71,
}  # fmt: skip

# Code -> label, and its utterances in the full distribution: neutral, Freude, Trauer, Wut,
# Langeweile, Ekel, Angst.
EMOTIONS = {
    "N": ("neutral", 79), "F": ("happiness", 71), "T": ("sadness", 62), "W": ("anger", 127),
    "L": ("boredom", 81), "E": ("disgust", 46), "A": ("fear", 69),
}  # fmt: skip

CARD = CorpusCard(
    name="emodb",
    title="Berlin Database of Emotional Speech (EmoDB)",
    language="German",
    elicitation="acted",
    license="free for research",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier, B. Weiss: A Database of "
    "German Emotional Speech. Interspeech 2005",
    url="http://emodb.bilderbar.info",
    labels=dict(EMOTIONS.values()),
    faults=(
        "Speaker 08 has no disgust and 03 and 10 have one each, so its recall is undefined there.",
        "Version 2.0.0 adds laryngograph recordings and 281 ambiguous utterances to the 535.",
        "Only db.emotion.categories.ambiguous.csv lists those 281; without it all 816 are counted.",
    ),
    speakers=PER_SPEAKER,
    genders={"female": 302, "male": 233},
)

LARYNGOGRAPH = re.compile("laryngo", re.IGNORECASE)
MALE = {"03", "10", "11", "12", "15"}
NAME = re.compile(
    rf"(?P<speaker>{'|'.join(PER_SPEAKER)})(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-f]"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`; laryngograph and ambiguous recordings are left out."""
    files = ["db.emotion.categories.ambiguous.csv"]
    ambiguous = read_table(root, files, ("file",), _parse_ambiguous)
    stated = partial(_parse_name, ambiguous.found)
    corpus = corpus_from_names(CARD, NAME, stated, "wav/03a01Fa.wav", root, parents=LARYNGOGRAPH)
    return replace(corpus, problems=(*ambiguous.problems, *corpus.problems))


def _parse_ambiguous(row: Mapping[str, str]) -> tuple[str, str]:
    return PurePath(row["file"]).stem, row["file"]


def _parse_name(
    ambiguous: Collection[str], name: re.Match[str], path: PurePath
) -> ParsedName | Excluded:
    if any("laryngo" in part.lower() for part in path.parts):
        return Excluded("laryngograph", "is not a microphone recording; left out")
    if name[0] in ambiguous:
        return Excluded("ambiguous", "has an emotion that listeners disagreed on; left out")
    label, _ = EMOTIONS[name["emotion"]]
    gender = "male" if name["speaker"] in MALE else "female"
    return ParsedName(label, name["speaker"], gender, name["sentence"])
