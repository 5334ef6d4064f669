"""ASED: `0kEmotion/03Happy/h3-02-01-01-17.wav` is emotion, sentence, repetition, sex, speaker."""

import re
from functools import partial
from pathlib import PurePath

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

CARD = CorpusCard(
    name="ased",
    title="Amharic Speech Emotion Dataset (ASED)",
    language="Amharic",
    elicitation="acted",
    license="free for research",
    citation="E. A. Retta, E. Almekhlafi, R. Sutcliffe, M. Mhamed, H. Ali, J. Feng: A New Amharic "
    "Speech Emotion Dataset and Classification Benchmark. ACM TALLIP 22(1), 2023",
    url="https://github.com/Ethio2021/ASED_V1",
    labels={"neutral": 522, "happy": 486, "sad": 470, "angry": 486, "fearful": 510},
    n_speakers=65,
    faults=(
        "Sentences 03 to 07 belong to one emotion each, so the words give the label away.",
        "The sex of speakers 09, 15, 21, 23 and 25 differs from file to file; it is left open.",
        "Four pairs of files hold the same recording.",
        "One name of a sad recording begins with S4 in place of s4.",
    ),
)

EMOTIONS = {"n": "neutral", "f": "fearful", "h": "happy", "s": "sad", "a": "angry"}
SEXES = {"01": "female", "02": "male"}
OF_TWO_SEXES = {"09", "15", "21", "23", "25"}
NAME = re.compile(
    r"(?P<emotion>[nfhsa])[1-5]-(?P<sentence>\d\d)-(?P<repetition>\d\d)-(?P<sex>0[12])-"
    r"(?P<speaker>\d\d)",
    re.IGNORECASE,
)


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    label, speaker = EMOTIONS[name["emotion"].lower()], name["speaker"]
    gender = None if speaker in OF_TWO_SEXES else SEXES[name["sex"]]
    return ParsedName(label, speaker, gender, name["sentence"])


parse = partial(corpus_from_names, CARD, NAME, _parse_name, "0kEmotion/03Happy/h3-02-01-01-17.wav")
