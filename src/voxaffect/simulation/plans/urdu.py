"""URDU: `Angry/SM1_F10_A010.wav` is speaker, file, emotion and number; everyone's own words."""

from __future__ import annotations

from collections.abc import Iterator

from voxaffect.simulation.channel import BROADCAST
from voxaffect.simulation.expressions import ANGRY, HAPPY, NATURAL, NEUTRAL, SAD
from voxaffect.simulation.plans.plan import Member, Slot, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE

ROOM = 12
"""Files that a speaker may have under a label."""

# The talk of this corpus is uneven: one man speaks as much as four others together.
CAST = {
    "SM1": Member(MALE, 3.0),
    "SM2": Member(MALE, 2.0),
    "SF1": Member(FEMALE, 1.5),
    "SM3": Member(MALE),
    "SF2": Member(FEMALE),
    "SM4": Member(MALE, 0.5),
    "SM5": Member(MALE, 0.5),
    "SF3": Member(FEMALE, 0.5),
}


def _slots(speaker: str, label: str) -> tuple[Slot, ...]:
    return tuple(_names(speaker, label))


def _names(speaker: str, label: str) -> Iterator[Slot]:
    first = list(CAST).index(speaker) * ROOM + 1
    for number in range(first, first + ROOM):
        path = f"{label}/{speaker}_F{number}_{label[0]}{number:03d}.wav"
        yield Slot(path, path)


URDU = TreePlan(
    corpus="urdu",
    sample_rate_hz=44_100,
    channels=(BROADCAST,),
    cast=CAST,
    roles=roles(
        {"Neutral": (NEUTRAL, 2), "Happy": (HAPPY, 2), "Sad": (SAD, 2), "Angry": (ANGRY, 2)},
        NATURAL,
    ),
    slots=_slots,
)
