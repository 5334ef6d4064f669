"""JL-Corpus: `female1_angry_10a_1.wav` is speaker, emotion, sentence, repetition."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

PRIMARY = ("neutral", "happy", "sad", "angry", "excited")
SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")
EMOTIONS = {emotion: emotion for emotion in (*PRIMARY, *SECONDARY)}

CARD = CorpusCard(
    name="jl",
    title="JL-Corpus of New Zealand English",
    language="English",
    elicitation="acted",
    license="CC0 1.0",
    citation="J. James, L. Tian, C. I. Watson: An Open Source Emotional Speech Corpus for Human "
    "Robot Interaction Applications. Interspeech 2018",
    url="https://www.kaggle.com/datasets/tli725/jl-corpus",
    labels=dict.fromkeys(EMOTIONS, 240),
    speakers=dict.fromkeys(("female1", "female2", "male1", "male2"), 600),
    genders={"female": 1_200, "male": 1_200},
)

NAME = re.compile(
    r"(?P<speaker>(?P<sex>female|male)[12])_"
    rf"(?P<emotion>{'|'.join(EMOTIONS)})_(?P<sentence>\d{{1,2}}[ab])_[12]"
)

parse = partial(corpus_from_names, CARD, NAME, by_groups(EMOTIONS), "female1_angry_10a_1.wav")
