"""Plans of simulated corpora, by the name of the corpus: speakers, labels, sentences and files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxaffect.files import write_atomically, write_text
from voxaffect.simulation import voice
from voxaffect.simulation.expressions import ACTED, NATURAL, Style
from voxaffect.simulation.speakers import FEMALE, FEMALE_CHILD, MALE, MALE_CHILD, VoiceGroup


def write_audio(path: Path, samples: NDArray[np.int16], rate_hz: int, kind: str = "WAV") -> None:
    """Write samples (n_samples, n_channels) as 16-bit PCM; `kind` is libsndfile's format."""
    with write_atomically(path) as file:
        soundfile.write(file, samples, rate_hz, format=kind, subtype="PCM_16")


def write_film(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n_samples, 1) as the 16-bit PCM audio of a black AVI film."""
    import av  # noqa: PLC0415 FFmpeg is slow to load, and needed for films only

    encoded = io.BytesIO()
    with av.open(encoded, "w", format="avi", options={"fflags": "+bitexact"}) as film:
        video = film.add_stream("mpeg4", rate=1, width=64, height=48)
        audio = film.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        for _ in range(0, len(samples), rate_hz):
            film.mux(video.encode(picture.reformat(format="yuv420p")))
        film.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for part in (frame, None):
            film.mux(audio.encode(part))
    with write_atomically(path) as file:
        file.write(encoded.getvalue())


class LabelPlan(NamedTuple):
    """Plan of a raw label."""

    emotion: str  # key of `EFFECTS`
    n_takes: int  # per speaker at scale 1
    style: Style


class Take(NamedTuple):
    """Planned utterance."""

    speaker: str  # key of the plan's speakers
    label: str  # key of the plan's labels
    path: str  # file below the corpus root; a session file has several takes
    sentence: str  # its id; equal ids are the same words


class SimulatedRecording(NamedTuple):
    """Takes recorded one after another."""

    takes: tuple[Take, ...]
    samples: NDArray[np.int16]  # (n_samples, n_channels)
    rate_hz: int
    spans: NDArray[np.int64]  # first sample of each take, and the one past its last, (n_takes, 2)


def write_takes(root: Path, recording: SimulatedRecording) -> None:
    """Write every take of a recording into its own WAV file."""
    for take, (start, stop) in zip(recording.takes, recording.spans, strict=True):
        write_audio(root / take.path, recording.samples[start:stop], recording.rate_hz)


Slots = Sequence[tuple[str, str]]  # path and sentence of takes


@dataclass(frozen=True)
class TreePlan:
    """Plan of a simulated corpus."""

    corpus: str  # name in `corpora.CORPORA`
    channels: tuple[voice.Channel, ...]  # one per microphone
    speakers: Mapping[str, VoiceGroup]  # by their codes, as in file names
    labels: Mapping[str, LabelPlan]  # by their codes, as in file names or label files
    slots: Callable[[str, str], Slots]  # all that names allow of a speaker and label, by codes
    session: Callable[[Take], str] = lambda take: take.path  # name of its recording session
    write: Callable[[Path, SimulatedRecording], None] = write_takes  # below a root, in its format
    documents: Callable[[Sequence[Take]], Mapping[str, str]] = lambda _: {}
    """All takes -> path below the root -> text of files beside the recordings."""
    sample_rate_hz: int = 16_000  # of the files
    syllables: tuple[int, int] = (5, 8)  # least and largest number of a sentence
    shares: Mapping[str, float] = field(default_factory=dict)
    """Speaker code -> factor on the number of takes, for uneven corpora."""

    def n_takes(self, speaker: str, label: str, scale: float) -> int:
        """Number of takes of a speaker and label: at least 1, at most the number of slots."""
        wanted = round(scale * self.shares.get(speaker, 1.0) * self.labels[label].n_takes)
        return min(max(1, wanted), len(self.slots(speaker, label)))


def _speakers(listed: str) -> dict[str, VoiceGroup]:
    """Speaker code -> group, of a list such as `03 m, 08 f`."""
    groups = {"m": MALE, "f": FEMALE, "b": MALE_CHILD, "g": FEMALE_CHILD}
    return {code: groups[group] for code, group in map(str.split, listed.split(", "))}


def _labels(style: Style, listed: str) -> dict[str, LabelPlan]:
    """Label code -> plan, of a list such as `N = neutral 4, F = happy 3`."""
    pairs = (one.split(" = ") for one in listed.split(", "))
    plans = ((code, *plan.rsplit(maxsplit=1)) for code, plan in pairs)
    return {code: LabelPlan(emotion, int(n), style) for code, emotion, n in plans}


def _speaker_genders(speakers: Mapping[str, VoiceGroup]) -> dict[str, str]:
    """The user's own list of genders, for corpora without one."""
    lines = (f"{name} {group.gender[0]}\n" for name, group in speakers.items())
    return {"speaker_genders.txt": "".join(lines)}


# FAU AIBO, children and a robot dog, without sad: `wav/Mont_01_000_00.wav` is school, child, turn
# and chunk; its class is in a list.

AIBO_FOLDER = "IS2009EmotionChallenge"
AIBO_MAX_TURNS = 40  # of a child and label
AIBO_SPEAKERS = _speakers("Ohm_01 b, Ohm_02 g, Ohm_03 b, Mont_01 g, Mont_02 b, Mont_03 g")


def _aibo_slots(child: str, label: str) -> Slots:
    first = "AENPR".index(label) * AIBO_MAX_TURNS
    turns = range(first, first + AIBO_MAX_TURNS)
    paths = [f"{AIBO_FOLDER}/wav/{child}_{turn:03d}_00.wav" for turn in turns]
    return [(path, path) for path in paths]


def _aibo_documents(takes: Sequence[Take]) -> dict[str, str]:
    chunks = sorted((PurePath(take.path).stem, take.label) for take in takes)
    labels = "".join(f"{chunk} {label} 0.75\n" for chunk, label in chunks)
    path = f"{AIBO_FOLDER}/labels/{AIBO_FOLDER}/chunk_labels_5cl_corpus.txt"
    return {path: labels, **_speaker_genders(AIBO_SPEAKERS)}


AIBO = TreePlan(
    corpus="aibo",
    channels=(voice.CLASSROOM,),
    speakers=AIBO_SPEAKERS,
    labels=_labels(NATURAL, "N = neutral 6, P = happy 3, A = angry 4, E = emphatic 1, R = rest 1"),
    slots=_aibo_slots,
    documents=_aibo_documents,
    syllables=(3, 6),
)


EMODB_SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")

EMODB = TreePlan(
    corpus="emodb",
    channels=(voice.ANECHOIC,),
    speakers=_speakers("03 m, 08 f, 09 f, 10 m, 11 m, 13 f"),
    labels=_labels(
        ACTED, "N = neutral 4, F = happy 3, T = sad 3, W = angry 5, L = boredom 1, E = disgust 1"
    ),
    slots=lambda speaker, label: [
        (f"wav/{speaker}{sentence}{label}{version}.wav", sentence)
        for version, sentence in product("ab", EMODB_SENTENCES)
    ],
)


# Short (b) and long (l) phrases, nonsense and questions (domande).
EMOVO_PHRASES = ["b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2"]

EMOVO = TreePlan(
    corpus="emovo",
    sample_rate_hz=48_000,
    channels=(voice.LABORATORY,),
    speakers=_speakers("f1 f, f2 f, f3 f, m1 m, m2 m, m3 m"),
    labels=_labels(
        ACTED,
        "neu = neutral 4, gio = happy 4, tri = sad 4, rab = angry 4, dis = disgust 1, "
        "sor = surprise 1",
    ),
    slots=lambda speaker, label: [
        (f"EMOVO/{speaker}/{label}-{speaker}-{phrase}.wav", phrase) for phrase in EMOVO_PHRASES
    ],
)


# eNTERFACE'05: films `subject 1/anger/sentence 1/s1_an_1.avi`, without neutral.

ENTERFACE_SPEAKERS = _speakers("1 m, 2 f, 4 m, 5 m, 11 f, 12 m")


def _enterface_slots(subject: str, label: str) -> Slots:
    folder = f"enterface database/subject {subject}/{label}"
    named = "12" if subject == "11" else subject  # as in the corpus
    film = f"s{named}_{label[:2]}"
    return [(f"{folder}/sentence {k}/{film}_{k}.avi", f"{label} {k}") for k in range(1, 6)]


ENTERFACE = TreePlan(
    corpus="enterface",
    sample_rate_hz=48_000,
    channels=(voice.LECTURE_ROOM,),
    speakers=ENTERFACE_SPEAKERS,
    labels=_labels(
        ACTED,
        "happiness = happy 4, sadness = sad 4, anger = angry 4, disgust = disgust 1, "
        "fear = fear 1, surprise = surprise 1",
    ),
    slots=_enterface_slots,
    write=lambda root, made: write_film(root / made.takes[0].path, made.samples, made.rate_hz),
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
    times_s = recording.spans / recording.rate_hz
    for take, (start_s, end_s) in zip(recording.takes, times_s, strict=True):
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
    speakers=_speakers("Ses01F f, Ses01M m, Ses02F f, Ses02M m, Ses03F f, Ses03M m"),
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


def _write_ldc(root: Path, recording: SimulatedRecording) -> None:
    path = root / recording.takes[0].path
    write_audio(path, recording.samples, recording.rate_hz, "NIST")
    times = recording.spans / recording.rate_hz
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
    speakers=_speakers("cc m, cl m, mf m, gg f, jg f, mk f, mm f"),
    labels=_labels(
        ACTED,
        "neutral = neutral 3, happy = happy 4, sadness = sad 3, hot anger = angry 3, "
        "cold anger = cold anger 1, panic = fear 1, boredom = boredom 1, disgust = disgust 1",
    ),
    slots=lambda speaker, _label: [
        (f"{LDC_FOLDER}/speech/{speaker}_001.sph", f"{month} {day}")
        for day, month in product(DAYS, MONTHS)
    ],
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
    speakers=_speakers("01 m, 02 f, 03 m, 04 f, 05 m, 06 f"),
    labels=_labels(
        ACTED, "01 = neutral 2, 02 = calm 1, 03 = happy 4, 04 = sad 4, 05 = angry 4, 06 = fear 1"
    ),
    slots=_ravdess_slots,
)


URDU_MAX_FILES = 12  # of a speaker and label
URDU_SPEAKERS = _speakers("SM1 m, SM2 m, SF1 f, SM3 m, SF2 f, SM4 m, SM5 m, SF3 f")


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
    labels=_labels(NATURAL, "Neutral = neutral 2, Happy = happy 2, Sad = sad 2, Angry = angry 2"),
    slots=_urdu_slots,
)


PAPER = ("aibo", "emodb", "enterface", "ldc", "iemocap")  # the corpora of Kim et al. (2017)

PLANS: dict[str, TreePlan] = {
    plan.corpus: plan for plan in (AIBO, EMODB, ENTERFACE, LDC, IEMOCAP, RAVDESS, EMOVO, URDU)
}
