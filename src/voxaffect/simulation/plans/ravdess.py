"""RAVDESS: `Actor_01/03-01-05-02-01-02-01.wav`, three last fields statement, take and actor."""

from __future__ import annotations

from itertools import product

from voxaffect.simulation.channel import STUDIO
from voxaffect.simulation.expressions import ACTED, ANGRY, CALM, FEAR, HAPPY, NEUTRAL, SAD
from voxaffect.simulation.plans.plan import Member, Slot, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE


def _slots(actor: str, label: str) -> tuple[Slot, ...]:
    intensities = ("01",) if label == "01" else ("01", "02")  # neutral has no strong intensity
    return tuple(
        Slot(f"Actor_{actor}/03-01-{label}-{intensity}-{statement}-{take}-{actor}.wav", statement)
        for intensity, statement, take in product(intensities, ("01", "02"), ("01", "02"))
    )


RAVDESS = TreePlan(
    corpus="ravdess",
    sample_rate_hz=48_000,
    channels=(STUDIO,),
    cast={f"{i:02d}": Member(MALE if i % 2 else FEMALE) for i in range(1, 7)},
    roles=roles(
        {
            "01": (NEUTRAL, 2),
            "02": (CALM, 1),
            "03": (HAPPY, 4),
            "04": (SAD, 4),
            "05": (ANGRY, 4),
            "06": (FEAR, 1),
        },
        ACTED,
    ),
    slots=_slots,
)
