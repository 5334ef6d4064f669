"""TESS: `OAF_back_angry.wav` is speaker, word, emotion, whatever the folder is called."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import NameScheme, ParsedName, corpus_from_names

CARD = CorpusCard(
    name="tess",
    title="Toronto Emotional Speech Set (TESS)",
    language="English",
    elicitation="acted",
    license="CC BY-NC-ND 4.0",
    citation="M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). "
    "Scholars Portal Dataverse, 2020",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    labels={
        "neutral": 400,
        "happy": 400,
        "sad": 400,
        "angry": 400,
        "disgust": 400,
        "fear": 400,
        "pleasant surprise": 400,
    },
    n_speakers=2,
    faults=(
        "Both speakers are women, one of 26 and one of 64 years.",
        "OA_bite_neutral is a slip for OAF_bite_neutral.",
        "A common mirror holds the whole tree twice.",
        "OAF_food_fear is sampled at 96 kHz, the others at 24.4 kHz.",
    ),
    speakers={"OAF": 1_400, "YAF": 1_400},
    genders={"female": 2_800},
    styles={"acted": 2_800},
)

EMOTIONS = {
    "neutral": "neutral",
    "happy": "happy",
    "sad": "sad",
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "ps": "pleasant surprise",
}


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`.

    Raises:
        CorpusError: `root` is no folder or holds no TESS recording.
    """
    return corpus_from_names(CARD, root, SCHEME)


def _read(name: re.Match[str], relative: PurePath) -> ParsedName:  # noqa: ARG001
    word, emotion = name["word"].lower(), name["emotion"].lower()
    return ParsedName(
        label=EMOTIONS[emotion],
        speaker="YAF" if name["speaker"].upper() == "YAF" else "OAF",
        gender="female",
        sentence=word,
        take=f"{word}_{emotion}",
    )


SCHEME = NameScheme(
    re.compile(
        rf"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(EMOTIONS)})", re.IGNORECASE
    ),
    _read,
    example="OAF_angry/OAF_back_angry.wav",
)
