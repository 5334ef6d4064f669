from __future__ import annotations

import numpy as np
import pytest

from tests.audio.degrade.sounds import joined, silence, tone
from voxaffect.audio.degrade.truncation import FirstSeconds, FirstShare
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import AudioError

SPOKEN = tone(300, 3.0)
ONSET_S = 0.03
"""Time that the envelope takes to tell a tone from nothing, at most."""


@pytest.mark.parametrize("seconds", [0.5, 1, 2])
@pytest.mark.parametrize("before_s", [0.0, 1.0])
def test_time_counts_from_the_onset_of_speech(seconds: float, before_s: float) -> None:
    sound = joined(silence(before_s), SPOKEN) if before_s else SPOKEN
    cut = FirstSeconds(seconds).apply(sound, 0)
    assert cut.duration_s == pytest.approx(before_s + seconds, abs=ONSET_S)
    np.testing.assert_array_equal(cut.samples, sound.samples[: cut.samples.size])


def test_half_of_what_follows_the_onset() -> None:
    cut = FirstShare(0.5).apply(joined(silence(1.0), SPOKEN), 0)
    assert cut.duration_s == pytest.approx(1.0 + 1.5, abs=ONSET_S)
    assert FirstShare(1.0).apply(SPOKEN, 0).samples.size == SPOKEN.samples.size


def test_a_recording_that_is_shorter_stays_whole() -> None:
    short = tone(300, 0.1)
    assert FirstSeconds(0.5).apply(short, 0).samples.size == 0.1 * SAMPLE_RATE_HZ


def test_silence_never_begins() -> None:
    for degradation in (FirstSeconds(1), FirstShare(0.5)):
        with pytest.raises(AudioError, match="is silent"):
            degradation.apply(silence(2), 0)
