"""Degradations for robustness tests, by name; those of a group run from mild to severe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from voxaffect.audio.degrade.channel import (
    band_limit,
    codec,
    equalizer,
    gsm,
    reverberation,
    telephone,
)
from voxaffect.audio.degrade.degradation import Degradation
from voxaffect.audio.degrade.level import clipping, first_seconds, first_share, gain
from voxaffect.audio.degrade.noise import babble, noise

CONTROLS = frozenset({"gain"})
"""Groups that cannot affect a recognizer, which normalizes its input; they are not scored."""

N_TALKERS = 6  # of babble; six are no longer intelligible one by one


def _all() -> Iterator[Degradation]:
    for kind in ("white", "pink", "babble", "traffic"):
        for snr_db in (20, 10, 0):
            effect = partial(noise, kind=kind, snr_db=snr_db)
            if kind == "babble":
                effect = partial(babble, snr_db=snr_db, n_talkers=N_TALKERS)
            yield Degradation("noise", f"{kind}-{snr_db}db", f"{snr_db} dB SNR", effect)
    for rt60_s, ratio_db in ((0.3, 3), (0.8, -3)):
        effect = partial(reverberation, rt60_s=rt60_s, direct_to_reverberant_db=ratio_db)
        severity = f"RT60 {rt60_s} s, DRR {ratio_db} dB"
        yield Degradation("room", f"room-{1000 * rt60_s:g}ms", severity, effect)
    for name, companded, law in (("band", False, ""), ("mulaw", True, ", G.711 mu-law")):
        effect = partial(telephone, companded=companded)
        yield Degradation("telephone", f"phone-{name}", f"300-3400 Hz at 8 kHz{law}", effect)
    for kind, rates in (("opus", (24, 12, 8)), ("mp3", (64, 32, 16))):
        for kbit_s in rates:
            effect = partial(codec, kind=kind, kbit_s=kbit_s)
            yield Degradation("codec", f"{kind}-{kbit_s}k", f"{kbit_s} kbit/s", effect)
    yield Degradation("codec", "gsm-13k", "GSM 06.10, 8 kHz", partial(gsm))
    for edge_hz in (7000, 5500, 4000):
        effect, severity = partial(band_limit, edge_hz=edge_hz), f"nothing above {edge_hz} Hz"
        yield Degradation("band", f"band-{edge_hz}hz", severity, effect)
    effect = partial(equalizer, range_db=6)
    yield Degradation(
        "microphone", "equalizer-6db", "up to 6 dB more or less in each octave", effect
    )
    for percent in (1, 10):
        effect, severity = partial(clipping, share=percent / 100), f"{percent} % of the samples"
        yield Degradation("clipping", f"clipped-{percent}pct", severity, effect)
    for seconds in (2, 1, 0.5):
        name, effect = f"first-{1000 * seconds:g}ms", partial(first_seconds, seconds=seconds)
        yield Degradation("truncation", name, f"{seconds} s of speech", effect)
    effect, severity = partial(first_share, share=0.5), "50 % of the recording"
    yield Degradation("truncation", "part-50pct", severity, effect)
    for name, gain_db in (("quieter-20db", -20), ("louder-20db", 20)):
        yield Degradation("gain", name, f"{gain_db:+} dB", partial(gain, gain_db=gain_db))


DEGRADATIONS: Mapping[str, Degradation] = {degradation.name: degradation for degradation in _all()}
