"""SAVEE: `AudioData/DC/sa01.wav` or `ALL/DC_sa01.wav` is speaker, emotion, number."""

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
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion database (SAVEE)",
    language="English",
    elicitation="acted",
    license="research only, by request from the authors",
    citation="S. Haq, P. J. B. Jackson: Speaker-Dependent Audio-Visual Emotion Recognition. "
    "AVSP 2009",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    labels={
        "neutral": 120,
        "happiness": 60,
        "sadness": 60,
        "anger": 60,
        "disgust": 60,
        "fear": 60,
        "surprise": 60,
    },
    n_speakers=4,
    faults=("All four speakers are men.",),
    speakers=dict.fromkeys(("DC", "JE", "JK", "KL"), 120),
    genders={"male": 480},
    styles={"acted": 480},
)

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`, in its own layout or in one flat folder.

    Raises:
        CorpusError: `root` is no folder or holds no SAVEE recording.
    """
    read = partial(_read, folders_above(root, FOLDER))
    return corpus_from_names(CARD, root, NameScheme(FILE, read, "AudioData/DC/sa01.wav"))


FOLDER = re.compile("|".join(SPEAKERS))
FILE = re.compile(rf"(?:(?P<speaker>{FOLDER.pattern})_?)?(?P<take>(?P<emotion>sa|su|[adfhn])\d\d)")


def _read(above: Sequence[str], name: re.Match[str], relative: PurePath) -> ParsedName | LeftOut:
    """The speaker is in the name or its folder; the code is the same in both layouts."""
    speaker = name["speaker"] or ("", *above, *relative.parts[:-1])[-1]
    if speaker not in SPEAKERS:
        detail = f"lies in no folder named {', '.join(SPEAKERS)}, so its speaker is not known"
        return LeftOut("unknown speaker", f"{detail}; left out", is_fault=True)
    return ParsedName(EMOTIONS[name["emotion"]], speaker, gender="male", take=name["take"])
