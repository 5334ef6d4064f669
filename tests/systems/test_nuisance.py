"""Directions in which planted voices differ are found, and machines are blind to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from voxaffect.model.data import Examples
from voxaffect.systems.nuisance import speaker_directions, without
from voxaffect.systems.row_classifier import MeanLogisticSettings, RowClassifier

N_EMOTIONS, K = 4, 12


def planted(
    n_speakers: int = 8, n_each: int = 6, n_directions: int = 2, noise: float = 0.05, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, emotions, speakers, and the orthonormal directions (K, D) in which voices differ."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(K, n_directions + N_EMOTIONS)))[0]
    voices, emotions = np.split(basis.T, [n_directions])
    offsets = 5 * rng.normal(size=(n_speakers, n_directions)) @ voices
    target = np.tile(np.repeat(np.arange(N_EMOTIONS), n_each), n_speakers)
    speakers = np.repeat(np.arange(n_speakers), N_EMOTIONS * n_each)
    rows = offsets[speakers] + emotions[target] + noise * rng.normal(size=(target.size, K))
    return rows, target, speakers, voices.T


@pytest.mark.parametrize("n_directions", [1, 2, 3])
def test_directions_are_orthonormal_and_those_planted(n_directions: int) -> None:
    rows, target, speakers, truth = planted(n_directions=n_directions)
    found = speaker_directions(rows, target, speakers, n_directions)
    np.testing.assert_allclose(found.T @ found, np.eye(n_directions), atol=1e-12)
    np.testing.assert_allclose(found @ found.T, truth @ truth.T, atol=0.02)


def test_what_a_speaker_says_most_is_no_voice() -> None:
    """Half of the speakers are mostly happy, half mostly sad, and all have one voice."""
    rows, target, speakers, _ = planted(noise=1e-4, n_directions=1)
    same = rows - rows.mean(axis=0)
    for speaker in np.unique(speakers):
        same[speakers == speaker] -= same[speakers == speaker].mean(axis=0)
    same[:, 0] += 0.01 * speakers  # a little
    kept = (target != 1 + speakers % 2) | (np.arange(target.size) % 6 == 0)
    (found,) = speaker_directions(same[kept], target[kept], speakers[kept], 1).T
    assert abs(found[0]) > 0.99


def test_speakers_unknown_or_of_few_emotions_do_not_count() -> None:
    rows, target, speakers, _ = planted()
    expected = speaker_directions(rows, target, speakers, 2)
    stranger = 100 * np.random.default_rng(1).normal(size=(40, K))
    more = np.concatenate([rows, stranger])
    for number, emotions in ((-1, np.arange(40) % 4), (99, np.arange(40) % 2)):
        found = speaker_directions(
            more,
            np.concatenate([target, emotions]),
            np.concatenate([speakers, np.full(40, number)]),
            2,
        )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("n_speakers", "n_found"), [(1, 0), (2, 1), (3, 2), (9, 5)])
def test_there_are_fewer_directions_than_speakers(n_speakers: int, n_found: int) -> None:
    rows, target, speakers, _ = planted(n_speakers)
    assert speaker_directions(rows, target, speakers, 5).shape == (K, n_found)


def test_what_is_taken_out_is_gone_and_nothing_else() -> None:
    rows, target, speakers, _ = planted()
    directions = speaker_directions(rows, target, speakers, 2)
    left = without(rows, directions)
    np.testing.assert_allclose(left @ directions, 0, atol=1e-12)
    np.testing.assert_allclose(without(left, directions), left, atol=1e-12)
    np.testing.assert_allclose(rows - left, (rows @ directions) @ directions.T, atol=1e-12)
    np.testing.assert_array_equal(without(rows, np.zeros((K, 0))), rows)


def examples_of(rows: np.ndarray, target: np.ndarray, speakers: np.ndarray) -> Examples:
    frames = [*rows[:, None].astype(np.float32)]
    return Examples(frames, {"emotion": target}, speakers=speakers)


def test_a_machine_is_blind_to_the_voices_of_its_training() -> None:
    rows, target, speakers, _ = planted()
    known = examples_of(rows, target, speakers)
    settings = MeanLogisticSettings(penalties=(1.0,), speaker_directions=2)
    machine = RowClassifier(settings, settings.summary)
    machine.fit(known, known, seed=0)
    own = speaker_directions(rows.astype(np.float32).astype(np.float64), target, speakers, 2)
    moved = rows + np.random.default_rng(2).normal(size=(len(rows), 2)) @ own.T * 50
    np.testing.assert_allclose(machine.scores(moved), machine.scores(rows), atol=1e-5)
    sighted = RowClassifier(replace(settings, speaker_directions=0), settings.summary)
    sighted.fit(known, known, seed=0)
    assert np.abs(sighted.scores(moved) - sighted.scores(rows)).max() > 0.1


def test_emotions_are_recognized_in_voices_unheard() -> None:
    rows, target, speakers, _ = planted(seed=3)
    known = speakers < 4
    settings = MeanLogisticSettings(penalties=(1.0,), speaker_directions=2)
    machine = RowClassifier(settings, settings.summary)
    heard = examples_of(rows[known], target[known], speakers[known])
    machine.fit(heard, heard, seed=0)
    found = machine.decide(rows[~known]).argmax(axis=1)
    assert (found == target[~known]).mean() > 0.95
