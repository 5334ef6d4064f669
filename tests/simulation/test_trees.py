from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxaffect.audio.decode import decode
from voxaffect.corpora.loaders import CORPORA
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.simulation.plans import PAPER, PLANS, TreePlan, write_film
from voxaffect.simulation.trees import (
    NOTICE,
    SIMULATED_NOTICE,
    named_rng,
    plan_sessions,
    plan_takes,
    record,
    simulate,
)
from voxaffect.taxonomy import EMOTION, Taxonomy

EVERY = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
SMALL = 0.01  # one take a speaker and label
FORMATS = {"enterface": (".avi", None, 1), "ldc": (".sph", "NIST", 2)}
"""Suffix, libsndfile's name and channels, where they are not those of a mono WAV file."""


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All corpora at a small scale, seed 0."""
    return simulate(tmp_path_factory.mktemp("corpora"), seed=0, scale=SMALL)


def contents(root: Path) -> dict[str, str]:
    """Hash of every file below a folder by its path."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def recordings(root: Path) -> list[Path]:
    """Every simulated recording below a folder."""
    return sorted(path for path in root.rglob("*") if path.suffix in {".wav", ".avi", ".sph"})


@EVERY
def test_loaders_read_the_simulated_corpora(plan: TreePlan, corpora: dict[str, Path]) -> None:
    corpus = CORPORA[plan.corpus].parse(corpora[plan.corpus])
    assert not [problem for problem in corpus.problems if problem.is_fault]
    takes = plan_takes(plan, seed=0, scale=SMALL)
    assert len(corpus.utterances) == len(takes) == len(plan.speakers) * len(plan.labels)
    emotion = Taxonomy().emotion
    planned = Counter(plan.labels[take.label].emotion for take in takes)
    read = corpus.count(emotion)
    for name in ("neutral", "happy", "sad", "angry"):
        assert read[name] == planned[name]


@EVERY
def test_speakers_gender_and_style_are_read_as_planned(
    plan: TreePlan, corpora: dict[str, Path]
) -> None:
    corpus = CORPORA[plan.corpus].parse(corpora[plan.corpus])
    genders = {u.speaker.removeprefix(f"{plan.corpus}/"): u.gender for u in corpus.utterances}
    assert len(genders) == len(plan.speakers)
    assert Counter(genders.values()) == Counter(group.gender for group in plan.speakers.values())
    planned = Counter(
        plan.labels[take.label].style.naturalness for take in plan_takes(plan, 0, SMALL)
    )
    assert corpus.count(lambda u: u.naturalness) == planned


@EVERY
def test_utterances_are_speech_of_a_few_seconds(plan: TreePlan, corpora: dict[str, Path]) -> None:
    for utterance in CORPORA[plan.corpus].parse(corpora[plan.corpus]).utterances:
        waveform = decode(utterance.path, start_s=utterance.start_s, end_s=utterance.end_s)
        assert 0.4 < waveform.duration_s < 6.0
        assert waveform.rms() > 0.001
        assert waveform.clipped_share() < 0.001


@EVERY
def test_files_are_in_the_corpus_format(plan: TreePlan, corpora: dict[str, Path]) -> None:
    suffix, kind, n_channels = FORMATS.get(plan.corpus, (".wav", "WAV", 1))
    for path in recordings(corpora[plan.corpus]):
        assert path.suffix == suffix
        if kind is not None:
            info = soundfile.info(path)
            assert (info.format, info.subtype, info.channels) == (kind, "PCM_16", n_channels)
            assert info.samplerate == plan.sample_rate_hz


def test_films_are_lossless_and_reproducible(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(-20_000, 20_000, (16_000, 1), dtype=np.int16)
    write_film(tmp_path / "a.avi", samples, 16_000)
    write_film(tmp_path / "b.avi", samples, 16_000)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()
    np.testing.assert_array_equal(decode(tmp_path / "a.avi").samples * 32_768, samples[:, 0])


def test_takes_of_a_session_are_at_the_times_of_its_transcript(corpora: dict[str, Path]) -> None:
    """There is only background noise between the segments."""
    first = [u for u in CORPORA["ldc"].parse(corpora["ldc"]).utterances if "cc_001" in u.id]
    samples, rate = soundfile.read(first[0].path, dtype="float32")
    spoken = np.zeros(len(samples), bool)
    for u in first:
        assert u.end_s is not None
        spoken[round(u.start_s * rate) : round((u.end_s + 0.25) * rate)] = True  # and echo
    level = np.square(samples.mean(axis=1))
    assert level[~spoken].mean() < 0.01 * level[spoken].mean()


def test_corpora_lack_the_classes_that_the_paper_s_lack(corpora: dict[str, Path]) -> None:
    emotion = Taxonomy().emotion
    counts = {name: CORPORA[name].parse(corpora[name]).count(emotion) for name in PAPER}
    gaps = {
        (name, emotion)
        for name in PAPER
        for emotion in EMOTION.classes
        if not counts[name][emotion]
    }
    assert gaps == {("aibo", "sad"), ("enterface", "neutral")}


def test_corpora_contain_the_notice(corpora: dict[str, Path]) -> None:
    assert all(SIMULATED_NOTICE in (root / NOTICE).read_text("utf-8") for root in corpora.values())


def test_bytes_depend_on_the_seed_only(corpora: dict[str, Path], tmp_path: Path) -> None:
    expected = contents(corpora["emodb"])
    alone = simulate(tmp_path / "jobs", seed=0, scale=SMALL, corpora=["emodb"], n_jobs=2)
    assert contents(alone["emodb"]) == expected


def test_recordings_depend_on_the_seed(corpora: dict[str, Path]) -> None:
    plan = PLANS["emodb"]
    session = plan_sessions(plan, seed=0, scale=SMALL)[0]
    again, other = (record(plan, session, seed).samples for seed in (0, 1))
    written, _ = soundfile.read(corpora["emodb"] / session[0].path, dtype="int16")
    np.testing.assert_array_equal(again[:, 0], written)
    assert not np.array_equal(again, other)


@EVERY
def test_larger_scales_include_the_takes_of_smaller_ones(plan: TreePlan) -> None:
    planned = [
        {(take.path, take.label, take.sentence) for take in plan_takes(plan, 0, scale)}
        for scale in (0.1, 0.5, 1.0, 2.0)
    ]
    assert all(small <= large for small, large in pairwise(planned))


def test_interrupted_corpora_are_completed(corpora: dict[str, Path], tmp_path: Path) -> None:
    expected = contents(corpora["urdu"])
    root = Path(shutil.copytree(corpora["urdu"], tmp_path / "urdu"))
    for path in recordings(root)[::2]:
        path.unlink()
    simulate(tmp_path, seed=0, scale=SMALL, corpora=["urdu"])
    assert contents(root) == expected


def test_folders_with_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "emodb" / "wav").mkdir(parents=True)
    with pytest.raises(CorpusError, match="choose an empty folder"):
        simulate(tmp_path, seed=0, corpora=["emodb"])
    assert not recordings(tmp_path)


def test_seeds_are_not_mixed_in_one_folder(corpora: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(corpora["urdu"], tmp_path / "urdu")
    with pytest.raises(CorpusError, match="urdu"):
        simulate(tmp_path, seed=1, scale=SMALL, corpora=["urdu"])


def test_progress_counts_every_file_once(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    simulate(tmp_path, seed=0, scale=SMALL, corpora=["urdu"], progress=lambda *at: calls.append(at))
    total = len(plan_takes(PLANS["urdu"], 0, SMALL))
    assert calls == [(i, total) for i in range(1, total + 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpora": ["emodb", "emobd"]}, "'emobd'"),
        ({"seed": -1}, "seed = -1 is negative; use 0 or above"),
        ({"scale": 0.0}, r"scale = 0\.0 is out of range; use a number above 0"),
        ({"scale": float("nan")}, "scale = nan"),
    ],
)
def test_invalid_settings_write_nothing(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate(tmp_path, **{"seed": 0, **changes})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_generators_of_different_names_differ() -> None:
    draws = [
        named_rng(seed, *names).random()
        for seed in (0, 1)
        for names in (("a", "b"), ("a", "c"), ("ab",), ("a",))
    ]
    assert len(set(draws)) == len(draws)
