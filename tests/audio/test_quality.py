"""Each caveat is raised by its own fault, by its code and its measure, and by no clean speech."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio.test_steadiness import SCALE
from tests.speech import notes, takes
from voxaffect.audio.decode import decode
from voxaffect.audio.degrade.band import Telephone
from voxaffect.audio.power import power_spectra
from voxaffect.audio.quality import HELD_SHARE, caveats
from voxaffect.audio.steadiness import held_share
from voxaffect.audio.waveform import Waveform


def planted(fault: str) -> Waveform:
    (take,) = takes(1)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2 * take.rms(), take.samples.size)
    made: dict[str, NDArray[np.floating]] = {
        "short": take.samples[8_000:14_000],
        "clipped": np.clip(take.samples * 40, -1, 1),
        "noisy": take.samples + noise,
        "music": notes(SCALE, 0.5),
        "narrow-band": Telephone(companded=False).apply(take, 0).samples,
    }
    return Waveform(made[fault].astype(np.float32), fault)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("short", r"short \(0\.38 s\)"),
        ("clipped", r"clipped \(\d+% of samples at full scale\)"),
        ("noisy", r"noisy \(speech about -\d+ dB above noise\)"),
        ("music", r"music-like \(tones are held in \d+% of it\)"),
        ("narrow-band", r"narrow band \(nothing above 3\.\d kHz\)"),
    ],
)
def test_a_planted_fault_is_told(fault: str, text: str) -> None:
    found = {caveat.code: str(caveat) for caveat in caveats(planted(fault))}
    assert fault in found
    assert re.fullmatch(text, found[fault])


def test_clean_speech_has_none() -> None:
    assert [caveats(take) for take in takes(20)] == [()] * 20


def test_music_is_hardly_ever_heard_in_real_speech(real_corpora: Path) -> None:
    paths = sorted(real_corpora.rglob("*.flac"))[::15]
    shares = np.array([held_share(power_spectra(decode(path).samples)) for path in paths])
    assert (shares > HELD_SHARE).mean() < 0.01
