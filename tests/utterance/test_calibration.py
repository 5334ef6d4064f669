"""One temperature: finds the truth, keeps the order, is defined everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import softmax

from voxaffect.errors import TrainingError
from voxaffect.utterance.calibration import TEMPERATURES, TemperatureCalibration

Floats = NDArray[np.float64]


def negative_log_likelihood(probabilities: Floats, y: NDArray[np.int64]) -> float:
    return -float(np.log(probabilities[np.arange(y.size), y]).mean())


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_finds_the_temperature_that_made_the_labels(temperature: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 4)) * temperature * 2
    drawn = softmax(scores / temperature, axis=1).cumsum(axis=1)
    y = (rng.uniform(size=(20_000, 1)) > drawn).sum(axis=1).clip(max=3)
    found = TemperatureCalibration.fit(scores, y)
    assert found.temperature == pytest.approx(temperature, rel=0.05)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 5))
def test_no_other_temperature_is_likelier(seed: int, n: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    scores, y = rng.normal(size=(n, n_classes)), rng.integers(0, n_classes, n)
    one_extra = np.full((n, n_classes), 1 / n_classes)
    targets = (n * np.eye(n_classes)[y] + one_extra) / (n + 1)

    def loss(temperature: float) -> float:
        return -float((targets * np.log(softmax(scores / temperature, axis=1))).sum())

    found = TemperatureCalibration.fit(scores, y).temperature
    assert all(loss(found) <= loss(t) + 1e-6 for t in np.geomspace(0.02, 99, 50))


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 5)), elements=st.floats(-5, 5)),
    st.floats(*TEMPERATURES),
)
def test_probabilities_keep_the_order_of_the_scores(scores: Floats, temperature: float) -> None:
    probabilities = TemperatureCalibration(temperature).transform(scores)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    ordered = np.take_along_axis(probabilities, scores.argsort(axis=1), axis=1)
    assert (np.diff(ordered, axis=1) >= 0).all()


def test_calibrated_scores_are_likelier_than_raw_ones() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, 400)
    scores = 0.5 * np.eye(4)[y] + 0.3 * rng.normal(size=(400, 4))
    calibrated = TemperatureCalibration.fit(scores[:200], y[:200])
    after = negative_log_likelihood(calibrated.transform(scores[200:]), y[200:])
    assert after < negative_log_likelihood(softmax(scores[200:], axis=1), y[200:])


def test_without_a_dev_set_the_temperature_is_one() -> None:
    assert TemperatureCalibration.fit(np.zeros((0, 4)), np.zeros(0)).temperature == 1


@pytest.mark.parametrize("y", [np.arange(20) % 4, np.zeros(20, int)])
def test_a_faultless_dev_set_vouches_for_no_more_than_its_size(y: NDArray[np.int64]) -> None:
    scores = 2.0 * np.eye(4)[y] - 1
    calibration = TemperatureCalibration.fit(scores, y)
    confidence = calibration.transform(scores)[np.arange(20), y]
    np.testing.assert_allclose(confidence, (20 + 1 / 4) / 21, rtol=1e-4)


def test_scores_that_mislead_give_even_probabilities() -> None:
    y = np.arange(20) % 4
    calibration = TemperatureCalibration.fit(-np.eye(4)[y], y)
    assert calibration.temperature == pytest.approx(TEMPERATURES[1], rel=1e-3)


def test_scores_that_are_all_alike_are_no_problem() -> None:
    low, high = TEMPERATURES
    assert low < TemperatureCalibration.fit(np.zeros((9, 4)), np.arange(9) % 4).temperature < high


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.inf, np.nan])
def test_impossible_temperatures_are_refused(temperature: float) -> None:
    with pytest.raises(TrainingError, match="positive and finite"):
        TemperatureCalibration(temperature)


def test_classes_and_scores_must_fit() -> None:
    with pytest.raises(TrainingError, match="got class -1"):
        TemperatureCalibration.fit(np.zeros((2, 4)), [0, -1])
    with pytest.raises(TrainingError, match="finite scores"):
        TemperatureCalibration.fit(np.full((2, 4), np.nan), [0, 1])
