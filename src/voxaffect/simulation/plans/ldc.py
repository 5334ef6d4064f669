"""LDC2002S28: sessions `speech/cc_001.sph` of two microphones, cut by `transcr/cc_001.txt`.

A line of a transcript is a segment, `12.30 14.05 A: hot anger, march first`, or chat to be left
out. Actors read dates, one emotion after another, each announced.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, product
from pathlib import Path, PurePath

from voxaffect.files import write_text
from voxaffect.simulation.channel import BOOM, HEADSET
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    BOREDOM,
    COLD_ANGER,
    DISGUST,
    FEAR,
    HAPPY,
    NEUTRAL,
    SAD,
)
from voxaffect.simulation.formats import write_sphere
from voxaffect.simulation.plans.plan import Member, Recording, Slot, Take, TreePlan, roles
from voxaffect.simulation.speakers import FEMALE, MALE

FOLDER = "LDC2002S28"
MONTHS = ("january", "march", "may", "july", "october", "december")
DAYS = ("first", "fourth", "ninth", "twelfth")


def _slots(speaker: str, label: str) -> tuple[Slot, ...]:  # noqa: ARG001
    path = f"{FOLDER}/speech/{speaker}_001.sph"
    return tuple(Slot(path, f"{month} {day}") for day, month in product(DAYS, MONTHS))


def _write(root: Path, recording: Recording) -> None:
    path = root / recording.takes[0].slot.path
    write_sphere(path, recording.samples, recording.rate_hz)
    transcript = root / FOLDER / "transcr" / f"{path.stem}.txt"
    write_text(transcript, "".join(f"{line}\n" for line in _lines(recording)))


def _lines(recording: Recording) -> Iterator[str]:
    """The transcript; an announcement falls into the pause before the first take of an emotion."""
    times = recording.times_s()
    yield f"0.00 {times[0][0] - 0.4:.2f} A: [MISC]"
    spoken = zip(recording.takes, times, strict=True)
    for label, segments in groupby(spoken, key=lambda segment: segment[0].label):
        for n, (take, (start_s, stop_s)) in enumerate(segments):
            if n == 0:
                yield f"{start_s - 0.4:.2f} {start_s - 0.1:.2f} A: Emotion category {label}"
            yield f"{start_s:.2f} {stop_s:.2f} A: {label}, {take.slot.sentence}"


def _session(take: Take) -> str:
    return PurePath(take.slot.path).stem


LDC = TreePlan(
    corpus="ldc",
    sample_rate_hz=22_050,
    channels=(BOOM, HEADSET),
    cast={
        **{name: Member(MALE) for name in ("cc", "cl", "mf")},
        **{name: Member(FEMALE) for name in ("gg", "jg", "mk", "mm")},
    },
    roles=roles(
        {
            "neutral": (NEUTRAL, 3),
            "happy": (HAPPY, 4),
            "sadness": (SAD, 3),
            "hot anger": (ANGRY, 3),
            "cold anger": (COLD_ANGER, 1),
            "panic": (FEAR, 1),
            "boredom": (BOREDOM, 1),
            "disgust": (DISGUST, 1),
        },
        ACTED,
    ),
    slots=_slots,
    session=_session,
    write=_write,
)
