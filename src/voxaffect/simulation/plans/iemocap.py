"""IEMOCAP: turns cut from improvised and scripted dialogues, judged in `EmoEvaluation`.

The letter in front of a dialogue's name is who wore the markers; both actors speak in it.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path, PurePath

from voxaffect.files import write_text
from voxaffect.simulation.channel import LABORATORY
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    FRUSTRATED,
    HAPPY,
    NATURAL,
    NEUTRAL,
    SAD,
    Expression,
)
from voxaffect.simulation.plans.plan import (
    Member,
    Recording,
    Role,
    Slot,
    Take,
    TreePlan,
    write_takes,
)
from voxaffect.simulation.speakers import FEMALE, MALE

EMOTIONS: dict[str, tuple[Expression, int]] = {
    "neu": (NEUTRAL, 3),
    "hap": (HAPPY, 2),
    "sad": (SAD, 2),
    "ang": (ANGRY, 2),
    "fru": (FRUSTRATED, 1),
}
# Valence, activation and dominance as raters see these emotions, on scales from 1 to 5.
RATINGS = {
    "neu": (3.0, 2.5, 3.0),
    "hap": (4.0, 3.5, 3.0),
    "sad": (2.0, 2.0, 2.5),
    "ang": (1.5, 4.0, 4.0),
    "fru": (2.0, 3.0, 3.5),
}
STYLES = {"impro": NATURAL, "script": ACTED}
SCENES = {"impro": ("F_impro01", "M_impro04"), "script": ("F_script01_1", "M_script02_2")}
SESSIONS = (1, 2, 3)
ROOM = 8
"""Turns that a speaker may have under a label in one dialogue."""


def _slots(speaker: str, label: str) -> tuple[Slot, ...]:
    style, _, emotion = label.partition(" ")
    session, sex = speaker[:-1], speaker[-1]
    first = list(EMOTIONS).index(emotion) * ROOM
    return tuple(
        _slot(f"{session}{scene}", f"{sex}{first + i:03d}", is_scripted=style == "script")
        for i, scene in product(range(ROOM), SCENES[style])
    )


def _slot(dialogue: str, turn: str, *, is_scripted: bool) -> Slot:
    """A script is the same in all sessions, an improvisation is everyone's own."""
    session = f"Session{dialogue[4]}"
    path = f"{session}/sentences/wav/{dialogue}/{dialogue}_{turn}.wav"
    return Slot(path, f"{dialogue[6:]} {turn}" if is_scripted else path)


def _dialogue(take: Take) -> str:
    return PurePath(take.slot.path).parent.name


def _write(root: Path, recording: Recording) -> None:
    write_takes(root, recording)
    path = PurePath(recording.takes[0].slot.path)
    evaluation = f"{path.parts[0]}/dialog/EmoEvaluation/{path.parent.name}.txt"
    turns = zip(recording.takes, recording.times_s(), strict=True)
    head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    write_text(root / evaluation, head + "".join(_judged(take, *times) for take, times in turns))


def _judged(take: Take, start_s: float, end_s: float) -> str:
    """A turn's block: the consensus, then two of its raters."""
    emotion = take.label.partition(" ")[2]
    valence, activation, dominance = RATINGS[emotion]
    turn = PurePath(take.slot.path).stem
    return (
        f"[{start_s:.4f} - {end_s:.4f}]\t{turn}\t{emotion}\t"
        f"[{valence:.4f}, {activation:.4f}, {dominance:.4f}]\n"
        f"C-E2:\t{emotion};\t()\n"
        f"A-E3:\tval {valence:g}; act {activation:g}; dom  {dominance:g};\t()\n\n"
    )


IEMOCAP = TreePlan(
    corpus="iemocap",
    sample_rate_hz=16_000,
    channels=(LABORATORY,),
    cast={
        f"Ses{session:02d}{sex}": Member(FEMALE if sex == "F" else MALE)
        for session, sex in product(SESSIONS, "FM")
    },
    roles={
        f"{scene} {emotion}": Role(expression, n, style)
        for (scene, style), (emotion, (expression, n)) in product(STYLES.items(), EMOTIONS.items())
    },
    slots=_slots,
    session=_dialogue,
    write=_write,
)
