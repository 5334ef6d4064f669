"""MELD: `train_splits/dia0_utt3.mp4`, labelled in `train_sent_emo.csv`; so for dev and test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.label_files import (
    Entries,
    LineError,
    corpus_from_labels,
    joined,
    look_up,
    open_label_file,
    read_lines,
    read_table,
)
from voxaffect.corpora.tree import LeftOut, Spoken

CARD = CorpusCard(
    name="meld",
    title="Multimodal EmotionLines Dataset (MELD)",
    language="English",
    elicitation="acted",
    licence="GPL-3.0",
    citation="S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A "
    "Multimodal Multi-Party Dataset for Emotion Recognition in Conversations. ACL 2019",
    url="https://affective-meld.github.io",
    labels={
        "neutral": 6_434,
        "joy": 2_306,
        "sadness": 1_002,
        "anger": 1_607,
        "disgust": 360,
        "fear": 358,
        "surprise": 1_636,
    },
    n_speakers=0,
    faults=(
        "Of 13,708 labelled clips one is broken, one missing and three are cut minutes too long.",
        "Dialogues are numbered anew in train, dev and test.",
        "The six leads are in all three splits, which therefore share speakers.",
        "Lines said together ('All', 'Joey and Ross') count as speakers of their own.",
        "Sound and text are misaligned in many clips, and laughter covers others.",
    ),
)

SPLITS = ("train", "dev", "test")
EMOTIONS = frozenset(CARD.labels)

BROKEN = LeftOut("broken clip", "cannot be decoded as it is distributed; left out")
CUT_WRONGLY = LeftOut("wrongly cut clip", "runs on far past its line; left out")
UNUSABLE = {
    "train/dia125_utt3": BROKEN,
    "dev/dia110_utt7": BROKEN,
    "train/dia309_utt0": CUT_WRONGLY,
    "test/dia38_utt4": CUT_WRONGLY,
    "test/dia220_utt0": CUT_WRONGLY,
}

# The corpus tells no sexes. Those of the leads, who speak most lines, are known; a file
# `speaker_genders.txt` of lines `name<TAB>f` or `name<TAB>m` adds others.
LEADS = {
    "Chandler": "male",
    "Joey": "male",
    "Monica": "female",
    "Phoebe": "female",
    "Rachel": "female",
    "Ross": "male",
}
SEXES = {"f": "female", "m": "male"}

SAME_SPEAKER = {
    "A Waiter": "The Waiter",
    "Dr. Leedbetter": "Dr. Ledbetter",
    "Phoebe Sr": "Phoebe Sr.",
}


def parse(root: Path) -> Corpus:
    """Read the clips and the three label files below `root`.

    Raises:
        CorpusError: `root` is no folder, a label file lacks a column, or no clip has a label.
    """
    genders = read_lines(open_label_file(root, "speaker_genders.txt"), _read_gender)
    labels = joined(_read_split(root, split, LEADS | {**genders.found}) for split in SPLITS)
    return corpus_from_labels(
        CARD,
        root,
        Entries(labels.source, labels.found, labels.where, genders.problems + labels.problems),
        pattern=re.compile(r"dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)"),
        example="train_splits/dia0_utt3.mp4",
        key=_key,
    )


def _key(name: re.Match[str], relative: PurePath) -> str:
    """Split and clip; the split is in the name of the nearest folder that has one."""
    folders = (part.lower() for part in reversed(relative.parts[:-1]))
    splits = (split for folder in folders for split in SPLITS if split in folder)
    return f"{next(splits, 'no split')}/{name[0]}"


def _read_split(root: Path, split: str, genders: Mapping[str, str]) -> Entries[Spoken | LeftOut]:
    return read_table(
        open_label_file(root, f"{split}_sent_emo.csv"),
        ("speaker", "emotion", "dialogue_id", "utterance_id"),
        partial(_read_row, split, genders),
    )


def _read_row(
    split: str, genders: Mapping[str, str], row: Mapping[str, str]
) -> tuple[str, Spoken | LeftOut]:
    if row["emotion"] not in EMOTIONS:
        raise LineError(f"emotion {row['emotion']!r} is none of {', '.join(CARD.labels)}")
    dialogue = f"{split}/dia{row['dialogue_id']}"
    key = f"{dialogue}_utt{row['utterance_id']}"
    speaker = _speaker(row["speaker"])
    said = Spoken(row["emotion"], speaker, genders.get(speaker), session=dialogue)
    return key, UNUSABLE.get(key, said)


def _speaker(name: str) -> str:
    """One name a voice, or a set of voices: Ross and Joey are Joey and Ross."""
    voices = re.split(r",? and |, ", SAME_SPEAKER.get(name, name))
    return " and ".join(sorted(voices))


def _read_gender(text: str) -> tuple[str, str]:
    name, _, sex = text.rpartition("\t")
    return _speaker(name.strip()), look_up(SEXES, sex.strip().lower(), "sex")
