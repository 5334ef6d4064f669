"""ShEMO: `female/F01A01.wav` is speaker (F, M: the sex), emotion, number."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import NameScheme, ParsedName, corpus_from_names

CARD = CorpusCard(
    name="shemo",
    title="Sharif Emotional Speech Database (ShEMO)",
    language="Persian",
    elicitation="acted",
    license="by request from the authors",
    citation="O. Mohamad Nezami, P. Jamshid Lou, M. Karami: ShEMO: a large-scale validated "
    "database for Persian speech emotion detection. Language Resources and Evaluation 53, 2019",
    url="https://github.com/mansourehk/ShEMO",
    labels={
        "neutral": 1_028,
        "happiness": 201,
        "sadness": 449,
        "anger": 1_059,
        "surprise": 225,
        "fear": 38,
    },
    n_speakers=87,
    faults=(
        "Cut from radio plays: acted, though not in a laboratory.",
        "A common copy holds 2,838 of the 3,000 utterances, 360 of them sad.",
        "Fear is too rare for leave-one-speaker-out.",
    ),
    styles={"acted": 3_000},
)

EMOTIONS = {
    "A": "anger",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "W": "surprise",
}


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`.

    Raises:
        CorpusError: `root` is no folder or holds no ShEMO recording.
    """
    return corpus_from_names(CARD, root, SCHEME)


def _read(name: re.Match[str], relative: PurePath) -> ParsedName:  # noqa: ARG001
    return ParsedName(
        label=EMOTIONS[name["emotion"]],
        speaker=name["speaker"],
        gender="female" if name["speaker"].startswith("F") else "male",
    )


# The first F is for female, the F after the speaker's number for fear.
SCHEME = NameScheme(
    re.compile(r"(?P<speaker>[FM]\d\d)(?P<emotion>[AFHNSW])\d{2,3}"),
    _read,
    example="female/F01A01.wav",
)
