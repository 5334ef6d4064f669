"""EMOVO: `EMOVO/f1/gio-f1-b2.wav` is emotion, actor, phrase."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

# neutrale, disgusto, gioia, paura, rabbia, sorpresa, tristezza.
EMOTIONS = {
    "neu": "neutral", "dis": "disgust", "gio": "joy", "pau": "fear",
    "rab": "anger", "sor": "surprise", "tri": "sadness",
}  # fmt: skip

CARD = CorpusCard(
    name="emovo",
    title="EMOVO Corpus: an Italian Emotional Speech Database",
    language="Italian",
    elicitation="acted",
    license="CC BY-NC-SA 4.0",
    citation="G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO Corpus: an Italian "
    "Emotional Speech Database. LREC 2014",
    url="https://aclanthology.org/L14-1478",
    labels=dict.fromkeys(EMOTIONS.values(), 84),
    speakers=dict.fromkeys(("f1", "f2", "f3", "m1", "m2", "m3"), 98),
    genders={"female": 294, "male": 294},
)

# Phrases: b short, l long, n without sense, d questions.
NAME = re.compile(
    r"(?P<emotion>neu|dis|gio|pau|rab|sor|tri)-(?P<speaker>(?P<sex>[fm])[1-3])-"
    r"(?P<sentence>b[1-3]|l[1-4]|n[1-5]|d[12])"
)

parse = partial(corpus_from_names, CARD, NAME, by_groups(EMOTIONS), "EMOVO/f1/gio-f1-b2.wav")
