from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from voxaffect.corpora import CORPORA
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.simulation.plans import PLANS, TreePlan
from voxaffect.simulation.trees import NOTICE, STAND_IN, plan_takes, simulate, stream, write_take
from voxaffect.taxonomy import Taxonomy

EVERY = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
SMALL = 0.01  # one take a speaker and label


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All corpora, small, of seed 0."""
    return simulate(tmp_path_factory.mktemp("forest"), seed=0, scale=SMALL)


def contents(root: Path) -> dict[str, str]:
    """Hash of every recording below a folder by its path."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.wav"))
    }


@EVERY
def test_each_tree_is_read_by_its_loader(plan: TreePlan, forest: dict[str, Path]) -> None:
    corpus = CORPORA[plan.corpus].parse(forest[plan.corpus])
    assert not corpus.problems
    takes = list(plan_takes(plan, seed=0, scale=SMALL))
    assert len(corpus.utterances) == len(takes) == plan.size(SMALL)
    emotion = Taxonomy().emotion
    planned = Counter(plan.roles[take.label].expression.label for take in takes)
    read = corpus.count(emotion)
    for name in ("neutral", "happy", "sad", "angry"):
        assert read[name] == planned[name]


@EVERY
def test_speakers_gender_and_style_are_read_as_planned(
    plan: TreePlan, forest: dict[str, Path]
) -> None:
    corpus = CORPORA[plan.corpus].parse(forest[plan.corpus])
    genders = {u.speaker.removeprefix(f"{plan.corpus}/"): u.gender for u in corpus.utterances}
    assert len(genders) == len(plan.cast)
    assert Counter(genders.values()) == Counter(m.group.gender for m in plan.cast.values())
    assert {u.naturalness for u in corpus.utterances} == {plan.style.naturalness}


@EVERY
def test_files_are_16_bit_pcm_at_the_corpus_rate(plan: TreePlan, forest: dict[str, Path]) -> None:
    for path in forest[plan.corpus].rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert info.samplerate == plan.sample_rate_hz
        assert 0.6 < info.duration < 6.0


def test_the_trees_say_what_they_are(forest: dict[str, Path]) -> None:
    assert all(STAND_IN in (root / NOTICE).read_text("utf-8") for root in forest.values())


def test_bytes_depend_on_the_seed_alone(forest: dict[str, Path], tmp_path: Path) -> None:
    expected = contents(forest["emodb"])
    alone = simulate(tmp_path / "jobs", seed=0, scale=SMALL, corpora=["emodb"], n_jobs=2)
    assert contents(alone["emodb"]) == expected


def test_another_seed_makes_another_recording(forest: dict[str, Path], tmp_path: Path) -> None:
    take = next(plan_takes(PLANS["emodb"], seed=0, scale=SMALL))
    for seed in (0, 1):
        write_take(tmp_path / str(seed), take, seed)
    written = (forest["emodb"] / take.slot.path).read_bytes()
    assert (tmp_path / "0" / take.slot.path).read_bytes() == written
    assert (tmp_path / "1" / take.slot.path).read_bytes() != written


@EVERY
def test_a_larger_scale_adds_takes_to_those_of_a_smaller(plan: TreePlan) -> None:
    planned = [
        {take.slot.path for take in plan_takes(plan, seed=0, scale=scale)}
        for scale in (0.1, 0.5, 1.0, 2.0)
    ]
    assert all(small <= large for small, large in pairwise(planned))


def test_an_interrupted_tree_is_completed(forest: dict[str, Path], tmp_path: Path) -> None:
    expected = contents(forest["urdu"])
    root = Path(shutil.copytree(forest["urdu"], tmp_path / "urdu"))
    for path in list(root.rglob("*.wav"))[::2]:
        path.unlink()
    simulate(tmp_path, seed=0, scale=SMALL, corpora=["urdu"])
    assert contents(root) == expected


def test_no_simulated_file_lands_among_real_ones(tmp_path: Path) -> None:
    (tmp_path / "emodb" / "wav").mkdir(parents=True)
    with pytest.raises(CorpusError, match="choose an empty folder"):
        simulate(tmp_path, seed=0, corpora=["emodb"])
    assert not list(tmp_path.rglob("*.wav"))


def test_two_seeds_are_not_mixed_in_one_tree(forest: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(forest["urdu"], tmp_path / "urdu")
    with pytest.raises(CorpusError, match="urdu"):
        simulate(tmp_path, seed=1, scale=SMALL, corpora=["urdu"])


def test_progress_counts_every_file_once(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    simulate(tmp_path, seed=0, scale=SMALL, corpora=["urdu"], progress=lambda *at: told.append(at))
    total = PLANS["urdu"].size(SMALL)
    assert told == [(i, total) for i in range(1, total + 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpora": ["emodb", "emobd"]}, "'emobd'"),
        ({"seed": -1}, "seed = -1"),
        ({"scale": 0.0}, r"scale = 0\.0"),
        ({"scale": float("nan")}, "scale = nan"),
    ],
)
def test_impossible_settings_write_nothing(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate(tmp_path, **{"seed": 0, **changes})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_streams_of_different_names_differ() -> None:
    draws = [
        stream(seed, *names).random()
        for seed in (0, 1)
        for names in (("a", "b"), ("a", "c"), ("ab",), ("a",))
    ]
    assert len(set(draws)) == len(draws)
