"""SUBESCO: `F_02_MONIKA_S_1_NEUTRAL_5.wav` is speaker (F, M: the sex), sentence, emotion, take."""

import re
from functools import partial

from voxaffect.corpora.corpus import CorpusCard
from voxaffect.corpora.filename_parsing import by_groups, corpus_from_names

LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear", "surprise")
EMOTIONS = {label.upper(): label for label in LABELS}

CARD = CorpusCard(
    name="subesco",
    title="SUST Bangla Emotional Speech Corpus (SUBESCO)",
    language="Bengali",
    elicitation="acted",
    license="CC BY 4.0",
    citation="S. Sultana, M. S. Rahman, M. R. Selim, M. Z. Iqbal: SUST Bangla Emotional Speech "
    "Corpus (SUBESCO): An audio-only emotional speech corpus for Bangla. PLoS ONE 16(4), "
    "e0250173, 2021",
    url="https://zenodo.org/records/4526477",
    labels=dict.fromkeys(LABELS, 1_000),
    faults=(
        "Numbers of speakers repeat in the two sexes: a speaker is sex and number.",
        "Some recordings are sampled at 44.1 kHz, others at 48 kHz.",
    ),
    speakers={f"{sex}_{number:02d}": 350 for sex in "FM" for number in range(1, 11)},
    genders={"female": 3_500, "male": 3_500},
)

# A speaker is followed by the first name; S stands for sentence.
NAME = re.compile(
    r"(?P<speaker>(?P<sex>[FM])_(?:0[1-9]|10))_[A-Z]+_S_(?P<sentence>[1-9]|10)_"
    rf"(?P<emotion>{'|'.join(EMOTIONS)})_[1-5]"
)

parse = partial(corpus_from_names, CARD, NAME, by_groups(EMOTIONS), "F_02_MONIKA_S_1_NEUTRAL_5.wav")
