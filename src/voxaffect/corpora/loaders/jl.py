"""JL-Corpus: `female1_angry_10a_1.wav` is speaker, emotion, sentence, repetition."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

PRIMARY = ("neutral", "happy", "sad", "angry", "excited")
SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")

CARD = CorpusCard(
    name="jl",
    title="JL-Corpus of New Zealand English",
    language="English",
    elicitation="acted",
    license="CC0 1.0",
    citation="J. James, L. Tian, C. I. Watson: An Open Source Emotional Speech Corpus for Human "
    "Robot Interaction Applications. Interspeech 2018",
    url="https://www.kaggle.com/datasets/tli725/jl-corpus",
    labels=dict.fromkeys((*PRIMARY, *SECONDARY), 240),
    n_speakers=4,
    speakers=dict.fromkeys(("female1", "female2", "male1", "male2"), 600),
    genders={"female": 1_200, "male": 1_200},
    styles={"acted": 2_400},
)

NAME = re.compile(
    r"(?P<speaker>(?P<gender>female|male)[12])_"
    rf"(?P<emotion>{'|'.join((*PRIMARY, *SECONDARY))})_(?P<sentence>\d{{1,2}}[ab])_[12]"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, primary and secondary emotions."""
    return corpus_from_names(CARD, root, NAME, _parse_name, example="female1_angry_10a_1.wav")


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    return ParsedName(name["emotion"], name["speaker"], name["gender"], name["sentence"])
