"""ShEMO: `female/F01A01.wav` is speaker (F, M: the sex), emotion, number."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

# Code -> label, and its utterances in the full distribution.
EMOTIONS = {
    "N": ("neutral", 1_028), "H": ("happiness", 201), "S": ("sadness", 449),
    "A": ("anger", 1_059), "W": ("surprise", 225), "F": ("fear", 38),
}  # fmt: skip

CARD = CorpusCard(
    name="shemo",
    title="Sharif Emotional Speech Database (ShEMO)",
    language="Persian",
    elicitation="acted",
    license="by request from the authors",
    citation="O. Mohamad Nezami, P. Jamshid Lou, M. Karami: ShEMO: a large-scale validated "
    "database for Persian speech emotion detection. Language Resources and Evaluation 53, 2019",
    url="https://github.com/mansourehk/ShEMO",
    labels=dict(EMOTIONS.values()),
    n_speakers=87,
    faults=(
        "Cut from radio plays: acted, though not in a laboratory.",
        "A common copy holds 2,838 of the 3,000 utterances, 360 of them sad.",
        "Fear is too rare for leave-one-speaker-out.",
    ),
)

# The first F is for female, the F after the speaker's number for fear.
NAME = re.compile(r"(?P<speaker>(?P<sex>[FM])\d\d)(?P<emotion>[AFHNSW])\d{2,3}")
LABELS = {code: label for code, (label, _) in EMOTIONS.items()}

parse = partial(corpus_from_names, CARD, NAME, by_groups(LABELS), "female/F01A01.wav")
