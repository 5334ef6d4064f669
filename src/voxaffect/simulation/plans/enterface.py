"""eNTERFACE'05: films `subject 1/anger/sentence 1/s1_an_1.avi`, with no neutral class.

Subject 11's files are named after subject 12, as they are in the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voxaffect.simulation.channel import LECTURE_ROOM
from voxaffect.simulation.expressions import ACTED, ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE
from voxaffect.simulation.formats import write_film
from voxaffect.simulation.plans.plan import Member, Recording, Slot, Take, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE

SENTENCES = (1, 2, 3, 4, 5)
MISNAMED = {"11": "12"}

CAST = {
    "1": Member(MALE),
    "2": Member(FEMALE),
    "4": Member(MALE),
    "5": Member(MALE),
    "11": Member(FEMALE),
    "12": Member(MALE),
}


def _slots(subject: str, label: str) -> tuple[Slot, ...]:
    folder = f"enterface database/subject {subject}/{label}"
    stem = f"s{MISNAMED.get(subject, subject)}_{label[:2]}"
    return tuple(Slot(f"{folder}/sentence {k}/{stem}_{k}.avi", f"{label} {k}") for k in SENTENCES)


def _write(root: Path, recording: Recording) -> None:
    (take,) = recording.takes
    write_film(root / take.slot.path, recording.samples, recording.rate_hz)


def _documents(takes: Sequence[Take]) -> dict[str, str]:  # noqa: ARG001
    sexes = {name: "f" if who.group is FEMALE else "m" for name, who in CAST.items()}
    return {"speaker_genders.txt": "".join(f"{name} {sex}\n" for name, sex in sexes.items())}


ENTERFACE = TreePlan(
    corpus="enterface",
    sample_rate_hz=48_000,
    channels=(LECTURE_ROOM,),
    cast=CAST,
    roles=roles(
        {
            "happiness": (HAPPY, 4),
            "sadness": (SAD, 4),
            "anger": (ANGRY, 4),
            "disgust": (DISGUST, 1),
            "fear": (FEAR, 1),
            "surprise": (SURPRISE, 1),
        },
        ACTED,
    ),
    slots=_slots,
    write=_write,
    documents=_documents,
)
