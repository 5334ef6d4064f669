"""Plans of simulated corpora, by the name of the corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path, PurePath

from voxaffect.files import write_text
from voxaffect.simulation import voice
from voxaffect.simulation.expressions import ACTED, NATURAL
from voxaffect.simulation.plan import (
    LabelPlan,
    SimulatedRecording,
    Slots,
    Take,
    TreePlan,
    write_audio,
    write_film,
    write_takes,
)
from voxaffect.simulation.speakers import FEMALE, FEMALE_CHILD, MALE, MALE_CHILD, VoiceGroup


def _speaker_genders(speakers: Mapping[str, VoiceGroup]) -> dict[str, str]:
    """The user's own list of genders, for corpora without one."""
    letters = {name: group.gender[0] for name, group in speakers.items()}
    return {"speaker_genders.txt": "".join(f"{name} {sex}\n" for name, sex in letters.items())}


# FAU AIBO, children and a robot dog, without sad: `wav/Mont_01_000_00.wav` is school, child, turn
# and chunk; its class is in a list.

AIBO_FOLDER = "IS2009EmotionChallenge"
AIBO_LABELS = f"{AIBO_FOLDER}/labels/{AIBO_FOLDER}/chunk_labels_5cl_corpus.txt"
AIBO_MAX_TURNS = 40  # of a child and label
AIBO_SPEAKERS = {
    "Ohm_01": MALE_CHILD,
    "Ohm_02": FEMALE_CHILD,
    "Ohm_03": MALE_CHILD,
    "Mont_01": FEMALE_CHILD,
    "Mont_02": MALE_CHILD,
    "Mont_03": FEMALE_CHILD,
}


def _aibo_slots(child: str, label: str) -> Slots:
    first = "AENPR".index(label) * AIBO_MAX_TURNS
    turns = range(first, first + AIBO_MAX_TURNS)
    paths = [f"{AIBO_FOLDER}/wav/{child}_{turn:03d}_00.wav" for turn in turns]
    return [(path, path) for path in paths]


def _aibo_documents(takes: Sequence[Take]) -> dict[str, str]:
    chunks = sorted((PurePath(take.path).stem, take.label) for take in takes)
    labels = "".join(f"{chunk} {label} 0.75\n" for chunk, label in chunks)
    return {AIBO_LABELS: labels, **_speaker_genders(AIBO_SPEAKERS)}


AIBO = TreePlan(
    corpus="aibo",
    channels=(voice.CLASSROOM,),
    speakers=AIBO_SPEAKERS,
    labels={
        "N": LabelPlan("neutral", 6, NATURAL),
        "P": LabelPlan("happy", 3, NATURAL),
        "A": LabelPlan("angry", 4, NATURAL),
        "E": LabelPlan("emphatic", 1, NATURAL),
        "R": LabelPlan("rest", 1, NATURAL),
    },
    slots=_aibo_slots,
    documents=_aibo_documents,
    syllables=(3, 6),
)


EMODB_SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def _emodb_slots(speaker: str, label: str) -> Slots:
    return [
        (f"wav/{speaker}{sentence}{label}{version}.wav", sentence)
        for version, sentence in product("ab", EMODB_SENTENCES)
    ]


EMODB = TreePlan(
    corpus="emodb",
    channels=(voice.ANECHOIC,),
    speakers={"03": MALE, "08": FEMALE, "09": FEMALE, "10": MALE, "11": MALE, "13": FEMALE},
    labels={
        "N": LabelPlan("neutral", 4, ACTED),
        "F": LabelPlan("happy", 3, ACTED),
        "T": LabelPlan("sad", 3, ACTED),
        "W": LabelPlan("angry", 5, ACTED),
        "L": LabelPlan("boredom", 1, ACTED),
        "E": LabelPlan("disgust", 1, ACTED),
    },
    slots=_emodb_slots,
)


EMOVO_PHRASES = (
    *("b1", "b2", "b3", "l1", "l2", "l3", "l4"),  # short and long
    *("n1", "n2", "n3", "n4", "n5", "d1", "d2"),  # nonsense and questions
)


def _emovo_slots(speaker: str, label: str) -> Slots:
    return [(f"EMOVO/{speaker}/{label}-{speaker}-{p}.wav", p) for p in EMOVO_PHRASES]


EMOVO = TreePlan(
    corpus="emovo",
    sample_rate_hz=48_000,
    channels=(voice.LABORATORY,),
    speakers={"f1": FEMALE, "f2": FEMALE, "f3": FEMALE, "m1": MALE, "m2": MALE, "m3": MALE},
    labels={
        "neu": LabelPlan("neutral", 4, ACTED),
        "gio": LabelPlan("happy", 4, ACTED),
        "tri": LabelPlan("sad", 4, ACTED),
        "rab": LabelPlan("angry", 4, ACTED),
        "dis": LabelPlan("disgust", 1, ACTED),
        "sor": LabelPlan("surprise", 1, ACTED),
    },
    slots=_emovo_slots,
)


# eNTERFACE'05: films `subject 1/anger/sentence 1/s1_an_1.avi`, without neutral.

ENTERFACE_SPEAKERS = {"1": MALE, "2": FEMALE, "4": MALE, "5": MALE, "11": FEMALE, "12": MALE}


def _enterface_slots(subject: str, label: str) -> Slots:
    folder = f"enterface database/subject {subject}/{label}"
    named = "12" if subject == "11" else subject  # as in the corpus
    return [
        (f"{folder}/sentence {k}/s{named}_{label[:2]}_{k}.avi", f"{label} {k}")
        for k in (1, 2, 3, 4, 5)
    ]


def _write_enterface(root: Path, recording: SimulatedRecording) -> None:
    write_film(root / recording.takes[0].path, recording.samples, recording.rate_hz)


ENTERFACE = TreePlan(
    corpus="enterface",
    sample_rate_hz=48_000,
    channels=(voice.LECTURE_ROOM,),
    speakers=ENTERFACE_SPEAKERS,
    labels={
        "happiness": LabelPlan("happy", 4, ACTED),
        "sadness": LabelPlan("sad", 4, ACTED),
        "anger": LabelPlan("angry", 4, ACTED),
        "disgust": LabelPlan("disgust", 1, ACTED),
        "fear": LabelPlan("fear", 1, ACTED),
        "surprise": LabelPlan("surprise", 1, ACTED),
    },
    slots=_enterface_slots,
    write=_write_enterface,
    documents=lambda _: _speaker_genders(ENTERFACE_SPEAKERS),
)


# IEMOCAP: turns cut from improvised and scripted dialogues, judged in `EmoEvaluation`. The letter
# before a dialogue's name is who wore the markers; both actors speak in it.

# Emotion, number of takes, and raters' valence, activation and dominance on scales from 1 to 5.
IEMOCAP_LABELS = {
    "neu": ("neutral", 3, (3.0, 2.5, 3.0)),
    "hap": ("happy", 2, (4.0, 3.5, 3.0)),
    "sad": ("sad", 2, (2.0, 2.0, 2.5)),
    "ang": ("angry", 2, (1.5, 4.0, 4.0)),
    "fru": ("frustrated", 1, (2.0, 3.0, 3.5)),
}
IEMOCAP_STYLES = {"impro": NATURAL, "script": ACTED}
IEMOCAP_SCENES = {"impro": ("F_impro01", "M_impro04"), "script": ("F_script01_1", "M_script02_2")}
IEMOCAP_MAX_TURNS = 8  # of a speaker and label in one dialogue


def _iemocap_slots(speaker: str, label: str) -> Slots:
    style, _, emotion = label.partition(" ")
    session, sex = speaker[:-1], speaker[-1]
    first = list(IEMOCAP_LABELS).index(emotion) * IEMOCAP_MAX_TURNS
    slots = []
    for i, scene in product(range(IEMOCAP_MAX_TURNS), IEMOCAP_SCENES[style]):
        dialogue, turn = f"{session}{scene}", f"{sex}{first + i:03d}"
        path = f"Session{session[4]}/sentences/wav/{dialogue}/{dialogue}_{turn}.wav"
        # A script is the same in all sessions, an improvisation is not.
        slots.append((path, f"{scene[1:]} {turn}" if style == "script" else path))
    return slots


def _write_iemocap(root: Path, recording: SimulatedRecording) -> None:
    write_takes(root, recording)
    path = PurePath(recording.takes[0].path)
    evaluation = f"{path.parts[0]}/dialog/EmoEvaluation/{path.parent.name}.txt"
    text = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    for take, (start_s, end_s) in zip(recording.takes, recording.times_s(), strict=True):
        emotion = take.label.partition(" ")[2]
        valence, activation, dominance = IEMOCAP_LABELS[emotion][2]
        text += (  # the consensus, then two raters
            f"[{start_s:.4f} - {end_s:.4f}]\t{PurePath(take.path).stem}\t{emotion}\t"
            f"[{valence:.4f}, {activation:.4f}, {dominance:.4f}]\n"
            f"C-E2:\t{emotion};\t()\n"
            f"A-E3:\tval {valence:g}; act {activation:g}; dom  {dominance:g};\t()\n\n"
        )
    write_text(root / evaluation, text)


IEMOCAP = TreePlan(
    corpus="iemocap",
    channels=(voice.LABORATORY,),
    speakers={
        f"Ses{session:02d}{sex}": FEMALE if sex == "F" else MALE
        for session, sex in product((1, 2, 3), "FM")
    },
    labels={
        f"{scene} {code}": LabelPlan(name, n, style)
        for scene, style in IEMOCAP_STYLES.items()
        for code, (name, n, _) in IEMOCAP_LABELS.items()
    },
    slots=_iemocap_slots,
    session=lambda take: PurePath(take.path).parent.name,
    write=_write_iemocap,
)


# LDC2002S28: session files `speech/cc_001.sph` of two microphones. A line of their transcripts
# `transcr/cc_001.txt` is a segment, `12.30 14.05 A: hot anger, march first`, or chat to be left
# out. Actors read dates, one emotion after another, each announced.

LDC_FOLDER = "LDC2002S28"
MONTHS = ("january", "march", "may", "july", "october", "december")
DAYS = ("first", "fourth", "ninth", "twelfth")


def _ldc_slots(speaker: str, label: str) -> Slots:  # noqa: ARG001
    path = f"{LDC_FOLDER}/speech/{speaker}_001.sph"
    return [(path, f"{month} {day}") for day, month in product(DAYS, MONTHS)]


def _write_ldc(root: Path, recording: SimulatedRecording) -> None:
    path = root / recording.takes[0].path
    write_audio(path, recording.samples, recording.rate_hz, "NIST")
    times = recording.times_s()
    lines, announced = [f"0.00 {times[0][0] - 0.4:.2f} A: [MISC]"], ""
    for take, (start_s, stop_s) in zip(recording.takes, times, strict=True):
        if take.label != announced:  # in the pause before the first take of an emotion
            announced = take.label
            lines.append(f"{start_s - 0.4:.2f} {start_s - 0.1:.2f} A: Emotion category {announced}")
        lines.append(f"{start_s:.2f} {stop_s:.2f} A: {take.label}, {take.sentence}")
    transcript = root / LDC_FOLDER / "transcr" / f"{path.stem}.txt"
    write_text(transcript, "".join(f"{line}\n" for line in lines))


LDC = TreePlan(
    corpus="ldc",
    sample_rate_hz=22_050,
    channels=(voice.BOOM, voice.HEADSET),
    speakers={
        **dict.fromkeys(("cc", "cl", "mf"), MALE),
        **dict.fromkeys(("gg", "jg", "mk", "mm"), FEMALE),
    },
    labels={
        "neutral": LabelPlan("neutral", 3, ACTED),
        "happy": LabelPlan("happy", 4, ACTED),
        "sadness": LabelPlan("sad", 3, ACTED),
        "hot anger": LabelPlan("angry", 3, ACTED),
        "cold anger": LabelPlan("cold anger", 1, ACTED),
        "panic": LabelPlan("fear", 1, ACTED),
        "boredom": LabelPlan("boredom", 1, ACTED),
        "disgust": LabelPlan("disgust", 1, ACTED),
    },
    slots=_ldc_slots,
    session=lambda take: PurePath(take.path).stem,
    write=_write_ldc,
)


def _ravdess_slots(actor: str, label: str) -> Slots:
    intensities = ("01",) if label == "01" else ("01", "02")  # neutral has no strong intensity
    return [
        (f"Actor_{actor}/03-01-{label}-{intensity}-{statement}-{take}-{actor}.wav", statement)
        for intensity, statement, take in product(intensities, ("01", "02"), ("01", "02"))
    ]


RAVDESS = TreePlan(
    corpus="ravdess",
    sample_rate_hz=48_000,
    channels=(voice.STUDIO,),
    speakers={f"{i:02d}": MALE if i % 2 else FEMALE for i in range(1, 7)},
    labels={
        "01": LabelPlan("neutral", 2, ACTED),
        "02": LabelPlan("calm", 1, ACTED),
        "03": LabelPlan("happy", 4, ACTED),
        "04": LabelPlan("sad", 4, ACTED),
        "05": LabelPlan("angry", 4, ACTED),
        "06": LabelPlan("fear", 1, ACTED),
    },
    slots=_ravdess_slots,
)


URDU_MAX_FILES = 12  # of a speaker and label
URDU_SPEAKERS = {
    "SM1": MALE,
    "SM2": MALE,
    "SF1": FEMALE,
    "SM3": MALE,
    "SF2": FEMALE,
    "SM4": MALE,
    "SM5": MALE,
    "SF3": FEMALE,
}


def _urdu_slots(speaker: str, label: str) -> Slots:
    first = list(URDU_SPEAKERS).index(speaker) * URDU_MAX_FILES + 1
    numbers = range(first, first + URDU_MAX_FILES)
    paths = [f"{label}/{speaker}_F{number}_{label[0]}{number:03d}.wav" for number in numbers]
    return [(path, path) for path in paths]


URDU = TreePlan(
    corpus="urdu",
    sample_rate_hz=44_100,
    channels=(voice.BROADCAST,),
    speakers=URDU_SPEAKERS,
    shares={"SM1": 3.0, "SM2": 2.0, "SF1": 1.5, "SM4": 0.5, "SM5": 0.5, "SF3": 0.5},
    labels={
        name: LabelPlan(name.lower(), 2, NATURAL) for name in ("Neutral", "Happy", "Sad", "Angry")
    },
    slots=_urdu_slots,
)


PAPER = ("aibo", "emodb", "enterface", "ldc", "iemocap")
"""The five corpora of Kim et al. (2017)."""

PLANS: dict[str, TreePlan] = {
    plan.corpus: plan for plan in (AIBO, EMODB, ENTERFACE, LDC, IEMOCAP, RAVDESS, EMOVO, URDU)
}
