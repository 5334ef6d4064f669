from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.export.stages import Runner
from voxaffect.export.candidates import loudest_of_late, weigh
from voxaffect.export.graph import length
from voxaffect.export.peaks import Peaks as InGraph
from voxaffect.features.descriptors import candidates as python
from voxaffect.features.descriptors.candidates import Candidates, Scale
from voxaffect.features.descriptors.peaks import Peaks
from voxaffect.features.descriptors.pitch import PitchPath
from voxaffect.features.descriptors.pitch_settings import PitchSettings

OTHER = PitchSettings(voicing_threshold=0.5, silence_threshold=0.1, octave_cost=0.05)


@pytest.mark.parametrize("settings", [PitchSettings(), OTHER], ids=["default", "other"])
def test_candidates_weigh_as_in_python(settings: PitchSettings) -> None:
    rng = np.random.default_rng(0)
    lag = rng.uniform(5, 120, (200, 6)).astype(np.float32)
    height = np.where(rng.random((200, 6)) < 0.2, -np.inf, rng.normal(0.5, 0.4, (200, 6)))
    power = (10.0 ** rng.uniform(-25, 2, 200)).astype(np.float32)
    power[:5] = 0, -1e-9, 1e-20, 0, 0
    loudest = np.maximum(power, 10.0 ** rng.uniform(-25, 2, 200)).astype(np.float64)
    peaks = Peaks(lag, height.astype(np.float32), power)
    expected = Candidates.empty(200, 7)
    python.weigh(peaks, loudest, Scale.of(settings), expected)
    in_graph = Runner(
        lambda op, lag, height, power, loudest: tuple(
            weigh(op, InGraph(lag, height, power), loudest, settings)
        ),
        (("T", 6), "float32"),
        (("T", 6), "float32"),
        (("T", 1), "float32"),
        (("T", 1), "float64"),
    )
    given = in_graph(lag, peaks.height, power[:, None], loudest[:, None])
    for name, one in zip(Candidates._fields[:3], given, strict=False):
        np.testing.assert_allclose(one, getattr(expected, name), rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(given[3][:, 0], expected.probability, rtol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 20, 400])
def test_the_loudest_of_late_is_that_of_python(n_frames: int) -> None:
    settings = replace(PitchSettings(), loudness_decay_db=20.0)
    power = (10.0 ** np.random.default_rng(n_frames).uniform(-9, 0, n_frames)).astype(np.float32)
    found = Runner(
        lambda op, p: loudest_of_late(op, p, length(op, p), settings, 0.01), (("T", 1), "float32")
    )
    path = PitchPath(settings, 0.01)
    greatest = python.greatest_power(power, 0.0, path._decay)
    ahead = np.maximum(np.arange(n_frames) + 30, 100).clip(max=n_frames - 1)
    np.testing.assert_array_equal(found(power[:, None])[0][:, 0], greatest[ahead])
