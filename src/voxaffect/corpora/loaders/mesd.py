"""MESD: `Anger_F_A_basta_ya.wav` is emotion, voice (female, male, child), word list, word(s)."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

LABELS = ("neutral", "happiness", "sadness", "anger", "disgust", "fear")
EMOTIONS = {label.capitalize(): label for label in LABELS}

CARD = CorpusCard(
    name="mesd",
    title="Mexican Emotional Speech Database (MESD)",
    language="Spanish",
    elicitation="acted",
    license="CC BY 4.0",
    citation="M. M. Duville, L. M. Alonso-Valerdi, D. I. Ibarra-Zarate: Mexican Emotional Speech "
    "Database Based on Semantic, Frequency, Familiarity, Concreteness, and Cultural Shaping of "
    "Affective Prosody. Data 6(12), 130, 2021",
    url="https://data.mendeley.com/datasets/cy34mh68j9/5",
    labels=dict.fromkeys(LABELS, 144) | {"neutral": 143, "anger": 143},
    faults=(
        "Its three women, two men and six children are not distinguished: one speaker, `?`.",
        "It does not state the sexes of the children.",
        "Of 48 words in 6 emotions and 3 voices, one angry and one neutral recording are missing.",
        "An utterance is a word or two, many of them shorter than half a second.",
    ),
)

NAME = re.compile(rf"(?P<emotion>{'|'.join(EMOTIONS)})_(?:(?P<sex>[FM])|C)_[AB]_(?P<sentence>\w+)")

parse = partial(corpus_from_names, CARD, NAME, by_groups(EMOTIONS), "Anger_F_A_tarde.wav")
