"""FAU AIBO: `wav/Mont_01_000_00.wav` is school, child, turn and chunk; its class is in a list.

Children who command a robot dog, with no sad class, and their sexes in a list of the user's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxaffect.simulation.channel import CLASSROOM
from voxaffect.simulation.expressions import ANGRY, EMPHATIC, HAPPY, NATURAL, NEUTRAL, REST
from voxaffect.simulation.plans.plan import Member, Slot, Take, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE_CHILD, MALE_CHILD

FOLDER = "IS2009EmotionChallenge"
LABELS = f"{FOLDER}/labels/{FOLDER}/chunk_labels_5cl_corpus.txt"
CLASSES = "AENPR"
ROOM = 40
"""Turns that a child may have under a label."""

CAST = {
    "Ohm_01": Member(MALE_CHILD),
    "Ohm_02": Member(FEMALE_CHILD),
    "Ohm_03": Member(MALE_CHILD),
    "Mont_01": Member(FEMALE_CHILD),
    "Mont_02": Member(MALE_CHILD),
    "Mont_03": Member(FEMALE_CHILD),
}


def _slots(child: str, label: str) -> tuple[Slot, ...]:
    first = CLASSES.index(label) * ROOM
    paths = [f"{FOLDER}/wav/{child}_{first + i:03d}_00.wav" for i in range(ROOM)]
    return tuple(Slot(path, path) for path in paths)


def _documents(takes: Sequence[Take]) -> dict[str, str]:
    chunks = sorted((take.slot.path.rpartition("/")[2][: -len(".wav")], take) for take in takes)
    sexes = {name: "f" if who.group is FEMALE_CHILD else "m" for name, who in CAST.items()}
    return {
        LABELS: "".join(f"{chunk} {take.label} 0.75\n" for chunk, take in chunks),
        "speaker_genders.txt": "".join(f"{child} {sex}\n" for child, sex in sexes.items()),
    }


AIBO = TreePlan(
    corpus="aibo",
    sample_rate_hz=16_000,
    channels=(CLASSROOM,),
    cast=CAST,
    roles=roles(
        {
            "N": (NEUTRAL, 6),
            "P": (HAPPY, 3),
            "A": (ANGRY, 4),
            "E": (EMPHATIC, 1),
            "R": (REST, 1),
        },
        NATURAL,
    ),
    slots=_slots,
    documents=_documents,
    syllables=(3, 6),
)
