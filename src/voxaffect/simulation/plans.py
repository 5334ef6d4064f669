"""Which files a miniature of each corpus holds: names, speakers, labels and recording situation.

One plain value a corpus. A new tree is one more function that names its files and one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from voxaffect.simulation.channel import ANECHOIC, BROADCAST, LABORATORY, STUDIO, Channel
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    BOREDOM,
    CALM,
    DISGUST,
    FEAR,
    HAPPY,
    NATURAL,
    NEUTRAL,
    SAD,
    SURPRISE,
    Expression,
    Style,
)
from voxaffect.simulation.speakers import FEMALE, MALE, VoiceGroup


@dataclass(frozen=True, slots=True)
class Member:
    """One speaker of a plan.

    Args:
        group: sex and age.
        share: factor on the number of takes, for corpora whose speakers are uneven.
    """

    group: VoiceGroup
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Role:
    """One raw label of a plan.

    Args:
        expression: what is expressed under that label.
        n_takes: takes a speaker at scale 1.
    """

    expression: Expression
    n_takes: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A file that the corpus's naming scheme has room for.

    Args:
        path: below the corpus root, with suffix.
        sentence: identity of what is said; equal identities are the same words.
    """

    path: str
    sentence: str


@dataclass(frozen=True)
class TreePlan:
    """A miniature corpus.

    Args:
        corpus: its name in `corpora.CORPORA`.
        sample_rate_hz: rate of its files.
        style: how its speakers speak.
        channel: how they were recorded.
        cast: speakers by the code that file names use.
        roles: labels by the code that file names use.
        slots: every file that a speaker code and a label code leave room for.
    """

    corpus: str
    sample_rate_hz: int
    style: Style
    channel: Channel
    cast: Mapping[str, Member]
    roles: Mapping[str, Role]
    slots: Callable[[str, str], tuple[Slot, ...]]

    def n_takes(self, speaker: str, label: str, scale: float) -> int:
        """Takes of a speaker under a label: at least one, at most what the names have room for."""
        wanted = round(scale * self.cast[speaker].share * self.roles[label].n_takes)
        return min(max(1, wanted), len(self.slots(speaker, label)))

    def size(self, scale: float = 1.0) -> int:
        """Files of the whole tree."""
        return sum(self.n_takes(s, label, scale) for s, label in product(self.cast, self.roles))


def emodb_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    """`wav/03a01Fa.wav`: speaker, sentence, emotion, version."""
    sentences = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
    return tuple(
        Slot(f"wav/{speaker}{sentence}{label}{version}.wav", sentence)
        for version, sentence in product("ab", sentences)
    )


def ravdess_slots(actor: str, label: str) -> tuple[Slot, ...]:
    """`Actor_01/03-01-05-02-01-02-01.wav`: audio, speech, emotion, intensity, statement, ..."""
    intensities = ("01",) if label == "01" else ("01", "02")  # neutral has no strong intensity
    return tuple(
        Slot(f"Actor_{actor}/03-01-{label}-{intensity}-{statement}-{take}-{actor}.wav", statement)
        for intensity, statement, take in product(intensities, ("01", "02"), ("01", "02"))
    )


def emovo_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    """`EMOVO/f1/neu-f1-b1.wav`: emotion, speaker, one of fourteen phrases."""
    short, long = ["b1", "b2", "b3"], ["l1", "l2", "l3", "l4"]
    nonsense, questions = ["n1", "n2", "n3", "n4", "n5"], ["d1", "d2"]
    phrases = [*short, *long, *nonsense, *questions]
    return tuple(Slot(f"EMOVO/{speaker}/{label}-{speaker}-{p}.wav", p) for p in phrases)


def urdu_slots(speaker: str, label: str) -> tuple[Slot, ...]:
    """`Angry/SM1_F10_A010.wav`: speaker, file, emotion and number; everyone's own words."""
    return tuple(_urdu_names(speaker, label))


def _urdu_names(speaker: str, label: str) -> Iterator[Slot]:
    first = list(URDU_CAST).index(speaker) * 12
    for number in range(first + 1, first + 13):
        path = f"{label}/{speaker}_F{number}_{label[0]}{number:03d}.wav"
        yield Slot(path, path)


# Their talk is the most uneven of the four: one man speaks as much as four others together.
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

EMODB = TreePlan(
    corpus="emodb",
    sample_rate_hz=16_000,
    style=ACTED,
    channel=ANECHOIC,
    cast={
        "03": Member(MALE),
        "08": Member(FEMALE),
        "09": Member(FEMALE),
        "10": Member(MALE),
        "11": Member(MALE),
        "13": Member(FEMALE),
    },
    roles={
        "N": Role(NEUTRAL, 4),
        "F": Role(HAPPY, 3),
        "T": Role(SAD, 3),
        "W": Role(ANGRY, 5),
        "L": Role(BOREDOM, 1),
        "E": Role(DISGUST, 1),
    },
    slots=emodb_slots,
)

RAVDESS = TreePlan(
    corpus="ravdess",
    sample_rate_hz=48_000,
    style=ACTED,
    channel=STUDIO,
    cast={f"{i:02d}": Member(MALE if i % 2 else FEMALE) for i in range(1, 7)},
    roles={
        "01": Role(NEUTRAL, 2),
        "02": Role(CALM, 1),
        "03": Role(HAPPY, 4),
        "04": Role(SAD, 4),
        "05": Role(ANGRY, 4),
        "06": Role(FEAR, 1),
    },
    slots=ravdess_slots,
)

EMOVO = TreePlan(
    corpus="emovo",
    sample_rate_hz=48_000,
    style=ACTED,
    channel=LABORATORY,
    cast={
        **{f"f{i}": Member(FEMALE) for i in (1, 2, 3)},
        **{f"m{i}": Member(MALE) for i in (1, 2, 3)},
    },
    roles={
        "neu": Role(NEUTRAL, 4),
        "gio": Role(HAPPY, 4),
        "tri": Role(SAD, 4),
        "rab": Role(ANGRY, 4),
        "dis": Role(DISGUST, 1),
        "sor": Role(SURPRISE, 1),
    },
    slots=emovo_slots,
)

URDU = TreePlan(
    corpus="urdu",
    sample_rate_hz=44_100,
    style=NATURAL,
    channel=BROADCAST,
    cast=URDU_CAST,
    roles={
        "Neutral": Role(NEUTRAL, 2),
        "Happy": Role(HAPPY, 2),
        "Sad": Role(SAD, 2),
        "Angry": Role(ANGRY, 2),
    },
    slots=urdu_slots,
)

PLANS: dict[str, TreePlan] = {plan.corpus: plan for plan in (EMODB, RAVDESS, EMOVO, URDU)}
