"""Corpus check: compare a copy on disk with its card, and examine every recording.

Recordings are decoded at their own rate, block by block, so a check needs little memory and no
resampling. Reading only headers is faster, but misses silence, clipping and damage.
"""

import hashlib
import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed

from voxaffect.audio import decode
from voxaffect.audio.decode import DEFAULT_LIMITS, AudioStream, DecodeLimits
from voxaffect.audio.waveform import FULL_SCALE, SAMPLE_RATE_HZ, SILENCE_RMS
from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.errors import AudioError

MIN_SAMPLES = 400  # one analysis frame, 25 ms at 16 kHz; a shorter recording has no features
MAX_CLIPPED_SHARE = 0.01  # share of samples at full scale above which spectra are distorted
BATCH = 256  # utterances per task of a process: a tenth of a second of work outweighs pickling
PROBE_BYTES = 4096  # from the middle of a file, which tell it from most others of its size

Progress = Callable[[int, int], None]  # receives the number of utterances done, and of all


@dataclass(frozen=True)
class Examined:
    """Findings about an utterance: the most serious problem, if any, and the duration in seconds.

    Copies have equal `content`: the hash of the samples, the mean of the channels at their own
    rate; or if only headers are read, the hash of the file, None if no other file is similar.
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
    """Examine utterances one by one; a segment of a longer recording is examined by itself.

    Args:
        utterances: utterances to examine.
        samples: decode recordings. Otherwise only headers are read, which reveal recordings that
            are missing, not audio, truncated or too short, and files are compared byte by byte. As
            a video's header does not state its duration, its sound is decoded nevertheless.
        n_jobs: number of processes, for many utterances.
        limits: what counts as unreadable.
        progress: called after every utterance.
    """
    # Processes rather than threads, since opening a file is mostly Python code.
    n_batches = math.ceil(len(utterances) / BATCH)
    n_jobs = max(1, min(n_jobs, n_batches))
    run = Parallel(n_jobs, batch_size=BATCH, return_as="generator")
    work = delayed(partial(_examine_one, samples=samples, limits=limits))
    segments = ((u.id, str(u.path), u.start_s, u.end_s) for u in utterances)
    examined: list[Examined] = []
    for utterance, findings in zip(utterances, run(map(work, segments)), strict=True):
        examined.append(Examined(utterance, *findings))
        if progress:
            progress(len(examined), len(utterances))
    return examined if samples else _compare_files(examined)


# Id, path, start and end, which pickle faster than an utterance; problems, duration and content.
_Segment = tuple[str, str, float, float | None]
_Findings = tuple[tuple[Problem, ...], float, str | None]


def _examine_one(segment: _Segment, *, samples: bool, limits: DecodeLimits) -> _Findings:
    name, file, start_s, end_s = segment
    path = Path(file)
    try:
        with decode.open_recording(path, start_s=start_s, end_s=end_s, limits=limits) as recording:
            if samples:
                return _examine_samples(name, recording)
            return _examine_header(segment, recording)
    except AudioError as error:
        why = str(error)
    except OSError as error:  # the disk fails, or the file has just been deleted
        why = f"{decode.printable(path)}: cannot be read ({error.strerror}); copy it again"
    kind = "unreadable"
    if not path.is_file():
        kind, why = "missing", f"{decode.printable(path)} no longer exists; restore it"
    return (Problem(kind, name, why, is_fault=True),), 0.0, None


def _examine_samples(name: str, recording: AudioStream) -> _Findings:
    n_samples, energy, n_clipped = 0, 0.0, 0
    content = hashlib.sha256()  # in hardware; twice as fast as BLAKE2
    for block in recording.blocks:
        n_samples += block.size
        energy += float(np.square(block, dtype=np.float64).sum())
        n_clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE))
        content.update(block.data)
    duration_s = n_samples / recording.rate_hz
    problems = _too_short(name, duration_s)
    if not problems and math.sqrt(energy / n_samples) < SILENCE_RMS:
        detail = "is silent, below -100 dB; leave it out"
        problems = (Problem("silent", name, detail, is_fault=True),)
    elif not problems and n_clipped / n_samples > MAX_CLIPPED_SHARE:
        detail = f"{n_clipped / n_samples:.1%} of its samples are at full scale"
        problems = (Problem("clipped", name, detail),)
    return problems, duration_s, content.hexdigest()


def _examine_header(segment: _Segment, recording: AudioStream) -> _Findings:
    """Findings with a content that copies share, and few others: segment, file size and a probe."""
    n_samples = recording.n_samples
    if n_samples is None:
        n_samples = sum(map(len, recording.blocks))
    duration_s = n_samples / recording.rate_hz
    name, path, start_s, end_s = segment
    with io.FileIO(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(size // 2)
        content = f"{start_s} {end_s} {size} {zlib.crc32(file.read(PROBE_BYTES))}"
    return _too_short(name, duration_s), duration_s, content


def _too_short(name: str, duration_s: float) -> tuple[Problem, ...]:
    if round(duration_s * SAMPLE_RATE_HZ) >= MIN_SAMPLES:
        return ()
    detail = f"lasts {1000 * duration_s:.1f} ms, shorter than a frame; leave it out"
    return (Problem("too short", name, detail, is_fault=True),)


def _compare_files(examined: Sequence[Examined]) -> list[Examined]:
    """Replace probes by hashes of whole files; only files with equal probes are read."""
    counts = Counter(each.content for each in examined)

    @cache  # a file of many segments is read once
    def file_hash(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    compared = []
    for each in examined:
        u, content = each.utterance, None
        if each.content and counts[each.content] > 1:
            content = f"{u.start_s} {u.end_s} {file_hash(u.path)}"
        compared.append(replace(each, content=content))
    return compared


COMPARE = "compare with the distribution of the corpus"

Verdict = Literal["ok", "notes", "faults"]


@dataclass(frozen=True)
class Count:
    """Number of utterances of one class, speaker, gender or style, named as on the card.

    `expected` is None if not known; `verdict` is `ok` if both are equal, `notes` if none was found,
    else `faults`, or None if they cannot be compared.
    """

    name: str
    found: int
    expected: int | None
    verdict: Verdict | None


@dataclass(frozen=True)
class CheckReport:
    """Contents of a corpus, and what is wrong with it.

    `samples` is whether recordings were decoded rather than only their headers read; `duration_s`
    is the total of all that can be read. `speakers` counts speakers, the other counts utterances:
    first those of the card, even if none was found, `unknown` last.
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
    def verdict(self) -> Verdict:
        """`faults` if a problem must be fixed, `notes` if there are only others, else `ok`."""
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
    """Examine every utterance of a corpus, as by `examine`, and compare the counts with its card.

    A label or speaker of the card that is completely absent is a note, since corpora are handed on
    as subsets of whole classes; one with another count is a fault. Counts by speaker, gender and
    style are compared likewise, but not those of a subset of the labels.
    """
    card, utterances = corpus.card, corpus.utterances
    by_label = _counts([u.label for u in utterances], card.labels)
    is_subset = any(count.verdict == "notes" for count in by_label)
    names = [u.speaker.removeprefix(f"{corpus.name}/") for u in utterances]
    by_speaker = tuple(  # a speaker may be absent from a subset, too
        replace(count, verdict="notes") if count.expected and not count.found else count
        for count in _counts(names, card.speakers, is_subset=is_subset)
    )
    by_gender = _counts([u.gender for u in utterances], card.genders, is_subset=is_subset)
    by_style = _counts([u.naturalness for u in utterances], card.styles, is_subset=is_subset)
    speakers, noted = _count_speakers(len(corpus.speakers), card.n_speakers)
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
            *_count_problems("label", by_label),
            *noted,
            *_count_problems("speaker", by_speaker),
            *_count_problems("gender", by_gender),
            *_count_problems("style", by_style),
            *(problem for each in examined for problem in each.problems),
            *_same_content(examined),
        ),
    )


def _counts(
    values: Sequence[str | None], expected: Mapping[str, int], *, is_subset: bool = False
) -> tuple[Count, ...]:
    """Counts, expected ones first, None last; no verdict on those that unknown ones may lower."""
    n_unknown = values.count(None)
    counter = Counter(value for value in values if value is not None)
    found = dict.fromkeys(expected, 0) | dict(sorted(counter.items()))
    can_compare = bool(expected) and not is_subset
    counts = []
    for value, n in found.items():
        n_expected = expected.get(value, 0)
        verdict: Verdict | None = None
        if can_compare and (n >= n_expected or not n_unknown):
            verdict = "ok" if n == n_expected else "faults" if n else "notes"
        counts.append(Count(value, n, n_expected if expected else None, verdict))
    if n_unknown:
        counts.append(Count("unknown", n_unknown, None, "notes" if can_compare else None))
    return tuple(counts)


def _count_speakers(found: int, expected: int) -> tuple[Count, list[Problem]]:
    """Fewer speakers than expected are a subset; 0 expected means not known."""
    if not expected or found == expected:
        return Count("speakers", found, expected or None, "ok" if expected else None), []
    is_fault = found > expected
    detail = f"found {found} speakers instead of {expected}; {COMPARE}"
    problem = Problem("speaker count", ".", detail, is_fault)
    return Count("speakers", found, expected, "faults" if is_fault else "notes"), [problem]


def _count_problems(what: str, counts: Iterable[Count]) -> Iterator[Problem]:
    """Absent labels and speakers, then counts that differ, then the number of unknown values."""
    for count in counts:
        if what in {"label", "speaker"} and count.verdict == "notes" and count.expected is not None:
            detail = f"none of {count.expected} utterances; this is a subset"
            yield Problem(f"absent {what}", count.name, detail)
    for count in counts:
        if count.verdict == "faults":
            kind = "label count" if what == "label" else f"count by {what}"
            detail = f"found {count.found} utterances instead of {count.expected}; {COMPARE}"
            yield Problem(kind, count.name, detail, is_fault=True)
        if count.verdict == "notes" and count.expected is None:
            detail = f"{count.found} utterances have no {what}, which the corpus states"
            yield Problem(f"{what} unknown", ".", detail)


def _same_content(examined: Iterable[Examined]) -> Iterator[Problem]:
    """Utterances with the content of an earlier one."""
    first: dict[str, Utterance] = {}
    for each in examined:
        if each.content is None:
            continue
        original = first.setdefault(each.content, each.utterance)
        if original is not each.utterance:
            detail = f"has the content of {original.id}; keep both in the same split"
            yield Problem("duplicated content", each.utterance.id, detail)
