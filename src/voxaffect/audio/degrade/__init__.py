"""Degradations for robustness tests, by name; those of a group run from mild to severe."""

from __future__ import annotations

from collections.abc import Mapping

from voxaffect.audio.degrade.channel import Codec, Reverberation, Telephone
from voxaffect.audio.degrade.degradation import Degradation
from voxaffect.audio.degrade.level import Clipping, FirstSeconds, FirstShare, Gain
from voxaffect.audio.degrade.noise import Babble, Noise

CONTROLS = frozenset({"gain"})
"""Groups that cannot affect a recognizer, which normalizes its input; they are not scored."""

ALL: tuple[Degradation, ...] = (
    *(Noise("white", snr_db) for snr_db in (20, 10, 0)),
    *(Noise("pink", snr_db) for snr_db in (20, 10, 0)),
    *(Babble(snr_db) for snr_db in (20, 10, 0)),
    *(Noise("traffic", snr_db) for snr_db in (20, 10, 0)),
    Reverberation(0.3, direct_to_reverberant_db=3),
    Reverberation(0.8, direct_to_reverberant_db=-3),
    *(Telephone(companded) for companded in (False, True)),
    *(Codec("opus", kbit_s) for kbit_s in (24, 12, 8)),
    *(Codec("mp3", kbit_s) for kbit_s in (64, 32, 16)),
    *(Clipping(share) for share in (0.01, 0.1)),
    *(FirstSeconds(seconds) for seconds in (2, 1, 0.5)),
    FirstShare(0.5),
    *(Gain(gain_db) for gain_db in (-20, 20)),
)

DEGRADATIONS: Mapping[str, Degradation] = {degradation.name: degradation for degradation in ALL}
