"""EMOVO: `EMOVO/f1/gio-f1-b2.wav` is emotion, actor, phrase."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ParsedName, corpus_from_names

# neutrale, disgusto, gioia, paura, rabbia, sorpresa, tristezza.
EMOTIONS = {
    "neu": "neutral",
    "dis": "disgust",
    "gio": "joy",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}

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
    n_speakers=6,
    speakers=dict.fromkeys(("f1", "f2", "f3", "m1", "m2", "m3"), 98),
    genders={"female": 294, "male": 294},
    styles={"acted": 588},
)

# Phrases: b short, l long, n without sense, d questions.
NAME = re.compile(
    r"(?P<emotion>neu|dis|gio|pau|rab|sor|tri)-(?P<actor>[fm][1-3])-"
    r"(?P<phrase>b[1-3]|l[1-4]|n[1-5]|d[12])"
)


def parse(root: Path) -> Corpus:
    """Read the corpus below `root`."""
    return corpus_from_names(CARD, root, NAME, _parse_name, example="EMOVO/f1/gio-f1-b2.wav")


def _parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
    gender = "female" if name["actor"].startswith("f") else "male"
    return ParsedName(EMOTIONS[name["emotion"]], name["actor"], gender, name["phrase"])
