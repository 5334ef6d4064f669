"""Fragility: answers that turn when the voice is the same, and the line, room or file is not.

Changes that no listener would heed, each with the share of answers that may turn at most. Nothing
is trained: a recognizer answers clips as they are and changed, and its answers are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.degrade.channel import band_limit, codec, equalizer, gsm
from voxaffect.audio.degrade.degradation import Degradation, Samples, utterance_seed
from voxaffect.audio.degrade.level import gain
from voxaffect.audio.degrade.line import hum, offset, quantized, speed
from voxaffect.audio.degrade.padding import noise_around, zeros_around, zeros_in_pause
from voxaffect.audio.quality import MIN_BANDWIDTH_HZ
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.batch import Predictor, predict_each
from voxaffect.taxonomy import EMOTION, Taxonomy

EXACT = 1e-6
"""Largest difference of a probability that counts as none."""

ERROR = "error"  # in the place of an answer, where a recording was refused
NARROW = "narrow-band"


@dataclass(frozen=True)
class Change:
    """A change of a clip that should not turn the answer.

    Args:
        effect: what happens to a clip at the usual level; its name is that of the row.
        limit: share of answers that may turn at most; None where there is no limit.
        is_exact: whether probabilities may not differ by more than `EXACT`, either.
        warning: code of a warning that every clip must get; empty where none is due.
    """

    effect: Degradation
    limit: float | None = None
    is_exact: bool = False
    warning: str = ""

    @property
    def name(self) -> str:
        """What is done, in words."""
        return self.effect.name

    def apply(self, clip: Waveform, seed: int) -> Waveform:
        """The changed clip; random choices depend on its name and the seed alone."""
        return self.effect.apply(clip, utterance_seed(clip.name, seed))


def _change(name: str, effect: partial[Samples], limit: float | None, **more: Any) -> Change:
    return Change(Degradation("fragility", name, "", effect), limit, **more)


def _kept(name: str, words: str, limit: float | None, **more: Any) -> Change:
    """One of the degradations for robustness tests."""
    return _change(words, DEGRADATIONS[name].effect, limit, **more)


def _bands() -> Iterable[Change]:
    for edge_hz in (4000, 5000, 5500, 6000, 6500, 7000, 7500):
        warning = NARROW if edge_hz <= MIN_BANDWIDTH_HZ else ""
        effect = partial(band_limit, edge_hz=edge_hz)
        yield _change(f"band ends at {edge_hz / 1000:g} kHz", effect, 0.10, warning=warning)


SECOND = SAMPLE_RATE_HZ

QUIET_AFTER = _change(
    "3 s of -80 dB noise after",
    partial(noise_around, before_s=0, after_s=3, level_db=-80),
    0.03,
)

CHANGES: tuple[Change, ...] = (
    _change(
        "1 s of zeros on each side",
        partial(zeros_around, before=SECOND, after=SECOND),
        0.0,
        is_exact=True,
    ),
    _change(
        "zeros of odd lengths on each side",
        partial(zeros_around, before=12_347, after=7_919),
        0.0,
        is_exact=True,
    ),
    _change("zeros in the longest pause", partial(zeros_in_pause, added=9_973), 0.0, is_exact=True),
    _change(
        "1 s of -60 dB noise on each side",
        partial(noise_around, before_s=1, after_s=1, level_db=-60),
        0.03,
    ),
    QUIET_AFTER,
    _kept("white-20db", "white noise, 20 dB SNR", 0.10),
    _change("equalizer, up to 6 dB", partial(equalizer, range_db=6), 0.05),
    _change("16 bit at -40 dB", partial(quantized, level_db=-40), 0.03),
    _change("16 bit, 40 dB below the usual level", partial(quantized, level_db=-66), 0.03),
    *_bands(),
    _change("MP3, 24 kbit/s", partial(codec, kind="mp3", kbit_s=24), 0.10, warning=NARROW),
    _kept("mp3-32k", "MP3, 32 kbit/s", 0.10),
    _change("Opus, 16 kbit/s", partial(codec, kind="opus", kbit_s=16), 0.10),
    _change("GSM", partial(gsm), 0.10, warning=NARROW),
    _kept("phone-band", "telephone, 300 to 3400 Hz", None, warning=NARROW),
    *(
        _change(f"offset {value:g}", partial(offset, value=value), 0.0)
        for value in (0.005, 0.01, 0.02)
    ),
    _change("hum, 50 Hz at -50 dB", partial(hum, hz=50, level_db=-50), 0.02),
    _change("hum with harmonics", partial(hum, hz=50, level_db=-50, n_harmonics=9), None),
    _change("speed 1.1", partial(speed, factor=1.1), None),
    _change("20 dB quieter", partial(gain, gain_db=-20), 0.0),
    _change("20 dB louder", partial(gain, gain_db=20), 0.0),
)
"""Every change, in the order of the table. Levels are in dB of full scale, clips have -26."""


@dataclass(frozen=True)
class Answer:
    """What a recognizer says of a clip.

    Args:
        forced: the class of the highest probability, or why there is none.
        label: as a user gets it, which may be `unsure`.
        probabilities: float64 (C,), zeros where there are none.
        warnings: their codes.
    """

    forced: str
    label: str
    probabilities: NDArray[np.float64]
    warnings: frozenset[str] = frozenset()

    @classmethod
    def of(cls, prediction: Prediction) -> Answer:
        """The answer of a prediction."""
        found = prediction.probabilities
        label = ERROR if prediction.error is not None else str(prediction.label)
        return cls(
            forced=max(found, key=lambda name: found[name]) if found else label,
            label=label,
            probabilities=np.array([found.get(name, 0.0) for name in EMOTION.classes]),
            warnings=frozenset(warning.code for warning in prediction.warnings),
        )


def answers(predictor: Predictor, clips: Sequence[Waveform]) -> list[Answer]:
    """A recognizer's answers for clips, in their order."""
    return [Answer.of(prediction) for prediction in predict_each(predictor, clips)]


@dataclass(frozen=True)
class Fragility:
    """How the answers for clips differ after a change.

    Args:
        change: what was done.
        turned: share of clips whose class of the highest probability is another.
        turned_by_default: share of clips whose label, `unsure` included, is another.
        mean_change: mean absolute difference of a probability.
        largest_change: the largest one.
        warned: code of a warning -> share of the changed clips that have it.
        is_warned: whether every clip has the warning that is due, but those that have it unchanged.
    """

    change: Change
    turned: float
    turned_by_default: float
    mean_change: float
    largest_change: float
    warned: Mapping[str, float]
    is_warned: bool = True

    @property
    def is_met(self) -> bool | None:
        """Whether it is within the limits; None where there is none."""
        if self.change.limit is None:
            return None if self.is_warned else False
        is_same = not self.change.is_exact or self.largest_change <= EXACT
        return self.turned <= self.change.limit and is_same and self.is_warned


def compared(change: Change, before: Sequence[Answer], after: Sequence[Answer]) -> Fragility:
    """Compare the answers for the same clips, unchanged and changed."""
    pairs = [*zip(before, after, strict=True)]
    differences = np.abs([b.probabilities - a.probabilities for b, a in pairs])
    warned = Counter(chain.from_iterable(sorted(answer.warnings) for answer in after))
    due = [a.warnings for b, a in pairs if change.warning not in b.warnings]
    return Fragility(
        change,
        turned=float(np.mean([b.forced != a.forced for b, a in pairs])),
        turned_by_default=float(np.mean([b.label != a.label for b, a in pairs])),
        mean_change=float(differences.mean()),
        largest_change=float(differences.max()),
        warned={code: n / len(pairs) for code, n in sorted(warned.items())},
        is_warned=not change.warning or all(change.warning in codes for codes in due),
    )


def measured(
    predictor: Predictor,
    change: Change,
    clips: Sequence[Waveform],
    before: Sequence[Answer],
    seed: int,
) -> Fragility:
    """Fragility of a recognizer under a change, of clips at the usual level."""
    return compared(
        change, before, answers(predictor, [change.apply(clip, seed) for clip in clips])
    )


def n_right(found: Sequence[Answer], labels: Sequence[str]) -> int:
    """How many answers are the emotion of the corpus, by their highest probability."""
    return sum(answer.forced == label for answer, label in zip(found, labels, strict=True))


def felt(found: Mapping[str, Answer]) -> list[str]:
    """Names of the sounds that were answered with an emotion, as a user gets it."""
    return [name for name, answer in found.items() if answer.label in EMOTION.classes]


def drawn(
    utterances: Iterable[Utterance], n: int, seed: int, taxonomy: Taxonomy | None = None
) -> list[tuple[Utterance, str]]:
    """Draw up to n utterances with their classes, equally of each corpus and class.

    The first k of them are those of a draw of k, so that a part is as balanced as the whole.
    """
    cells: dict[tuple[str, str], list[tuple[Utterance, str]]] = defaultdict(list)
    for utterance in utterances:
        if (label := (taxonomy or Taxonomy()).emotion(utterance)) is not None:
            cells[label, utterance.corpus].append((utterance, label))
    shuffled = [
        sorted(cells[key], key=lambda one: utterance_seed(one[0].id, seed))
        for key in sorted(cells, key=lambda key: (EMOTION.index(key[0]), key[1]))
    ]
    rounds = chain.from_iterable(zip_longest(*shuffled))
    return [one for one in rounds if one is not None][:n]
