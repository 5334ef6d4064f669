from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.audio.waveform import Waveform
from voxaffect.evaluation.experiment.utterance_facts import (
    MOST_DB,
    rms_column,
    signal_to_noise_db,
)
from voxaffect.features.lld.extractor import LowLevelDescriptors

LEVELS = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


def column(levels: object) -> np.ndarray:
    """Frames (T, 2) whose second column is the RMS."""
    rms = np.asarray(levels, np.float32)
    return np.column_stack([np.full_like(rms, 7.0), rms])


def test_snr_of_ten_times_the_level_is_20_db() -> None:
    (found,) = signal_to_noise_db([column([0.01] * 30 + [0.1] * 70)], 1)
    assert found == pytest.approx(20.0, abs=1e-5)


@pytest.mark.parametrize(
    ("levels", "expected"), [([0.3] * 9, 0.0), ([0.2], 0.0), ([0.0, 0.5, 0.5, 0.5], MOST_DB)]
)
def test_snr_of_constant_level_and_of_digital_silence(levels: list[float], expected: float) -> None:
    assert signal_to_noise_db([column(levels)], 1)[0] == pytest.approx(expected)


def test_snr_of_zeros_is_undefined() -> None:
    assert np.isnan(signal_to_noise_db([column([0.0, -0.0])], 1)).all()


def test_no_utterances_have_no_snr() -> None:
    assert signal_to_noise_db([], 1).shape == (0,)


@given(st.lists(LEVELS, min_size=1, max_size=6))
def test_levels_are_order_statistics_of_each_utterance_alone(many: list[list[float]]) -> None:
    found = signal_to_noise_db([column(levels) for levels in many], 1)
    for levels, db in zip(many, found, strict=True):
        quiet, loud = np.quantile(column(levels)[:, 1], [0.10, 0.95], method="lower").astype(float)
        if loud == 0:
            assert np.isnan(db)
        else:
            floor = loud * 10 ** (-MOST_DB / 20)
            assert db == pytest.approx(20 * np.log10(loud / max(quiet, floor)), abs=1e-6)
            assert 0 <= db <= MOST_DB + 1e-9


def test_snr_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frames = [column(rng.uniform(0.001, 1, n)) for n in range(1, 12)]
    whole = signal_to_noise_db(frames, 1)
    monkeypatch.setattr("voxaffect.evaluation.experiment.utterance_facts.BLOCK", 3)
    np.testing.assert_array_equal(signal_to_noise_db(frames, 1), whole)


def test_snr_of_a_burst_in_noise_from_our_descriptors() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 32_000).astype(np.float32)
    samples[8_000:24_000] *= 30  # 29.5 dB
    extractor = LowLevelDescriptors()
    frames = extractor.extract([Waveform(samples), Waveform(samples * np.float32(5))])
    place = rms_column({"names": list(extractor.names), "extractor": dict(extractor.settings())})
    assert place is not None
    quiet, loud = signal_to_noise_db(frames, place)
    assert quiet == pytest.approx(29.5, abs=1.5)
    assert loud == pytest.approx(quiet, abs=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"extractor": "made up"},
        {"names": ["energy"], "extractor": {"extractor": "own"}},
        {"names": ["log_mel_1"], "extractor": {"extractor": "log-mel"}},
        {"names": ["loudness"], "extractor": {"extractor": "opensmile"}},
        {},
    ],
)
def test_other_feature_sets_have_no_rms_column(settings: Mapping[str, Any]) -> None:
    assert rms_column(settings) is None
