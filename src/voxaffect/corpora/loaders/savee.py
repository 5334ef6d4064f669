"""SAVEE: `AudioData/DC/sa01.wav` or `ALL/DC_sa01.wav` is speaker, emotion, number."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names

SPEAKERS = ("DC", "JE", "JK", "KL")
EMOTIONS = {
    "n": "neutral", "h": "happiness", "sa": "sadness", "a": "anger",
    "d": "disgust", "f": "fear", "su": "surprise",
}  # fmt: skip

CARD = CorpusCard(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion database (SAVEE)",
    language="English",
    elicitation="acted",
    license="research only, by request from the authors",
    citation="S. Haq, P. J. B. Jackson: Speaker-Dependent Audio-Visual Emotion Recognition. "
    "AVSP 2009",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    labels=dict.fromkeys(EMOTIONS.values(), 60) | {"neutral": 120},
    faults=("All four speakers are men.",),
    speakers=dict.fromkeys(SPEAKERS, 120),
    genders={"male": 480},
)

FOLDER = re.compile("|".join(SPEAKERS))
NAME = re.compile(rf"(?:(?P<speaker>{FOLDER.pattern})_?)?(?P<take>(?P<emotion>sa|su|[adfhn])\d\d)")


def _parse_name(name: re.Match[str], path: PurePath) -> ParsedName | Excluded:
    """The speaker is in the name or its folder; the code is the same in both layouts."""
    speaker = name["speaker"] or path.parent.name
    if speaker not in SPEAKERS:
        detail = f"is not in a folder of a speaker ({', '.join(SPEAKERS)}); left out"
        return Excluded("unknown speaker", detail, is_fault=True)
    return ParsedName(EMOTIONS[name["emotion"]], speaker, gender="male", take=name["take"])


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "AudioData/DC/sa01.wav", parents=FOLDER)
