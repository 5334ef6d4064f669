from __future__ import annotations

import numpy as np
import pytest

from tests.export.sounds import noise, silence, speech, tone
from tests.export.stages import SAMPLES, Array, Runner
from voxaffect.export.framing import count_frames
from voxaffect.export.pitch import log_f0, pitch
from voxaffect.features.descriptors.pitch import PitchTrack, track
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.frames import FrameGrid

SETTINGS = {
    "default": (FrameGrid(), PitchSettings()),
    "low and slow": (FrameGrid(0.032, 0.008), PitchSettings(floor_hz=40, periods_per_window=2.5)),
    "few and high": (FrameGrid(0.025, 0.02), PitchSettings(ceiling_hz=1200, n_candidates=4)),
    "a window inside": (FrameGrid(0.064, 0.01), PitchSettings(floor_hz=120, path_ahead_s=0.0)),
}


@pytest.fixture(scope="module", params=SETTINGS)
def tracker(request: pytest.FixtureRequest) -> tuple[Runner, FrameGrid, PitchSettings]:
    grid, settings = SETTINGS[request.param]
    runner = Runner(lambda op, x: pitch(op, x, count_frames(op, x, grid), grid, settings), SAMPLES)
    return runner, grid, settings


SOUNDS = {
    "speech": speech(0),
    "another": speech(7),
    "few frames": speech(1)[6_000:8_000],
    "one frame": speech(1)[6_000:7_024],
    "noise": noise(0, 12_000),
    "tone": tone(155.0),
    "silence about it": np.concatenate([silence(7_000), speech(2), silence(7_000)]),
    "offset": speech(3) + np.float32(0.02),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_pitch_is_that_of_python(
    tracker: tuple[Runner, FrameGrid, PitchSettings], name: str
) -> None:
    run, grid, settings = tracker
    (expected,) = track([SOUNDS[name]], grid, settings)
    probability, f0_hz = run(SOUNDS[name])
    np.testing.assert_allclose(probability[:, 0], expected.voice_probability, atol=2e-5)
    np.testing.assert_array_equal(f0_hz[:, 0] > 0, expected.f0_hz > 0)
    np.testing.assert_allclose(f0_hz[:, 0], expected.f0_hz, rtol=2e-5)


def test_the_logarithm_of_no_pitch_is_zero() -> None:
    f0_hz: Array = np.array([0, 100, 0, 333.3], np.float32)
    (given,) = Runner(log_f0, (("T",), "float32"))(f0_hz)
    np.testing.assert_allclose(given, PitchTrack(f0_hz, f0_hz).log_f0, rtol=1e-6)
