"""CaFE: `CaFE_48k/Joie/Fort/01-J-2-3.wav` is actor, emotion, intensity, sentence."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

# Colère, dégoût, joie, neutre, peur, surprise, tristesse.
EMOTIONS = {
    "N": "neutral",
    "J": "happiness",
    "T": "sadness",
    "C": "anger",
    "D": "disgust",
    "P": "fear",
    "S": "surprise",
}

CARD = CorpusCard(
    name="cafe",
    title="Canadian French Emotional speech dataset (CaFE)",
    language="French",
    elicitation="acted",
    license="CC BY-NC-SA 4.0",
    citation="P. Gournay, O. Lahaie, R. Lefebvre: A Canadian French Emotional Speech Dataset. "
    "MMSys 2018",
    url="https://zenodo.org/records/1478765",
    labels=dict.fromkeys(EMOTIONS.values(), 144) | {"neutral": 72},
    n_speakers=12,
    faults=(
        "Unpacking garbles the accents of its folders; the file names state everything.",
        "It comes at 48 and at 192 kHz; of a tree with both, the one found first is used.",
    ),
    speakers={f"{actor:02d}": 78 for actor in range(1, 13)},
    genders={"female": 468, "male": 468},
    styles={"acted": 936},
)

NAME = re.compile(
    r"(?P<actor>0[1-9]|1[0-2])-(?P<emotion>[CDJNPST])-(?P<intensity>[12])-(?P<sentence>[1-6])"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`."""
    return corpus_from_names(
        CARD, root, NAME, _parse_name, example="CaFE_48k/Joie/Fort/01-J-2-3.wav"
    )


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    gender = "male" if int(name["actor"]) % 2 else "female"
    return ParsedName(EMOTIONS[name["emotion"]], name["actor"], gender, name["sentence"])
