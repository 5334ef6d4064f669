"""RAVDESS: `Actor_01/03-01-05-02-01-01-01.wav`, seven two-digit codes that end with the actor."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
EMOTIONS = {f"{code:02d}": label for code, label in enumerate(LABELS, start=1)}

CARD = CorpusCard(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech",
    language="English",
    elicitation="acted",
    license="CC BY-NC-SA 4.0",
    citation="S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional "
    "Speech and Song (RAVDESS). PLoS ONE 13(5), e0196391, 2018",
    url="https://zenodo.org/records/1188976",
    labels=dict.fromkeys(LABELS, 192) | {"neutral": 96},
    faults=(
        "A common mirror holds the 24 actor folders twice.",
        "Actor_07/03-01-03-01-02-01-07 and Actor_07/03-01-03-01-02-02-07 are the same recording.",
        "A few recordings are stereo.",
    ),
    speakers={f"{actor:02d}": 60 for actor in range(1, 25)},
    genders={"female": 720, "male": 720},
)

NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-"
    r"(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>0[1-9]|1\d|2[0-4])"
)


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName | Excluded:
    if name["channel"] == "02":
        return Excluded("song", "is a song; left out")
    if name["modality"] != "03":
        return Excluded("film sound", "is the sound of a video that also exists as audio; left out")
    gender = "male" if int(name["actor"]) % 2 else "female"
    return ParsedName(EMOTIONS[name["emotion"]], name["actor"], gender, name["statement"])


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "Actor_01/03-01-05-02-01-01-01.wav")
