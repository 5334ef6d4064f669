"""MELD: `train_splits/dia0_utt3.mp4`, labeled in `train_sent_emo.csv`; so for dev and test."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.filename_parsing import ADULTS, Excluded, ParsedName

LABELS = {
    "neutral": 6_434, "joy": 2_306, "sadness": 1_002, "anger": 1_607,
    "disgust": 360, "fear": 358, "surprise": 1_636,
}  # fmt: skip

CARD = CorpusCard(
    name="meld",
    title="Multimodal EmotionLines Dataset (MELD)",
    language="English",
    elicitation="acted",
    license="GPL-3.0",
    citation="S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A "
    "Multimodal Multi-Party Dataset for Emotion Recognition in Conversations. ACL 2019",
    url="https://affective-meld.github.io",
    labels=LABELS,
    faults=(
        "Of 13,708 labeled clips one is broken, one missing, and three run on past their lines.",
        "A few clips have no label and are left out.",
        "Dialogues are numbered anew in train, dev and test.",
        "The six leads are in all three splits, which therefore share speakers.",
        "Joint lines ('All', 'Joey and Ross') count as speakers of their own.",
        "Sound and text are misaligned in many clips, and laughter covers others.",
    ),
)

SPLITS = ("train", "dev", "test")
NAME = re.compile(r"dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)")
BROKEN = Excluded("broken clip", "cannot be decoded as it is distributed; left out")
CUT_WRONGLY = Excluded("wrongly cut clip", "runs on far past its line; left out")
UNUSABLE = {
    **dict.fromkeys(("train/dia125_utt3", "dev/dia110_utt7"), BROKEN),
    **dict.fromkeys(("train/dia309_utt0", "test/dia38_utt4", "test/dia220_utt0"), CUT_WRONGLY),
}

# The corpus does not state sexes; these six speak most of the lines.
LEADS = {
    "Chandler": "male", "Joey": "male", "Monica": "female",
    "Phoebe": "female", "Rachel": "female", "Ross": "male",
}  # fmt: skip
SAME_SPEAKER = {
    "A Waiter": "The Waiter",
    "Dr. Leedbetter": "Dr. Ledbetter",
    "Phoebe Sr": "Phoebe Sr.",
}


def parse(root: Path) -> Corpus:
    """Read clips and labels below `root`, and sexes of minor parts from `speaker_genders.txt`."""
    columns = ("speaker", "emotion", "dialogue_id", "utterance_id")
    labels = label_parsing.merge_entries(
        label_parsing.read_table(root, [f"{s}_sent_emo.csv"], columns, partial(_parse_row, s))
        for s in SPLITS
    )
    example = "train_splits/dia0_utt3.mp4"
    corpus = label_parsing.corpus_from_labels(
        CARD, root, NAME, labels, example, key=_key, labels_all=False
    )
    return label_parsing.add_genders(corpus, ADULTS)


def _key(name: re.Match[str], relative: PurePath) -> str:
    """Split and clip; the split is in the name of the nearest folder that has one."""
    folders = (part.lower() for part in reversed(relative.parts[:-1]))
    splits = (split for folder in folders for split in SPLITS if split in folder)
    return f"{next(splits, 'no split')}/{name[0]}"


def _parse_row(split: str, row: Mapping[str, str]) -> tuple[str, ParsedName | Excluded]:
    label_parsing.look_up(LABELS, row["emotion"], "emotion")
    dialogue = f"{split}/dia{row['dialogue_id']}"
    key = f"{dialogue}_utt{row['utterance_id']}"
    names = re.split(r",? and |, ", SAME_SPEAKER.get(row["speaker"], row["speaker"]))
    speaker = " and ".join(sorted(names))  # Ross and Joey are Joey and Ross
    parsed = ParsedName(row["emotion"], speaker, LEADS.get(speaker), session=dialogue)
    return key, UNUSABLE.get(key, parsed)
