"""CaFE: `CaFE_48k/Joie/Fort/01-J-2-3.wav` is actor, emotion, intensity, sentence."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

# Colère, dégoût, joie, neutre, peur, surprise, tristesse.
EMOTIONS = {
    "N": "neutral", "J": "happiness", "T": "sadness", "C": "anger",
    "D": "disgust", "P": "fear", "S": "surprise",
}  # fmt: skip

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
    faults=(
        "Unpacking garbles the accents of its folders; the file names state everything.",
        "It comes at 48 and at 192 kHz; of a tree with both, the one found first is used.",
    ),
    speakers={f"{actor:02d}": 78 for actor in range(1, 13)},
    genders={"female": 468, "male": 468},
)

NAME = re.compile(
    r"(?P<speaker>0[1-9]|1[0-2])-(?P<emotion>[CDJNPST])-(?P<intensity>[12])-(?P<sentence>[1-6])"
)
GENDERS = {actor: "male" if int(actor) % 2 else "female" for actor in CARD.speakers}
STATED = by_groups(EMOTIONS, GENDERS)

parse = partial(corpus_from_names, CARD, NAME, STATED, "CaFE_48k/Joie/Fort/01-J-2-3.wav")
