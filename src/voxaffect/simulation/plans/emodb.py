"""EmoDB: `wav/03a01Fa.wav` is speaker, sentence, emotion and version."""

from __future__ import annotations

from itertools import product

from voxaffect.simulation.channel import ANECHOIC
from voxaffect.simulation.expressions import ACTED, ANGRY, BOREDOM, DISGUST, HAPPY, NEUTRAL, SAD
from voxaffect.simulation.plans.plan import Member, Slot, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE

SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def _slots(speaker: str, label: str) -> tuple[Slot, ...]:
    return tuple(
        Slot(f"wav/{speaker}{sentence}{label}{version}.wav", sentence)
        for version, sentence in product("ab", SENTENCES)
    )


EMODB = TreePlan(
    corpus="emodb",
    sample_rate_hz=16_000,
    channels=(ANECHOIC,),
    cast={
        "03": Member(MALE),
        "08": Member(FEMALE),
        "09": Member(FEMALE),
        "10": Member(MALE),
        "11": Member(MALE),
        "13": Member(FEMALE),
    },
    roles=roles(
        {
            "N": (NEUTRAL, 4),
            "F": (HAPPY, 3),
            "T": (SAD, 3),
            "W": (ANGRY, 5),
            "L": (BOREDOM, 1),
            "E": (DISGUST, 1),
        },
        ACTED,
    ),
    slots=_slots,
)
