"""What of a recording is a reason to trust an answer less, heard in its samples alone.

Each caveat has a stable code for programs and a sentence for people. Thresholds are set so that
clean studio speech keeps quiet; `docs/predict.md` tells how often each speaks up on real corpora.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxaffect.audio.bandwidth import upper_edge_hz
from voxaffect.audio.noise_level import signal_to_noise_db
from voxaffect.audio.power import power_spectra
from voxaffect.audio.steadiness import held_share
from voxaffect.audio.waveform import Waveform

SHORT_S = 0.5
"""Fewer syllables than two."""

CLIPPED_SHARE = 0.01
NOISY_DB = 5.0
HELD_SHARE = 0.4
NARROW_HZ = 4250.0
"""Telephone lines end at 3.4 kHz, and whatever was sampled at 8 kHz below 4 kHz."""


@dataclass(frozen=True)
class Caveat:
    """A reason to trust an answer less.

    Args:
        code: stable name for programs: short, clipped, noisy, music, narrow-band, unfamiliar.
        text: the same for people, with its measure.
    """

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


def caveats(waveform: Waveform) -> tuple[Caveat, ...]:
    """All caveats of a recording as it was decoded, before any gain.

    Args:
        waveform: not silent; what is silent is refused elsewhere.
    """
    spectra = power_spectra(waveform.samples)
    found = (
        _short(waveform.duration_s),
        _clipped(waveform.clipped_share()),
        _noisy(signal_to_noise_db(waveform.samples)),
        _music(held_share(spectra)),
        _narrow_band(upper_edge_hz(spectra)),
    )
    return tuple(caveat for caveat in found if caveat is not None)


def _short(duration_s: float) -> Caveat | None:
    if duration_s >= SHORT_S:
        return None
    return Caveat("short", f"short ({duration_s:.2f} s)")


def _clipped(share: float) -> Caveat | None:
    if share <= CLIPPED_SHARE:
        return None
    return Caveat("clipped", f"clipped ({share:.0%} of samples at full scale)")


def _noisy(ratio_db: float) -> Caveat | None:
    if ratio_db >= NOISY_DB:
        return None
    return Caveat("noisy", f"noisy (speech about {ratio_db:.0f} dB above noise)")


def _music(share: float) -> Caveat | None:
    if share <= HELD_SHARE:
        return None
    return Caveat("music", f"music-like (tones are held in {share:.0%} of it)")


def _narrow_band(edge_hz: float) -> Caveat | None:
    if edge_hz > NARROW_HZ:
        return None
    return Caveat("narrow-band", f"narrow band (nothing above {edge_hz / 1000:.1f} kHz)")
