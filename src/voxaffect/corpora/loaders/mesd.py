"""MESD: `Anger_F_A_basta_ya.wav` is emotion, voice (female, male, child), word list, word or words.

A name states neither which of the women, men or children speaks nor whether a child is a girl.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import UNKNOWN_SPEAKER, Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

EMOTIONS = ("neutral", "happiness", "sadness", "anger", "disgust", "fear")

CARD = CorpusCard(
    name="mesd",
    title="Mexican Emotional Speech Database (MESD)",
    language="Spanish",
    elicitation="acted",
    license="CC BY 4.0",
    citation="M. M. Duville, L. M. Alonso-Valerdi, D. I. Ibarra-Zarate: Mexican Emotional Speech "
    "Database Based on Semantic, Frequency, Familiarity, Concreteness, and Cultural Shaping of "
    "Affective Prosody. Data 6(12), 130, 2021",
    url="https://data.mendeley.com/datasets/cy34mh68j9/5",
    labels=dict.fromkeys(EMOTIONS, 144) | {"neutral": 143, "anger": 143},
    n_speakers=0,
    faults=(
        "Its three women, two men and six children are not distinguished: one speaker, `?`.",
        "It does not state the sexes of the children.",
        "Of 48 words in 6 emotions and 3 voices, one angry and one neutral recording are missing.",
        "An utterance is a word or two, many of them shorter than half a second.",
    ),
    styles={"acted": 862},
)

VOICES = {"F": "female", "M": "male", "C": None}

NAME = re.compile(
    rf"(?P<emotion>{'|'.join(CARD.labels).title()})_(?P<voice>[FMC])_[AB]_(?P<words>\w+)"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`."""
    return corpus_from_names(CARD, root, NAME, _parse_name, example="Anger_F_A_tarde.wav")


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    gender = VOICES[name["voice"]]
    return ParsedName(name["emotion"].lower(), UNKNOWN_SPEAKER, gender, name["words"])
