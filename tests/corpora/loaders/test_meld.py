from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import meld

HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    "StartTime,EndTime\n"
)
FOLDERS = {
    "train": "train/train_splits",
    "dev": "dev/dev_splits_complete",
    "test": "output_repeated_splits_test",
}


def row(speaker: str, emotion: str, dialogue: int, utterance: int, text: str = "Oh, no.") -> str:
    times = '"00:16:16,059","00:16:21,731"'
    return f'1,"{text}",{speaker},{emotion},neutral,{dialogue},{utterance},8,21,{times}\n'


def parse(root: Path, *names: str, train: str = "", dev: str = "", test: str = "") -> Corpus:
    for split, rows in {"train": train, "dev": dev, "test": test}.items():
        (root / f"{split}_sent_emo.csv").write_text(HEADER + rows, encoding="utf-8")
    return meld.parse(record_tree(root, names))


def test_a_clip_is_labeled_by_its_split_dialogue_and_number(tmp_path: Path) -> None:
    corpus = parse(
        tmp_path,
        *(f"{folder}/dia0_utt3.wav" for folder in FOLDERS.values()),
        train=row("Ross", "joy", 0, 3),
        dev=row("Monica", "anger", 0, 3),
        test=row("Ross", "fear", 0, 3),
    )
    assert not corpus.problems
    found = {u.session: (u.speaker, u.gender, u.label) for u in corpus.utterances}
    assert found == {
        "train/dia0": ("meld/Ross", "male", "joy"),
        "dev/dia0": ("meld/Monica", "female", "anger"),
        "test/dia0": ("meld/Ross", "male", "fear"),
    }


@pytest.mark.parametrize("text", ["Y\u2019know\u2026", "so\u0085 well", 'I said, ""Hey!""'])
def test_transcripts_do_not_affect_labels(tmp_path: Path, text: str) -> None:
    corpus = parse(tmp_path, "test/dia1_utt0.wav", test=row("Joey", "joy", 1, 0, text))
    assert [u.label for u in corpus.utterances] == ["joy"]
    assert not corpus.problems


def test_known_bad_clips_are_left_out_of_their_own_split(tmp_path: Path) -> None:
    bad = {"train": [(125, 3), (309, 0)], "dev": [(110, 7)], "test": [(38, 4), (220, 0)]}
    pairs = sorted(pair for of_split in bad.values() for pair in of_split)
    rows = "".join(row("Joey", "joy", *pair) for pair in pairs)
    names = [f"{folder}/dia{d}_utt{u}.wav" for folder in FOLDERS.values() for d, u in pairs]
    corpus = parse(tmp_path, *names, train=rows, dev=rows, test=rows)
    assert len(corpus.utterances) == 3 * 5 - 5
    left_out = {(p.kind, p.path) for p in corpus.problems}
    assert left_out == {
        ("broken clip" if (d, u) in {(125, 3), (110, 7)} else "wrongly cut clip", path)
        for split, of_split in bad.items()
        for d, u in of_split
        for path in [f"{FOLDERS[split]}/dia{d}_utt{u}.wav"]
    }
    kept = {(u.session, u.path.stem) for u in corpus.utterances}
    assert ("train/dia110", "dia110_utt7") in kept  # bad in dev alone


def test_a_missing_bad_clip_is_not_reported(tmp_path: Path) -> None:
    rows = row("Joey", "joy", 110, 6) + row("Joey", "joy", 110, 7)
    assert not parse(tmp_path, "dev_splits_complete/dia110_utt6.wav", dev=rows).problems


def test_a_clip_is_a_film(tmp_path: Path) -> None:
    folder = tmp_path / "MELD.Raw" / "train" / "train_splits"
    folder.mkdir(parents=True)
    (folder / "dia0_utt0.mp4").write_bytes(b"film")
    assert [u.label for u in parse(tmp_path, train=row("Joey", "joy", 0, 0)).utterances] == ["joy"]


def test_clips_without_label_and_of_no_split_are_reported(tmp_path: Path) -> None:
    names = ["dev/dia49_utt3.wav", "dev/dia49_utt4.wav", "dia49_utt3.wav"]
    names.append("test/final_videos_testdia1_utt0.wav")
    problems = parse(tmp_path, *names, dev=row("Joey", "joy", 49, 3)).problems
    assert {(p.kind, p.path) for p in problems} == {
        ("no label", "dev/dia49_utt4.wav"),
        ("no label", "dia49_utt3.wav"),
        ("unmatched name", "test/final_videos_testdia1_utt0.wav"),
    }


@pytest.mark.parametrize(
    ("names", "speaker"),
    [
        (("Ross and Joey", "Joey and Ross"), "Joey and Ross"),
        (("Rachel, Phoebe and Monica",), "Monica and Phoebe and Rachel"),
        (("A Waiter", "The Waiter"), "The Waiter"),
        (("Dr. Leedbetter", "Dr. Ledbetter"), "Dr. Ledbetter"),
        (("Phoebe Sr", "Phoebe Sr."), "Phoebe Sr."),
    ],
)
def test_one_speaker_has_one_name(tmp_path: Path, names: tuple[str, ...], speaker: str) -> None:
    rows = "".join(row(f'"{name}"', "joy", 0, n) for n, name in enumerate(names))
    clips = [f"train/dia0_utt{n}.wav" for n in range(len(names))]
    assert parse(tmp_path, *clips, train=rows).speakers == (f"meld/{speaker}",)


def test_a_side_file_adds_the_sexes_of_others(tmp_path: Path) -> None:
    (tmp_path / "speaker_genders.txt").write_text("Janice\tf\nGunther\t?\n")
    rows = "".join(row(name, "joy", 0, n) for n, name in enumerate(("Janice", "Gunther", "Joey")))
    corpus = parse(tmp_path, *(f"train/dia0_utt{n}.wav" for n in range(3)), train=rows)
    assert [u.gender for u in corpus.utterances] == ["female", None, "male"]
    assert [(p.kind, p.path) for p in corpus.problems] == [
        ("broken line", "speaker_genders.txt line 2"),
        ("no gender", "speaker_genders.txt"),
    ]


@pytest.mark.parametrize("fault", ["unreadable", "without a column"])
def test_one_table_that_cannot_be_read_leaves_the_others(tmp_path: Path, fault: str) -> None:
    names = [f"{folder}/dia0_utt3.wav" for folder in FOLDERS.values()]
    rows = row("Ross", "joy", 0, 3)
    parse(tmp_path, *names, train=rows, dev=rows, test=rows)
    table = tmp_path / "dev_sent_emo.csv"
    table.unlink()
    if fault == "unreadable":
        table.symlink_to("nowhere.csv")
    else:
        table.write_text("Speaker,Feeling,Dialogue_ID,Utterance_ID\nRoss,joy,0,3\n")
    corpus = meld.parse(tmp_path)
    assert [u.session for u in corpus.utterances] == ["test/dia0", "train/dia0"]
    unreadable, unlabeled = corpus.problems
    assert (unreadable.kind, unreadable.path) == ("unreadable label file", "dev_sent_emo.csv")
    assert unreadable.is_fault
    assert (unlabeled.kind, unlabeled.path) == ("no label", names[1])


def test_broken_rows_are_reported(tmp_path: Path) -> None:
    rows = row("Joey", "joy", 0, 0) + row("Joey", "glee", 0, 1) + "2,cut off,Joey\n"
    problems = parse(tmp_path, "train/dia0_utt0.wav", train=rows).problems
    assert [(p.kind, p.path) for p in problems] == [
        ("broken line", "train_sent_emo.csv line 3"),
        ("broken line", "train_sent_emo.csv line 4"),
    ]


def test_the_card_adds_up_to_the_whole_corpus_less_five() -> None:
    assert sum(meld.CARD.labels.values()) == 9_989 + 1_109 + 2_610 - 5
