"""How much of what a system recognises in clean speech it still recognises in the wild.

The number to compare systems by, for the conditions k of the groups g (noise, room, ...):

    degraded UA = mean over g of mean over k in g of UA(k)
    robustness  = (degraded UA - chance) / (clean UA - chance)

Every group weighs the same, so that it does not matter how many kinds of noise and how few rooms a
catalogue holds, and the ratio is of what is above chance, so that guessing scores 0 and an answer
that nothing changes scores 1. It is undefined where clean speech is not recognised above chance.
It says nothing of how good a system is on clean speech: a weak one has little to lose. So it stands
beside the degraded UA, on which systems are compared, too. Controls are shown and score nothing.

Relative accuracy under a catalogue of corruptions goes back to Hendrycks & Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.errors import ArtefactError
from voxaffect.evaluation.measures.significance import LEVEL
from voxaffect.files import write_text

FILE = "robustness.json"
"""Beside a run's header."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval over speakers.

    Args:
        value: of all speakers; None where it is undefined.
        low: its lower end, None where there is no interval.
        high: its upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Condition:
    """What speech was heard under.

    Args:
        name: key of the catalogue, or `clean`.
        group: what it is a kind of.
        severity: how strong it is, in words.
        scored: whether it counts in the robustness; clean speech and controls do not.
        n_refused: utterances that could not be heard at all under it; they count as wrong.
    """

    name: str
    group: str
    severity: str
    scored: bool
    n_refused: int


@dataclass(frozen=True)
class SystemRobustness:
    """One system.

    Args:
        system: its name.
        ua: condition -> unweighted accuracy.
        retained: condition -> share of the accuracy above chance on clean speech.
        groups: scored group -> mean UA of its conditions.
        degraded: mean UA of the scored groups.
        robustness: the one number.
    """

    system: str
    ua: dict[str, Estimate]
    retained: dict[str, Estimate]
    groups: dict[str, Estimate]
    degraded: Estimate
    robustness: Estimate

    @property
    def clean(self) -> Estimate:
        """Unweighted accuracy on clean speech."""
        return self.ua[CLEAN]


@dataclass(frozen=True)
class Compared:
    """Two systems under the same conditions, on the same folds and the same draws of speakers.

    Args:
        reference: the system compared with.
        system: the system compared.
        degraded: degraded UA of `system` minus that of `reference`.
        robustness: the same of robustness.
        n_pairs: folds.
        p: of the degraded UA, two-sided Wilcoxon signed-rank over folds.
        p_holm: the same, corrected for all pairs of systems.
        reachable: whether so few differing folds could have given p <= .05 at all.
    """

    reference: str
    system: str
    degraded: Estimate
    robustness: Estimate
    n_pairs: int
    p: float
    p_holm: float
    reachable: bool

    @property
    def significant(self) -> bool:
        """Whether the difference holds at LEVEL after correction."""
        return self.p_holm <= LEVEL


@dataclass(frozen=True)
class Robustness:
    """All systems under all conditions.

    Args:
        protocol: who trained on whom.
        conditions: clean first, then as they were asked for.
        systems: in the order of the tables.
        comparisons: pairs of systems.
        chance: UA of guessing.
        n_folds: folds that all systems have answered; others are left out.
        n_left_out: folds that some system has not answered.
        n_seeds: most seeds of a system on a fold; they are averaged first.
        n_speakers: corpus -> speakers under test.
        n_utterances: utterances under test.
        seed: of the degradations.
        note: a sentence to stand wherever a number is shown.
    """

    protocol: str
    conditions: tuple[Condition, ...]
    systems: tuple[SystemRobustness, ...]
    comparisons: tuple[Compared, ...]
    chance: float
    n_folds: int
    n_left_out: int
    n_seeds: int
    n_speakers: dict[str, int]
    n_utterances: int
    seed: int
    note: str = ""

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the intervals: speakers less corpora."""
        return sum(self.n_speakers.values()) - len(self.n_speakers)

    @property
    def scored_groups(self) -> tuple[str, ...]:
        """Groups that the robustness is the mean of, in their order."""
        return tuple(dict.fromkeys(c.group for c in self.conditions if c.scored))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Robustness:
        """What `asdict` has taken apart.

        Raises:
            KeyError: something is missing.
            TypeError: something is too much.
        """
        parts = {
            "conditions": tuple(Condition(**c) for c in plain["conditions"]),
            "systems": tuple(_system(s) for s in plain["systems"]),
            "comparisons": tuple(_compared(c) for c in plain["comparisons"]),
        }
        return cls(**{**plain, **parts})


def _system(plain: Mapping[str, Any]) -> SystemRobustness:
    several = ("ua", "retained", "groups")
    parts = {name: {k: Estimate(**e) for k, e in plain[name].items()} for name in several}
    return SystemRobustness(**{**plain, **parts, **_estimates(plain)})


def _compared(plain: Mapping[str, Any]) -> Compared:
    return Compared(**{**plain, **_estimates(plain)})


def _estimates(plain: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate(**plain[name]) for name in ("degraded", "robustness")}


def save_robustness(found: Robustness, folder: Path) -> Path:
    """Write it to a folder, whole or not at all; returns the file."""
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / FILE, text + "\n")
    return folder / FILE


def load_robustness(folder: Path) -> Robustness | None:
    """What a folder holds, None where that is nothing.

    Raises:
        ArtefactError: the file is damaged.
    """
    path = folder / FILE
    try:
        return Robustness.from_plain(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ArtefactError(f"{path}: damaged ({fault}); delete it and run again") from fault
