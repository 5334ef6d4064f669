"""TESS: `OAF_back_angry.wav` is speaker, word, emotion, whatever the folder is called."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

EMOTIONS = {name: name for name in ("neutral", "happy", "sad", "angry", "disgust", "fear")}
EMOTIONS["ps"] = "pleasant surprise"

CARD = CorpusCard(
    name="tess",
    title="Toronto Emotional Speech Set (TESS)",
    language="English",
    elicitation="acted",
    license="CC BY-NC-ND 4.0",
    citation="M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). "
    "Scholars Portal Dataverse, 2020",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    labels=dict.fromkeys(EMOTIONS.values(), 400),
    faults=(
        "Both speakers are women, one of 26 and one of 64 years.",
        "OA_bite_neutral is a slip for OAF_bite_neutral.",
        "A common mirror holds the whole tree twice.",
        "OAF_food_fear is sampled at 96 kHz, the others at 24.4 kHz.",
    ),
    speakers={"OAF": 1_400, "YAF": 1_400},
    genders={"female": 2_800},
)

NAME = re.compile(
    rf"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(EMOTIONS)})", re.IGNORECASE
)


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    word, emotion = name["word"].lower(), name["emotion"].lower()
    speaker = "YAF" if name["speaker"].upper() == "YAF" else "OAF"
    return ParsedName(EMOTIONS[emotion], speaker, "female", word, take=f"{word}_{emotion}")


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "OAF_angry/OAF_back_angry.wav")
