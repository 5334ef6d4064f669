"""EMOVO: `EMOVO/f1/neu-f1-b1.wav` is emotion, speaker and one of fourteen phrases."""

from __future__ import annotations

from voxaffect.simulation.channel import LABORATORY
from voxaffect.simulation.expressions import ACTED, ANGRY, DISGUST, HAPPY, NEUTRAL, SAD, SURPRISE
from voxaffect.simulation.plans.plan import Member, Slot, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE

SHORT = ("b1", "b2", "b3")
LONG = ("l1", "l2", "l3", "l4")
NONSENSE = ("n1", "n2", "n3", "n4", "n5")
QUESTIONS = ("d1", "d2")


def _slots(speaker: str, label: str) -> tuple[Slot, ...]:
    phrases = (*SHORT, *LONG, *NONSENSE, *QUESTIONS)
    return tuple(Slot(f"EMOVO/{speaker}/{label}-{speaker}-{p}.wav", p) for p in phrases)


EMOVO = TreePlan(
    corpus="emovo",
    sample_rate_hz=48_000,
    channels=(LABORATORY,),
    cast={
        **{f"f{i}": Member(FEMALE) for i in (1, 2, 3)},
        **{f"m{i}": Member(MALE) for i in (1, 2, 3)},
    },
    roles=roles(
        {
            "neu": (NEUTRAL, 4),
            "gio": (HAPPY, 4),
            "tri": (SAD, 4),
            "rab": (ANGRY, 4),
            "dis": (DISGUST, 1),
            "sor": (SURPRISE, 1),
        },
        ACTED,
    ),
    slots=_slots,
)
