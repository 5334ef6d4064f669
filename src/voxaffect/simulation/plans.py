"""Miniatures of corpora, one a file, by the name of the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from pathlib import Path, PurePath

from voxaffect.files import write_text
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    BOREDOM,
    CALM,
    COLD_ANGER,
    DISGUST,
    EMPHATIC,
    FEAR,
    FRUSTRATED,
    HAPPY,
    NATURAL,
    NEUTRAL,
    REST,
    SAD,
    SURPRISE,
    Expression,
)
from voxaffect.simulation.plan import (
    Member,
    Role,
    SimulatedRecording,
    Slot,
    Take,
    TreePlan,
    roles,
    write_film,
    write_sphere,
    write_takes,
)
from voxaffect.simulation.speakers import FEMALE, FEMALE_CHILD, MALE, MALE_CHILD
from voxaffect.simulation.voice import (
    ANECHOIC,
    BOOM,
    BROADCAST,
    CLASSROOM,
    HEADSET,
    LABORATORY,
    LECTURE_ROOM,
    STUDIO,
)

# FAU AIBO: `wav/Mont_01_000_00.wav` is school, child, turn and chunk; its class is in a list.
#
# Children who command a robot dog, with no sad class, and their sexes in a list of the user's own.

AIBO_FOLDER = "IS2009EmotionChallenge"
LABELS = f"{AIBO_FOLDER}/labels/{AIBO_FOLDER}/chunk_labels_5cl_corpus.txt"
CLASSES = "AENPR"
AIBO_ROOM = 40
"""Turns that a child may have under a label."""

AIBO_CAST = {
    "Ohm_01": Member(MALE_CHILD),
    "Ohm_02": Member(FEMALE_CHILD),
    "Ohm_03": Member(MALE_CHILD),
    "Mont_01": Member(FEMALE_CHILD),
    "Mont_02": Member(MALE_CHILD),
    "Mont_03": Member(FEMALE_CHILD),
}


def _aibo_slots(child: str, label: str) -> tuple[Slot, ...]:
    first = CLASSES.index(label) * AIBO_ROOM
    paths = [f"{AIBO_FOLDER}/wav/{child}_{first + i:03d}_00.wav" for i in range(AIBO_ROOM)]
    return tuple(Slot(path, path) for path in paths)


def _aibo_documents(takes: Sequence[Take]) -> dict[str, str]:
    chunks = sorted((take.slot.path.rpartition("/")[2][: -len(".wav")], take) for take in takes)
    sexes = {name: "f" if who.group is FEMALE_CHILD else "m" for name, who in AIBO_CAST.items()}
    return {
        LABELS: "".join(f"{chunk} {take.label} 0.75\n" for chunk, take in chunks),
        "speaker_genders.txt": "".join(f"{child} {sex}\n" for child, sex in sexes.items()),
    }


AIBO = TreePlan(
    corpus="aibo",
    sample_rate_hz=16_000,
    channels=(CLASSROOM,),
    cast=AIBO_CAST,
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
    slots=_aibo_slots,
    documents=_aibo_documents,
    syllables=(3, 6),
)


EMODB_SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def _emodb_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    return tuple(
        Slot(f"wav/{speaker}{sentence}{label}{version}.wav", sentence)
        for version, sentence in product("ab", EMODB_SENTENCES)
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
    slots=_emodb_slots,
)


SHORT = ("b1", "b2", "b3")
LONG = ("l1", "l2", "l3", "l4")
NONSENSE = ("n1", "n2", "n3", "n4", "n5")
QUESTIONS = ("d1", "d2")


def _emovo_slots(speaker: str, label: str) -> tuple[Slot, ...]:
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
    slots=_emovo_slots,
)


# eNTERFACE'05: films `subject 1/anger/sentence 1/s1_an_1.avi`, with no neutral class.
#
# Subject 11's files are named after subject 12, as they are in the corpus.

ENTERFACE_SENTENCES = (1, 2, 3, 4, 5)
MISNAMED = {"11": "12"}

ENTERFACE_CAST = {
    "1": Member(MALE),
    "2": Member(FEMALE),
    "4": Member(MALE),
    "5": Member(MALE),
    "11": Member(FEMALE),
    "12": Member(MALE),
}


def _enterface_slots(subject: str, label: str) -> tuple[Slot, ...]:
    folder = f"enterface database/subject {subject}/{label}"
    stem = f"s{MISNAMED.get(subject, subject)}_{label[:2]}"
    return tuple(
        Slot(f"{folder}/sentence {k}/{stem}_{k}.avi", f"{label} {k}") for k in ENTERFACE_SENTENCES
    )


def _write_enterface(root: Path, recording: SimulatedRecording) -> None:
    (take,) = recording.takes
    write_film(root / take.slot.path, recording.samples, recording.rate_hz)


def _enterface_documents(takes: Sequence[Take]) -> dict[str, str]:  # noqa: ARG001
    sexes = {name: "f" if who.group is FEMALE else "m" for name, who in ENTERFACE_CAST.items()}
    return {"speaker_genders.txt": "".join(f"{name} {sex}\n" for name, sex in sexes.items())}


ENTERFACE = TreePlan(
    corpus="enterface",
    sample_rate_hz=48_000,
    channels=(LECTURE_ROOM,),
    cast=ENTERFACE_CAST,
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
    slots=_enterface_slots,
    write=_write_enterface,
    documents=_enterface_documents,
)


# IEMOCAP: turns cut from improvised and scripted dialogues, judged in `EmoEvaluation`.
#
# The letter in front of a dialogue's name is who wore the markers; both actors speak in it.

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
IEMOCAP_ROOM = 8
"""Turns that a speaker may have under a label in one dialogue."""


def _iemocap_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    style, _, emotion = label.partition(" ")
    session, sex = speaker[:-1], speaker[-1]
    first = list(EMOTIONS).index(emotion) * IEMOCAP_ROOM
    return tuple(
        _slot(f"{session}{scene}", f"{sex}{first + i:03d}", is_scripted=style == "script")
        for i, scene in product(range(IEMOCAP_ROOM), SCENES[style])
    )


def _slot(dialogue: str, turn: str, *, is_scripted: bool) -> Slot:
    """A script is the same in all sessions, an improvisation is everyone's own."""
    session = f"Session{dialogue[4]}"
    path = f"{session}/sentences/wav/{dialogue}/{dialogue}_{turn}.wav"
    return Slot(path, f"{dialogue[6:]} {turn}" if is_scripted else path)


def _dialogue(take: Take) -> str:
    return PurePath(take.slot.path).parent.name


def _write_iemocap(root: Path, recording: SimulatedRecording) -> None:
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
    slots=_iemocap_slots,
    session=_dialogue,
    write=_write_iemocap,
)


# LDC2002S28: sessions `speech/cc_001.sph` of two microphones, cut by `transcr/cc_001.txt`.
#
# A line of a transcript is a segment, `12.30 14.05 A: hot anger, march first`, or chat to be left
# out. Actors read dates, one emotion after another, each announced.

LDC_FOLDER = "LDC2002S28"
MONTHS = ("january", "march", "may", "july", "october", "december")
DAYS = ("first", "fourth", "ninth", "twelfth")


def _ldc_slots(speaker: str, label: str) -> tuple[Slot, ...]:  # noqa: ARG001
    path = f"{LDC_FOLDER}/speech/{speaker}_001.sph"
    return tuple(Slot(path, f"{month} {day}") for day, month in product(DAYS, MONTHS))


def _write_ldc(root: Path, recording: SimulatedRecording) -> None:
    path = root / recording.takes[0].slot.path
    write_sphere(path, recording.samples, recording.rate_hz)
    transcript = root / LDC_FOLDER / "transcr" / f"{path.stem}.txt"
    write_text(transcript, "".join(f"{line}\n" for line in _lines(recording)))


def _lines(recording: SimulatedRecording) -> Iterator[str]:
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
    slots=_ldc_slots,
    session=_session,
    write=_write_ldc,
)


def _ravdess_slots(actor: str, label: str) -> tuple[Slot, ...]:
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
    slots=_ravdess_slots,
)


URDU_ROOM = 12
"""Files that a speaker may have under a label."""

# The talk of this corpus is uneven: one man speaks as much as four others together.
URDU_CAST = {
    "SM1": Member(MALE, 3.0),
    "SM2": Member(MALE, 2.0),
    "SF1": Member(FEMALE, 1.5),
    "SM3": Member(MALE),
    "SF2": Member(FEMALE),
    "SM4": Member(MALE, 0.5),
    "SM5": Member(MALE, 0.5),
    "SF3": Member(FEMALE, 0.5),
}


def _urdu_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    return tuple(_names(speaker, label))


def _names(speaker: str, label: str) -> Iterator[Slot]:
    first = list(URDU_CAST).index(speaker) * URDU_ROOM + 1
    for number in range(first, first + URDU_ROOM):
        path = f"{label}/{speaker}_F{number}_{label[0]}{number:03d}.wav"
        yield Slot(path, path)


URDU = TreePlan(
    corpus="urdu",
    sample_rate_hz=44_100,
    channels=(BROADCAST,),
    cast=URDU_CAST,
    roles=roles(
        {"Neutral": (NEUTRAL, 2), "Happy": (HAPPY, 2), "Sad": (SAD, 2), "Angry": (ANGRY, 2)},
        NATURAL,
    ),
    slots=_urdu_slots,
)


PAPER = ("aibo", "emodb", "enterface", "ldc", "iemocap")
"""The five corpora of Kim et al. (2017)."""

PLANS: dict[str, TreePlan] = {
    plan.corpus: plan for plan in (AIBO, EMODB, ENTERFACE, LDC, IEMOCAP, RAVDESS, EMOVO, URDU)
}
