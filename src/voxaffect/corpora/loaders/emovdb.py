"""EmoV-DB: `bea_Angry/anger_1-28_0001.wav` or `bea/Angry/...`; the folder is the speaker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import (
    LeftOut,
    NameScheme,
    ParsedName,
    corpus_from_names,
    folders_above,
)

CARD = CorpusCard(
    name="emovdb",
    title="Emotional Voices Database (EmoV-DB)",
    language="English",
    elicitation="acted",
    license="non-commercial",
    citation="A. Adigwe, N. Tits, K. El Haddad, S. Ostadabbas, T. Dutoit: The Emotional Voices "
    "Database: Towards Controlling the Emotion Dimension in Voice Generation Systems. "
    "arXiv:1806.09514, 2018",
    url="https://www.openslr.org/115/",
    labels={
        "neutral": 1_585,
        "anger": 1_308,
        "amused": 1_330,
        "disgust": 1_033,
        "sleepiness": 1_744,
    },
    n_speakers=4,
    faults=(
        "Speaker josh has neither anger nor disgust.",
        "Level and sample rate differ by speaker, so recordings tell their speaker.",
        "Some recordings are 64-bit floating point.",
    ),
    speakers={"bea": 1_866, "jenie": 1_817, "josh": 863, "sam": 2_454},
    genders={"female": 3_683, "male": 3_317},
    styles={"acted": 7_000},
)

GENDERS = {"bea": "female", "jenie": "female", "josh": "male", "sam": "male"}
FOLDER = re.compile(rf"({'|'.join(GENDERS)})(?:_.*)?", re.IGNORECASE)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, sorted into one folder or two.

    Raises:
        CorpusError: `root` is no folder or holds no recording below a speaker's folder.
    """
    read = partial(_read, folders_above(root, FOLDER))
    return corpus_from_names(CARD, root, NameScheme(FILE, read, "bea_Angry/anger_1-28_0001.wav"))


# The last number is the sentence of CMU Arctic, the two before it a range that the file is from.
FILE = re.compile(
    r"(?P<emotion>amused|anger|disgust|neutral|sleepiness)_\d+[-_]\d+_(?P<sentence>\d{4})",
    re.IGNORECASE,
)


def _read(above: Sequence[str], name: re.Match[str], relative: PurePath) -> ParsedName | LeftOut:
    parts = (*above, *relative.parts[:-1])
    folders = [match for part in parts if (match := FOLDER.fullmatch(part))]
    if not folders:
        detail = f"lies in no folder named {', '.join(GENDERS)}, so its speaker is not known"
        return LeftOut("unknown speaker", f"{detail}; left out", is_fault=True)
    speaker = folders[-1][1].lower()
    return ParsedName(
        label=name["emotion"].lower(),
        speaker=speaker,
        gender=GENDERS[speaker],
        sentence=name["sentence"],
    )
