"""A corpus on disk against its card, and every recording against what can be analyzed."""

from __future__ import annotations

import hashlib
import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from voxaffect.audio.decode import (
    DEFAULT_LIMITS,
    AudioStream,
    DecodeLimits,
    open_recording,
    printable,
)
from voxaffect.audio.waveform import FULL_SCALE, SAMPLE_RATE_HZ, SILENCE_RMS
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.errors import AudioError

# Every recording against what can be analyzed: readable, long enough, loud enough, not a copy.
#
# A recording is heard at its own rate, block by block, so a check costs little memory and no
# resampling. Where time matters more than certainty, its header alone is read.

MIN_SAMPLES = 400
"""One analysis frame, 25 ms at 16 kHz; a shorter recording has no features."""

MAX_CLIPPED_SHARE = 0.01
"""Share of samples at full scale from which spectra, and with them descriptors, are distorted."""

BATCH = 256
"""Utterances that a process is given at a time: a tenth of a second of work, beside which handing
it over is nothing."""

PROBE_BYTES = 4096
"""Of the middle of a file: enough to tell it from most others of its size."""

Progress = Callable[[int, int], None]
"""Told how many utterances are done, and how many there are."""


@dataclass(frozen=True)
class Examined:
    """What a recording, or its header, tells of an utterance.

    Args:
        utterance: which one.
        problems: what is wrong with it; the gravest alone.
        duration_s: its length in seconds, 0 where it cannot be read.
        content: equal where the sound is equal. Of samples it is their hash, as the mean of the
            channels at their own rate, whatever the format. Of headers it is the hash of the file,
            and None where the file is like no other.
    """

    utterance: Utterance
    problems: tuple[Problem, ...] = ()
    duration_s: float = 0.0
    content: str | None = None


def examine(
    utterances: Sequence[Utterance],
    *,
    samples: bool = True,
    n_jobs: int = 1,
    limits: DecodeLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> list[Examined]:
    """Judge every utterance; a segment of a longer recording is judged by itself.

    Args:
        utterances: what to look at.
        samples: decode them. Otherwise headers alone are read, which tell what is missing, no
            audio, cut off or too short, and files are compared byte by byte. A film's header tells
            too little, so its sound is counted.
        n_jobs: processes, for many utterances.
        limits: what counts as unreadable.
        progress: called after every batch.

    Returns:
        One for each utterance, in their order.
    """
    look = partial(_examine, look=_hear if samples else _read_header, limits=limits)
    findings = _in_batches(look, [_span(u) for u in utterances], n_jobs, progress)
    examined = [Examined(u, *finding) for u, finding in zip(utterances, findings, strict=True)]
    return examined if samples else _compare_files(examined)


class _Span(NamedTuple):
    """Of an utterance what a process needs; whole ones take long to hand over."""

    id: str
    path: str
    start_s: float
    end_s: float | None


class _Finding(NamedTuple):
    """The rest of an `Examined`."""

    problems: tuple[Problem, ...]
    duration_s: float = 0.0
    content: str | None = None


def _span(utterance: Utterance) -> _Span:
    return _Span(utterance.id, str(utterance.path), utterance.start_s, utterance.end_s)


def _in_batches(
    look: Callable[[_Span], _Finding],
    spans: Sequence[_Span],
    n_jobs: int,
    progress: Progress | None,
) -> Iterator[_Finding]:
    """The findings in order. Processes, since opening a file is mostly Python's work."""
    batches = [spans[at : at + BATCH] for at in range(0, len(spans), BATCH)]
    run = Parallel(n_jobs=max(1, min(n_jobs, len(batches))), return_as="generator")
    n_done = 0
    for findings in run(delayed(_each)(look, batch) for batch in batches):
        yield from findings
        n_done += len(findings)
        if progress:
            progress(n_done, len(spans))


def _each(look: Callable[[_Span], _Finding], batch: Sequence[_Span]) -> list[_Finding]:
    return [look(span) for span in batch]


def _examine(
    span: _Span, look: Callable[[_Span, AudioStream], _Finding], limits: DecodeLimits
) -> _Finding:
    path = Path(span.path)
    try:
        with open_recording(
            path, start_s=span.start_s, end_s=span.end_s, limits=limits
        ) as recording:
            return look(span, recording)
    except AudioError as fault:
        return _Finding((_unreadable(span, path, str(fault)),))
    except OSError as fault:  # of a disk that is failing, or a file that has just gone
        why = f"{printable(path)}: cannot be read ({fault.strerror}); copy it again"
        return _Finding((_unreadable(span, path, why),))


def _unreadable(span: _Span, path: Path, why: str) -> Problem:
    if not path.is_file():
        return _fault(span, "missing", f"{printable(path)} is no longer there; restore it")
    return _fault(span, "unreadable", why)


def _hear(span: _Span, recording: AudioStream) -> _Finding:
    level = _measure(recording.blocks)
    duration_s = level.n_samples / recording.rate_hz
    problems = _too_short(span, duration_s) or _bad_level(span, level)
    return _Finding(problems, duration_s, level.content)


def _read_header(span: _Span, recording: AudioStream) -> _Finding:
    n_samples = recording.n_samples
    if n_samples is None:
        n_samples = sum(map(len, recording.blocks))
    duration_s = n_samples / recording.rate_hz
    return _Finding(_too_short(span, duration_s), duration_s, _likeness(span))


class _Level(NamedTuple):
    """Sums over all samples, and their hash."""

    n_samples: int
    energy: float
    n_clipped: int
    content: str


def _measure(blocks: Iterable[NDArray[np.float32]]) -> _Level:
    n_samples, energy, n_clipped = 0, 0.0, 0
    content = hashlib.sha256()  # in hardware; twice as fast as BLAKE2
    for block in blocks:
        n_samples += block.size
        energy += float(np.square(block, dtype=np.float64).sum())
        n_clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE))
        content.update(block.data)
    return _Level(n_samples, energy, n_clipped, content.hexdigest())


def _too_short(span: _Span, duration_s: float) -> tuple[Problem, ...]:
    if round(duration_s * SAMPLE_RATE_HZ) >= MIN_SAMPLES:
        return ()
    lasts = f"lasts {1000 * duration_s:.1f} ms, shorter than a frame; leave it out"
    return (_fault(span, "too short", lasts),)


def _bad_level(span: _Span, level: _Level) -> tuple[Problem, ...]:
    if math.sqrt(level.energy / level.n_samples) < SILENCE_RMS:
        return (_fault(span, "silent", "is silent, below -100 dB; leave it out"),)
    share = level.n_clipped / level.n_samples
    if share > MAX_CLIPPED_SHARE:
        return (Problem("clipped", span.id, f"{share:.1%} of its samples are at full scale"),)
    return ()


def _fault(span: _Span, kind: str, detail: str) -> Problem:
    return Problem(kind, span.id, detail, is_fault=True)


def _likeness(span: _Span) -> str:
    """What copies have in common, and few others: the segment, the file's size and its middle."""
    with io.FileIO(span.path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(size // 2)
        return f"{span.start_s} {span.end_s} {size} {zlib.crc32(file.read(PROBE_BYTES))}"


def _compare_files(examined: Sequence[Examined]) -> list[Examined]:
    """Instead of likenesses, hashes of whole files; only those that are like another are read."""
    n_alike = Counter(each.content for each in examined)
    digest = cache(_digest)  # a file of many segments is read once
    return [
        replace(each, content=_file_content(each.utterance, digest))
        if each.content and n_alike[each.content] > 1
        else replace(each, content=None)
        for each in examined
    ]


def _file_content(utterance: Utterance, digest: Callable[[Path], str]) -> str:
    return f"{utterance.start_s} {utterance.end_s} {digest(utterance.path)}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
