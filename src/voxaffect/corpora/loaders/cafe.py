"""CaFE: `CaFE_48k/Joie/Fort/01-J-2-3.wav` is actor, emotion, intensity, sentence."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import NameScheme, ParsedName, corpus_from_names

CARD = CorpusCard(
    name="cafe",
    title="Canadian French Emotional speech dataset (CaFE)",
    language="French",
    elicitation="acted",
    license="CC BY-NC-SA 4.0",
    citation="P. Gournay, O. Lahaie, R. Lefebvre: A Canadian French Emotional Speech Dataset. "
    "MMSys 2018",
    url="https://zenodo.org/records/1478765",
    labels={
        "neutral": 72,
        "happiness": 144,
        "sadness": 144,
        "anger": 144,
        "disgust": 144,
        "fear": 144,
        "surprise": 144,
    },
    n_speakers=12,
    faults=(
        "Unpacking garbles the accents of its folders; the file names say all.",
        "It comes at 48 and at 192 kHz; of a tree with both, the one found first is used.",
    ),
    speakers={f"{actor:02d}": 78 for actor in range(1, 13)},
    genders={"female": 468, "male": 468},
    styles={"acted": 936},
)

# Colère, dégoût, joie, neutre, peur, surprise, tristesse.
EMOTIONS = {
    "C": "anger",
    "D": "disgust",
    "J": "happiness",
    "N": "neutral",
    "P": "fear",
    "S": "surprise",
    "T": "sadness",
}


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`.

    Raises:
        CorpusError: `root` is no folder or holds no CaFE recording.
    """
    return corpus_from_names(CARD, root, SCHEME)


def _read(name: re.Match[str], relative: PurePath) -> ParsedName:  # noqa: ARG001
    return ParsedName(
        label=EMOTIONS[name["emotion"]],
        speaker=name["actor"],
        gender="male" if int(name["actor"]) % 2 else "female",
        sentence=name["sentence"],
    )


SCHEME = NameScheme(
    re.compile(
        r"(?P<actor>0[1-9]|1[0-2])-(?P<emotion>[CDJNPST])-(?P<intensity>[12])-(?P<sentence>[1-6])"
    ),
    _read,
    example="CaFE_48k/Joie/Fort/01-J-2-3.wav",
)
