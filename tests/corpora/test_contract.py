"""Contract tests: what holds for every corpus of the registry."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.corpora.miniatures import FILES, NAMES, write_tree
from tests.corpora.recordings import RATE_HZ, record
from voxaffect.corpora.check import check
from voxaffect.corpora.corpus import Utterance
from voxaffect.corpora.loaders import CORPORA, Loader
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import GENDER, NATURALNESS, Taxonomy

SEXES: dict[str, set[str | None]] = {
    "aibo": {"female child", "male child"},
    "mesd": {"female", "male", None},
    "savee": {"male"},
    "tess": {"female"},
}
"""Genders in trees without both women and men."""

N_SPEAKERS = {"mesd": 1}
"""Number of speakers in trees that do not distinguish two."""

BY_FILE = {"meld", "msp_improv", "msp_podcast", "nemo"}
"""Corpora with labels above the recordings, so that a part of the tree has none."""

WITHOUT_LABELS = {
    *("speaker_genders.txt", "VideoDemographics.csv"),
    *("dev_sent_emo.csv", "test_sent_emo.csv"),
}
"""Files without labels of their tree, which is read completely without them."""

ONLY_LABELS = {
    *("chunk_labels_5cl_corpus.txt", "train_sent_emo.csv", "Evaluation.txt"),
    *("labels_consensus.csv", "data.tsv"),
}
"""Files with all labels of their tree."""

BROKEN = {
    "iemocap": (
        "[1.0 - 2.0]\tSes01F_impro01",
        " (1.0 - 2.0]\tSes01F_impro01_F099\tneu\t[2.5, 2.5, 2.5]",
        "1.0 - 2.0\tSes01F_impro01_F099\tneu",
        "Ses01F_impro01_F099\tneu",
        "broken",
    ),
    "ldc": (
        "0.5 seconds of silence",
        "O.50 2.54 A: neutral, March first",
        "(0.50 2.54 A: neutral, March first",
        "A: neutral, March first",
        " 0.50-2.54 neutral",
    ),
    "msp_improv": (
        "UTD-IMPROV-S01A",
        "UTD_IMPROV-S01A-F01-T-FM99.avi; N; A:3.0; V:3.5; D:3.0 ; N:3.5;",
        " UTD-IMPROV-S01A-F01-T-FM99; N; A:3.0; V:3.5; D:3.0 ; N:3.5;",
        "UTD-IMPR0V-S01A-F01-T-FM99.avi; N; A:3.0; V:3.5; D:3.0 ; N:3.5;",
        "broken",
    ),
}
"""Broken lines, where they are not just a word."""

UNLABELED_BY_DESIGN = {"meld", "msp_podcast"}
"""Corpora whose distribution has recordings without a label."""

UNLABELED = {
    "aibo": "IS2009EmotionChallenge/wav/Ohm_02_000_00.wav",
    "iemocap": "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M099.wav",
    "ldc": "LDC2002S28/speech/mm_001.wav",
    "meld": "train/train_splits/dia9_utt9.wav",
    "msp_improv": "session1/S01A/T/MSP-IMPROV-S01A-F01-T-FM99.wav",
    "msp_podcast": "Audios/MSP-PODCAST_0009_0009.wav",
    "nemo": "samples/EB0_anger_9.wav",
}
"""A recording per corpus that is not in its label files."""

EVERY = pytest.mark.parametrize("loader", CORPORA.values(), ids=CORPORA.keys())
LABELED = pytest.mark.parametrize(
    "loader", [CORPORA[name] for name in UNLABELED], ids=UNLABELED.keys()
)
WITH_FILES = pytest.mark.parametrize("loader", [CORPORA[name] for name in FILES], ids=FILES.keys())


@pytest.fixture
def tree(loader: Loader, tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", loader.card.name, NAMES[loader.card.name])


def test_every_corpus_is_under_its_own_name() -> None:
    assert all(name == loader.card.name for name, loader in CORPORA.items())
    assert NAMES.keys() == CORPORA.keys()


@EVERY
def test_the_card_is_complete(loader: Loader) -> None:
    card = loader.card
    assert all([card.title, card.language, card.license, card.citation])
    assert card.url.startswith("http")
    assert card.n_speakers >= 0
    assert all(n > 0 for n in card.labels.values())
    assert all(fault.endswith(".") for fault in card.faults)


@EVERY
def test_the_counts_of_the_card_agree(loader: Loader) -> None:
    card = loader.card
    for counts in (card.speakers, card.genders, card.styles):
        assert not counts or sum(counts.values()) == sum(card.labels.values())
    assert len(card.speakers) in {0, card.n_speakers}
    assert card.genders.keys() <= set(GENDER.classes)
    assert card.styles.keys() <= set(NATURALNESS.classes)
    if card.labels and card.elicitation != "mixed":
        assert card.styles.keys() == {card.elicitation}


@EVERY
def test_speakers_have_the_names_of_the_card(loader: Loader, tree: Path) -> None:
    corpus = loader.parse(tree)
    if loader.card.speakers:
        names = {speaker.partition("/")[2] for speaker in corpus.speakers}
        assert names <= loader.card.speakers.keys()
    if loader.card.genders:
        assert {u.gender for u in corpus.utterances} == loader.card.genders.keys()
    if loader.card.styles:
        assert {u.naturalness for u in corpus.utterances} <= loader.card.styles.keys()


@EVERY
def test_a_tree_is_read_whole(loader: Loader, tree: Path) -> None:
    corpus = loader.parse(tree)
    assert len(corpus.utterances) == len(NAMES[loader.card.name])
    assert not corpus.problems
    assert corpus.card is loader.card
    assert corpus.root == tree
    if loader.card.labels:
        assert {u.label for u in corpus.utterances} == set(loader.card.labels)
    sexes = SEXES.get(loader.card.name, {"female", "male"})
    assert {u.gender for u in corpus.utterances} == sexes
    assert len(corpus.speakers) == N_SPEAKERS.get(loader.card.name, 2)


@EVERY
def test_ids_paths_and_speakers_are_qualified_by_the_corpus(loader: Loader, tree: Path) -> None:
    name = loader.card.name
    for utterance in loader.parse(tree).utterances:
        assert utterance.corpus == name
        assert utterance.path.is_file()
        recording = utterance.id.partition("#")[0]
        assert recording == f"{name}/{utterance.path.relative_to(tree).with_suffix('')}"
        assert utterance.speaker.startswith(f"{name}/")
        assert utterance.language
        assert utterance.language in loader.card.language


@EVERY
def test_the_default_taxonomy_knows_every_label(loader: Loader, tree: Path) -> None:
    for utterance in loader.parse(tree).utterances:
        targets = Taxonomy().encode(utterance)
        assert (targets[GENDER.name] >= 0) == (utterance.gender is not None)
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
    if loader.card.name in BY_FILE:
        with pytest.raises(CorpusError, match=r"no label in .* \(not found below the root\)"):
            loader.parse(below)
        return
    found = loader.parse(below).utterances
    assert len(found) == len(list(below.rglob("*.wav")))


@EVERY
def test_suffixes_of_other_formats_and_cases_are_read(loader: Loader, tmp_path: Path) -> None:
    names = NAMES[loader.card.name]
    suffixes = itertools.cycle([".flac", ".WAV", ".aiff"])
    renamed = [str(Path(n).with_suffix(s)) for n, s in zip(names, suffixes, strict=False)]
    root = write_tree(tmp_path, loader.card.name, renamed)
    assert len(loader.parse(root).utterances) == len(names)


@EVERY
def test_planted_faults_are_found_and_counted(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    emptied, linked, *_ = [u.path for u in clean.utterances]
    emptied.write_bytes(b"")
    linked.unlink()
    linked.symlink_to("nowhere.wav")
    record(tree / "take 2 (final).wav")
    record(tree / "deep" / clean.utterances[2].path.relative_to(tree))
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


def distort(utterances: tuple[Utterance, ...]) -> set[tuple[str, str]]:
    """Damage recordings of a tree, each in another way; returns what `check` should find."""
    gone, garbled, short, silent, clipped, copied, original, *_ = utterances
    gone.path.unlink()
    garbled.path.write_bytes(b"RIFF, and nothing of it")
    record(short.path, duration_s=short.start_s + 0.01)
    record(silent.path, level=0)
    full_scale = np.sign(np.random.default_rng(0).normal(size=RATE_HZ // 10))
    sf.write(clipped.path, full_scale, RATE_HZ)
    shutil.copy(original.path, copied.path)
    return {
        ("missing", gone.id),
        ("unreadable", garbled.id),
        ("too short", short.id),
        ("silent", silent.id),
        ("clipped", clipped.id),
        ("duplicated content", original.id),
    }


@EVERY
def test_check_finds_a_planted_fault_of_each_kind(loader: Loader, tree: Path) -> None:
    corpus = loader.parse(tree)
    before = check(corpus).kinds()
    planted = distort(corpus.utterances)
    kinds = {kind for kind, _ in planted}
    assert not before.keys() & kinds
    assert {(p.kind, p.path) for p in check(corpus).problems if p.kind in kinds} == planted


@EVERY
def test_a_second_copy_within_the_tree_counts_nothing_twice(
    loader: Loader, tree: Path, tmp_path: Path
) -> None:
    clean = loader.parse(tree)
    shutil.copytree(tree, tmp_path / "copy")
    (tmp_path / "copy").rename(tree / "copy")
    corpus = loader.parse(tree)
    assert corpus.utterances == clean.utterances
    name = loader.card.name
    copies = {f"copy/{path}" for path in (*NAMES[name], *FILES.get(name, {}))}
    assert {(p.kind, p.path) for p in corpus.problems} == {("duplicate", path) for path in copies}
    assert not any(p.is_fault for p in corpus.problems)


@WITH_FILES
def test_label_files_may_be_in_utf16(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    for path, text in FILES[loader.card.name].items():
        (tree / path).write_text(text, encoding="utf-16")
    assert loader.parse(tree) == clean


@WITH_FILES
def test_an_invalid_byte_and_a_broken_line_affect_nothing_else(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    broken = BROKEN.get(loader.card.name, ("broken",))
    lines = b"".join(line.encode() + b" caf\xe9\n" for line in broken)
    for path, text in FILES[loader.card.name].items():
        (tree / path).write_bytes(text.encode() + lines)
    corpus = loader.parse(tree)
    assert corpus.utterances == clean.utterances
    found = {(p.kind, p.path.partition(" line ")[0], p.is_fault) for p in corpus.problems}
    assert found == {
        (kind, path, is_fault)
        for path in FILES[loader.card.name]
        for kind, is_fault in (("encoding", False), ("broken line", True))
    }
    n_broken = Counter(p.path.partition(" line ")[0] for p in corpus.problems if p.is_fault)
    assert n_broken == dict.fromkeys(FILES[loader.card.name], len(broken))


@WITH_FILES
def test_blanks_before_and_after_a_line_change_nothing(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    for path, text in FILES[loader.card.name].items():
        lines = (f"  {line}  " for line in text.split("\n"))
        (tree / path).write_text("\n".join(lines), encoding="utf-8")
    assert loader.parse(tree) == clean


@WITH_FILES
def test_an_empty_label_file_is_named(loader: Loader, tree: Path) -> None:
    for path, text in FILES[loader.card.name].items():
        (tree / path).write_text("")
        if Path(path).name in ONLY_LABELS:
            with pytest.raises(CorpusError, match="is empty") as refusal:
                loader.parse(tree)
            assert str(refusal.value).startswith(f"{tree / path}: ")
        else:
            assert path in {p.path for p in loader.parse(tree).problems if p.is_fault}
        (tree / path).write_text(text, encoding="utf-8")


@WITH_FILES
def test_a_label_file_that_cannot_be_read_is_named(loader: Loader, tree: Path) -> None:
    clean = loader.parse(tree)
    for path in FILES[loader.card.name]:
        (tree / path).rename(tree / "aside")
        (tree / path).symlink_to("nowhere")
        if Path(path).name in ONLY_LABELS:
            with pytest.raises(CorpusError, match=r"cannot be read \(No such file") as refusal:
                loader.parse(tree)
            assert str(refusal.value).startswith(f"{tree / path}: ")
        else:
            corpus = loader.parse(tree)
            assert [p.path for p in corpus.problems if p.kind == "unreadable label file"] == [path]
            lost = {u.id for u in clean.utterances} - {u.id for u in corpus.utterances}
            assert bool(lost) == (Path(path).name not in WITHOUT_LABELS)
            assert corpus.utterances
        (tree / path).unlink()
        (tree / "aside").rename(tree / path)


@LABELED
def test_unmatched_recordings_and_labels_are_named_and_the_rest_is_read(
    loader: Loader, tree: Path
) -> None:
    clean = loader.parse(tree)
    name = loader.card.name
    lost = clean.utterances[0]
    lost.path.unlink()
    record(tree / UNLABELED[name])
    corpus = loader.parse(tree)
    assert corpus.utterances == clean.utterances[1:]
    lone, unlabeled = sorted(
        (p for p in corpus.problems if p.kind.startswith("no ") and p.kind != "no gender"),
        key=lambda p: p.kind != "no recording",
    )
    assert lone.kind == "no recording"
    assert lost.path.stem.removeprefix("MSP") in f"{lone.path} {lone.detail}"
    assert unlabeled.kind in {"no label", "no transcript"}
    assert unlabeled.path == UNLABELED[name]
    assert unlabeled.is_fault == (name not in UNLABELED_BY_DESIGN)


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
        (tmp_path / "gone", "no such folder; give the root of a corpus"),
        (file, "is a file"),
        (tmp_path / "empty", "among 0 audio files; expected names such as"),
        (tmp_path, r"among 1 audio files \(noise.wav is not named like"),
    ]:
        with pytest.raises(CorpusError, match=message) as refusal:
            loader.parse(root)
        assert str(refusal.value).startswith(f"{root}: ")


MISSING_SPEAKERS = {"ased": 1}
"""Number of speakers whose recordings are all of a class that the copy here lacks."""


@EVERY
def test_the_real_corpus_has_the_counts_of_its_card(loader: Loader, real_corpora: Path) -> None:
    root = real_corpora / loader.card.name
    if not root.is_dir():
        pytest.skip(f"no {loader.card.name} among the real corpora")
    report = check(loader.parse(root))
    assert report.verdict != "faults"
    missing = loader.card.n_speakers - report.speakers.found
    assert missing == MISSING_SPEAKERS.get(loader.card.name, 0)
    allowed = {"absent label", "duplicated content"} | ({"speaker count"} if missing else set())
    assert set(report.kinds()) <= allowed
    present = {count.name: count.found for count in report.by_label if count.found}
    assert present.items() <= dict(loader.card.labels).items()
