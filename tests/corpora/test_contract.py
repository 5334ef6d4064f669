"""What every corpus of the registry promises, whichever it is."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora import CORPORA, Loader
from voxaffect.corpora.check import check
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import GENDER, NATURALNESS, Taxonomy

NAMES: dict[str, list[str]] = {
    "emodb": [f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08") for code in "WLEAFTN"],
    "emovo": [
        f"EMOVO/{actor}/{code}-{actor}-b1.wav"
        for actor in ("f1", "m3")
        for code in ("neu", "dis", "gio", "pau", "rab", "sor", "tri")
    ],
    "ravdess": [
        f"Actor_{actor}/03-01-0{code}-01-01-01-{actor}.wav"
        for actor in ("01", "24")
        for code in range(1, 9)
    ],
    "urdu": [
        f"{folder}/{speaker}_F1_{folder[0]}00{number}.wav"
        for folder in ("Angry", "Happy", "Neutral", "Sad")
        for number, speaker in enumerate(("SM1", "SF10"))
    ],
}
"""A tiny tree of each corpus: every label, two speakers, both sexes."""

EVERY = pytest.mark.parametrize("loader", CORPORA.values(), ids=CORPORA.keys())


@pytest.fixture
def tree(loader: Loader, tmp_path: Path) -> Path:
    return record_tree(tmp_path / "tree", NAMES[loader.card.name])


def test_every_corpus_is_under_its_own_name() -> None:
    assert all(name == loader.card.name for name, loader in CORPORA.items())
    assert NAMES.keys() == CORPORA.keys()


@EVERY
def test_the_card_is_complete(loader: Loader) -> None:
    card = loader.card
    assert all([card.title, card.language, card.licence, card.citation])
    assert card.url.startswith("http")
    assert card.n_speakers > 0
    assert card.labels
    assert min(card.labels.values()) > 0
    assert all(fault.endswith(".") for fault in card.faults)


@EVERY
def test_a_tree_is_read_whole(loader: Loader, tree: Path) -> None:
    corpus = loader.parse(tree)
    assert len(corpus.utterances) == len(NAMES[loader.card.name])
    assert not corpus.problems
    assert corpus.card is loader.card
    assert corpus.root == tree
    assert {u.label for u in corpus.utterances} == set(loader.card.labels)
    assert {u.gender for u in corpus.utterances} == {"female", "male"}
    assert len(corpus.speakers) == 2


@EVERY
def test_utterances_know_whose_they_are(loader: Loader, tree: Path) -> None:
    name = loader.card.name
    for utterance in loader.parse(tree).utterances:
        assert utterance.corpus == name
        assert utterance.path.is_file()
        assert utterance.id == f"{name}/{utterance.path.relative_to(tree).with_suffix('')}"
        assert utterance.speaker.startswith(f"{name}/")
        assert utterance.language == loader.card.language


@EVERY
def test_the_default_taxonomy_knows_every_label(loader: Loader, tree: Path) -> None:
    for utterance in loader.parse(tree).utterances:
        targets = Taxonomy().encode(utterance)
        assert targets[GENDER.name] >= 0
        assert targets[NATURALNESS.name] >= 0


@EVERY
def test_ids_are_unique_sorted_and_do_not_depend_on_the_place(
    loader: Loader, tree: Path, tmp_path: Path
) -> None:
    here = loader.parse(tree)
    there = loader.parse(tree.rename(tmp_path / "moved"))
    ids = [u.id for u in here.utterances]
    assert ids == sorted(set(ids))
    assert ids == [u.id for u in there.utterances]
    assert here.digest() == there.digest()


@EVERY
def test_a_root_one_level_too_high_finds_the_same(loader: Loader, tree: Path) -> None:
    assert len(loader.parse(tree.parent).utterances) == len(loader.parse(tree).utterances)


@EVERY
def test_a_root_one_level_too_low_finds_its_part(loader: Loader, tree: Path) -> None:
    below = sorted(path for path in tree.iterdir() if path.is_dir())[0]
    found = loader.parse(below).utterances
    assert len(found) == len(list(below.rglob("*.wav")))


@EVERY
def test_suffixes_of_other_formats_and_cases_are_read(loader: Loader, tmp_path: Path) -> None:
    names = NAMES[loader.card.name]
    suffixes = itertools.cycle([".flac", ".WAV", ".aiff"])
    renamed = [str(Path(n).with_suffix(s)) for n, s in zip(names, suffixes, strict=False)]
    assert len(loader.parse(record_tree(tmp_path, renamed)).utterances) == len(names)


@EVERY
def test_planted_faults_are_found_and_counted(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    emptied, linked, *_ = [u.path for u in clean.utterances]
    emptied.write_bytes(b"")
    linked.unlink()
    linked.symlink_to("nowhere.wav")
    record(tree / "take 2 (final).wav")
    record(tree / "deep" / "down" / clean.utterances[2].path.name)
    (emptied.parent / f"._{emptied.name}").write_bytes(b"\0")
    record(tree / ".trash" / emptied.name)
    (tree / "readme.txt").write_text("not audio")

    corpus = loader.parse(tree)
    assert len(corpus.utterances) == len(clean.utterances) - 2
    found = {(problem.kind, Path(problem.path).name) for problem in corpus.problems}
    assert found == {
        ("empty file", emptied.name),
        ("unreadable file", linked.name),
        ("unmatched name", "take 2 (final).wav"),
        ("duplicate", clean.utterances[2].path.name),
    }
    assert all(problem.detail for problem in corpus.problems)
    assert check(corpus).verdict == "faults"


@EVERY
def test_a_loop_of_links_ends_and_counts_nothing_twice(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    (clean.utterances[0].path.parent / "up").symlink_to(tree, target_is_directory=True)
    assert loader.parse(tree) == clean


@EVERY
def test_roots_that_hold_no_corpus_are_refused_by_name(loader: Loader, tmp_path: Path) -> None:
    file = record(tmp_path / "noise.wav")
    (tmp_path / "empty").mkdir()
    for root, message in [
        (tmp_path / "gone", "there is no such folder"),
        (file, "is a file"),
        (tmp_path / "empty", "among 0 audio files; expected recordings such as"),
        (tmp_path, r"among 1 audio files \(noise.wav is not named like"),
    ]:
        with pytest.raises(CorpusError, match=message) as refusal:
            loader.parse(root)
        assert str(refusal.value).startswith(f"{root}: ")


@EVERY
def test_the_real_corpus_has_the_counts_of_its_card(loader: Loader, real_corpora: Path) -> None:
    root = real_corpora / loader.card.name
    if not root.is_dir():
        pytest.skip(f"no {loader.card.name} among the real corpora")
    report = check(loader.parse(root))
    assert report.verdict != "faults"
    assert set(report.kinds()) <= {"absent label", "duplicated content"}
    assert report.n_speakers == loader.card.n_speakers
    present = {label: n for label, n in report.labels.items() if n}
    assert present.items() <= dict(loader.card.labels).items()
