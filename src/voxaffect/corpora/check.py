"""A corpus on disk against its card, and every recording against what can be analysed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from joblib import Parallel, delayed

from voxaffect.audio.decode import decode
from voxaffect.audio.waveform import SILENCE_RMS, Waveform
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.errors import AudioError

MIN_DURATION_S = 0.025
"""One analysis frame; a shorter recording has no features."""

MAX_CLIPPED_SHARE = 0.01
"""Share of samples at full scale from which spectra, and with them descriptors, are distorted."""

Verdict = Literal["ok", "notes", "faults"]


@dataclass(frozen=True)
class CheckReport:
    """What a corpus holds, and what is wrong with it.

    Args:
        name: name of the corpus.
        n_utterances: utterances found.
        duration_s: seconds of speech in all that can be decoded.
        labels: raw label -> utterances found; every label of the card is there, be it with 0.
        expected_labels: raw label -> utterances in the full distribution; empty if none is known.
        n_speakers: speakers found.
        expected_speakers: speakers in the full distribution; 0 if their number is not known.
        genders: gender -> utterances, `unknown` where the corpus does not say.
        naturalness: the same of acted and natural.
        problems: what the loader, the card and the recordings give rise to, in this order.
    """

    name: str
    n_utterances: int
    duration_s: float
    labels: Mapping[str, int]
    expected_labels: Mapping[str, int]
    n_speakers: int
    expected_speakers: int
    genders: Mapping[str, int]
    naturalness: Mapping[str, int]
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        """`faults` if a problem must be put right, `notes` if there are others, else `ok`."""
        if any(problem.is_fault for problem in self.problems):
            return "faults"
        return "notes" if self.problems else "ok"

    def kinds(self) -> Counter[str]:
        """Number of problems of each kind."""
        return Counter(problem.kind for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Examined:
    """What decoding an utterance tells: its samples' hash and length, where there are any."""

    utterance: Utterance
    problems: tuple[Problem, ...]
    duration_s: float = 0.0
    content: str | None = None


def check(corpus: Corpus, *, n_jobs: int = 1) -> CheckReport:
    """Decode every utterance of a corpus and compare what is there with its card.

    A label of the card that is wholly absent is a note, since corpora are handed on as subsets of
    whole classes; one that is there in another number is a fault.

    Args:
        corpus: what a loader found.
        n_jobs: threads; decoding releases Python's lock.
    """
    examine = Parallel(n_jobs=n_jobs, prefer="threads")
    examined: list[Examined] = examine(delayed(_examine)(u) for u in corpus.utterances)
    labels = dict.fromkeys(corpus.card.labels, 0) | _counts(u.label for u in corpus.utterances)
    return CheckReport(
        name=corpus.name,
        n_utterances=len(corpus.utterances),
        duration_s=sum(e.duration_s for e in examined),
        labels=labels,
        expected_labels=dict(corpus.card.labels),
        n_speakers=len(corpus.speakers),
        expected_speakers=corpus.card.n_speakers,
        genders=_counts(u.gender for u in corpus.utterances),
        naturalness=_counts(u.naturalness for u in corpus.utterances),
        problems=(
            *corpus.problems,
            *_against_card(corpus.card, labels, len(corpus.speakers)),
            *(problem for e in examined for problem in e.problems),
            *_same_content(examined),
        ),
    )


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    counts = Counter(value or "unknown" for value in values)
    return dict(sorted(counts.items()))


def _against_card(card: CorpusCard, labels: Mapping[str, int], n_speakers: int) -> list[Problem]:
    """Counts that differ from the card's; a card without labels promises none."""
    if not card.labels:
        return []
    problems = [_label_problem(label, n, card.labels.get(label, 0)) for label, n in labels.items()]
    return [p for p in (*problems, _speaker_problem(n_speakers, card.n_speakers)) if p]


def _label_problem(label: str, found: int, expected: int) -> Problem | None:
    if found == expected:
        return None
    if found == 0:
        return Problem("absent label", label, f"none of {expected} utterances; this is a subset")
    detail = f"{found} utterances where the corpus has {expected}; compare with its distribution"
    return Problem("label count", label, detail, is_fault=True)


def _speaker_problem(found: int, expected: int) -> Problem | None:
    if expected in {0, found}:
        return None
    detail = f"{found} speakers where the corpus has {expected}; compare with its distribution"
    return Problem("speaker count", ".", detail, is_fault=found > expected)


def _examine(utterance: Utterance) -> Examined:
    if not utterance.path.is_file():
        gone = _fault(utterance, "missing", f"{utterance.path} is no longer there; restore it")
        return Examined(utterance, (gone,))
    try:
        waveform = decode(utterance.path, start_s=utterance.start_s, end_s=utterance.end_s)
    except AudioError as fault:
        return Examined(utterance, (_fault(utterance, "unreadable", str(fault)),))
    content = hashlib.sha256(waveform.samples.tobytes()).hexdigest()
    return Examined(utterance, _level_problems(utterance, waveform), waveform.duration_s, content)


def _level_problems(utterance: Utterance, waveform: Waveform) -> tuple[Problem, ...]:
    if waveform.duration_s < MIN_DURATION_S:
        lasts = f"lasts {1000 * waveform.duration_s:.1f} ms, shorter than a frame; leave it out"
        return (_fault(utterance, "too short", lasts),)
    if waveform.rms() < SILENCE_RMS:
        return (_fault(utterance, "silent", "is silent, below -100 dB; leave it out"),)
    share = waveform.clipped_share()
    if share > MAX_CLIPPED_SHARE:
        return (Problem("clipped", utterance.id, f"{share:.1%} of its samples are at full scale"),)
    return ()


def _fault(utterance: Utterance, kind: str, detail: str) -> Problem:
    return Problem(kind, utterance.id, detail, is_fault=True)


def _same_content(examined: Iterable[Examined]) -> list[Problem]:
    """Utterances whose decoded samples equal those of one before, whatever the files' format."""
    first: dict[str, Utterance] = {}
    problems = []
    for each in examined:
        if each.content is None:
            continue
        original = first.setdefault(each.content, each.utterance)
        if original is not each.utterance:
            detail = f"has the same samples as {original.id}; keep both on one side of a split"
            problems.append(Problem("duplicated content", each.utterance.id, detail))
    return problems
