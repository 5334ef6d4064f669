"""A corpus on disk against its card, and every recording against what can be analysed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.corpora.examine import Examined, Progress, examine

UNKNOWN = "unknown"
"""Name under which utterances are counted that do not tell their gender or style."""

COMPARE = "compare with its distribution"

Verdict = Literal["ok", "notes", "faults"]


@dataclass(frozen=True)
class Count:
    """The utterances of one class, speaker, gender or style.

    Args:
        name: as the card calls it; of a speaker, without the corpus's name.
        found: utterances that are there.
        expected: utterances in the full distribution, None where the card does not say.
        verdict: `ok` where both are equal, `notes` where none is there, else `faults`; None where
            they cannot be compared.
    """

    name: str
    found: int
    expected: int | None
    verdict: Verdict | None


@dataclass(frozen=True)
class CheckReport:
    """What a corpus holds, and what is wrong with it.

    Args:
        name: name of the corpus.
        samples: whether recordings were decoded, and not their headers read alone.
        n_utterances: utterances found.
        duration_s: seconds of speech in all that can be read.
        by_label: utterances of every raw label; those of the card come first, be it with none.
        speakers: how many speakers there are, instead of utterances.
        by_speaker: utterances of every speaker, as of labels.
        by_gender: the same of genders, `unknown` where the corpus does not say.
        by_style: the same of acted and natural.
        problems: what the loader, the card and the recordings give rise to, in this order.
    """

    name: str
    samples: bool
    n_utterances: int
    duration_s: float
    by_label: tuple[Count, ...]
    speakers: Count
    by_speaker: tuple[Count, ...]
    by_gender: tuple[Count, ...]
    by_style: tuple[Count, ...]
    problems: tuple[Problem, ...]

    @property
    def labels(self) -> dict[str, int]:
        """Raw label -> utterances found."""
        return {count.name: count.found for count in self.by_label}

    @property
    def n_speakers(self) -> int:
        """Number of speakers found."""
        return self.speakers.found

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


def check(
    corpus: Corpus,
    *,
    samples: bool = True,
    n_jobs: int = 1,
    limits: DecodeLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> CheckReport:
    """Examine every utterance of a corpus and compare what is there with its card.

    A label or speaker of the card that is wholly absent is a note, since corpora are handed on as
    subsets of whole classes; one that is there in another number is a fault. Of a subset, the
    card's counts by speaker, gender and style tell no more; else they are compared likewise.

    Args:
        corpus: what a loader found.
        samples: decode the recordings; see `examine` for what their headers alone tell.
        n_jobs: processes.
        limits: what counts as unreadable.
        progress: called with how many utterances are done, and how many there are.
    """
    card, utterances = corpus.card, corpus.utterances
    by_label = _counts((u.label for u in utterances), card.labels)
    is_subset = any(count.verdict == "notes" for count in by_label)
    speakers = _count_speakers(card, len(corpus.speakers))
    prefix = f"{corpus.name}/"
    by_speaker = _with_absences(
        _counts(
            (u.speaker.removeprefix(prefix) for u in utterances), card.speakers, is_subset=is_subset
        )
    )
    by_gender = _counts((u.gender for u in utterances), card.genders, is_subset=is_subset)
    by_style = _counts((u.naturalness for u in utterances), card.styles, is_subset=is_subset)
    examined = examine(utterances, samples=samples, n_jobs=n_jobs, limits=limits, progress=progress)
    return CheckReport(
        name=corpus.name,
        samples=samples,
        n_utterances=len(utterances),
        duration_s=sum(each.duration_s for each in examined),
        by_label=by_label,
        speakers=speakers,
        by_speaker=by_speaker,
        by_gender=by_gender,
        by_style=by_style,
        problems=(
            *corpus.problems,
            *_label_problems(by_label),
            *_speaker_problems(speakers),
            *_absences("speaker", by_speaker),
            *_differences("speaker", by_speaker),
            *_differences("gender", by_gender),
            *_differences("style", by_style),
            *(problem for each in examined for problem in each.problems),
            *_same_content(examined),
        ),
    )


def _counts(
    values: Iterable[str | None], expected: Mapping[str, int], *, is_subset: bool = False
) -> tuple[Count, ...]:
    """How often every value occurs, those that are expected first and None last."""
    told = list(values)
    n_unknown = told.count(None)
    counter = Counter(value for value in told if value is not None)
    found = dict.fromkeys(expected, 0) | dict(sorted(counter.items()))
    can_compare = bool(expected) and not is_subset
    counts = [
        Count(
            value,
            n,
            expected.get(value, 0) if expected else None,
            _verdict(n, expected.get(value, 0), n_unknown) if can_compare else None,
        )
        for value, n in found.items()
    ]
    unknown = Count(UNKNOWN, n_unknown, None, "notes" if can_compare else None)
    return (*counts, unknown) if n_unknown else tuple(counts)


def _with_absences(counts: Iterable[Count]) -> tuple[Count, ...]:
    """Whoever is wholly absent is so of a subset too."""
    return tuple(replace(c, verdict="notes") if c.expected and not c.found else c for c in counts)


def _verdict(found: int, expected: int, n_unknown: int) -> Verdict | None:
    """Where some do not tell their gender, that fewer tell one of them means nothing."""
    if found == expected:
        return "ok"
    if found < expected and n_unknown:
        return None
    return "faults" if found else "notes"


def _label_problems(by_label: Iterable[Count]) -> Iterator[Problem]:
    counts = tuple(by_label)
    yield from _absences("label", counts)
    for count in counts:
        if count.verdict == "faults":
            yield _miscount("label count", count)


def _absences(what: str, counts: Iterable[Count]) -> Iterator[Problem]:
    for count in counts:
        if count.verdict == "notes" and count.expected is not None:
            absent = f"none of {count.expected} utterances; this is a subset"
            yield Problem(f"absent {what}", count.name, absent)


def _count_speakers(card: CorpusCard, found: int) -> Count:
    """Fewer speakers than the card's are a subset."""
    if not card.n_speakers:
        return Count("speakers", found, None, None)
    if found == card.n_speakers:
        return Count("speakers", found, card.n_speakers, "ok")
    return Count(
        "speakers", found, card.n_speakers, "faults" if found > card.n_speakers else "notes"
    )


def _speaker_problems(speakers: Count) -> Iterator[Problem]:
    if speakers.verdict in {"notes", "faults"}:
        detail = f"{speakers.found} speakers where the corpus has {speakers.expected}; {COMPARE}"
        yield Problem("speaker count", ".", detail, is_fault=speakers.verdict == "faults")


def _differences(what: str, counts: Iterable[Count]) -> Iterator[Problem]:
    """Values in another number than expected, and how many tell none; absent ones are no fault."""
    for count in counts:
        if count.verdict == "faults":
            yield _miscount(f"count by {what}", count)
        if count.verdict == "notes" and count.expected is None:
            untold = f"{count.found} utterances do not tell their {what}, which the corpus knows"
            yield Problem(f"{what} unknown", ".", untold)


def _miscount(kind: str, count: Count) -> Problem:
    detail = f"{count.found} utterances where the corpus has {count.expected}; {COMPARE}"
    return Problem(kind, count.name, detail, is_fault=True)


def _same_content(examined: Iterable[Examined]) -> Iterator[Problem]:
    """Utterances that sound as one before them does."""
    first: dict[str, Utterance] = {}
    for each in examined:
        if each.content is None:
            continue
        original = first.setdefault(each.content, each.utterance)
        if original is not each.utterance:
            detail = f"has the content of {original.id}; keep both on one side of a split"
            yield Problem("duplicated content", each.utterance.id, detail)
