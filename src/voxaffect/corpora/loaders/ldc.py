"""LDC2002S28: sessions `cc_001.sph` of an actor, cut by the transcripts `cc_001.txt`.

A line of a transcript is a segment: `12.30 14.05 A: hot anger, December first`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath

from voxaffect.audio.decode import printable
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance, utterance_id
from voxaffect.corpora.filename_parsing import (
    LeftOut,
    NameScheme,
    ParsedName,
    corpus_from_names,
    find_files,
)
from voxaffect.corpora.label_parsing import (
    LabelEntries,
    LineError,
    joined,
    read_label_file,
    read_lines,
    refuse_unread,
)
from voxaffect.errors import CorpusError

CARD = CorpusCard(
    name="ldc",
    title="Emotional Prosody Speech and Transcripts (LDC2002S28)",
    language="English",
    elicitation="acted",
    license="by license from the Linguistic Data Consortium",
    citation="M. Liberman, K. Davis, M. Grossman, N. Martey, J. Bell: Emotional Prosody Speech "
    "and Transcripts. LDC2002S28, Linguistic Data Consortium 2002",
    url="https://catalog.ldc.upenn.edu/LDC2002S28",
    labels={},
    n_speakers=7,
    faults=(
        "Its catalog does not count the emotions, so no counts are expected.",
        "Sexes are inferred from the pitch of the voices; compare with doc/demographics.html.",
        "Two microphones are two channels of one voice, which are averaged.",
    ),
)

EMOTIONS = frozenset({
    *("neutral", "hot anger", "cold anger", "happy", "elation", "sadness", "despair", "panic"),
    *("anxiety", "disgust", "contempt", "boredom", "interest", "shame", "pride"),
})  # fmt: skip
MALE = {"cc", "cl", "mf"}
FEMALE = {"gg", "jg", "mk", "mm"}

SESSION = re.compile(rf"(?P<speaker>{'|'.join(sorted(MALE | FEMALE))})_\d{{3}}", re.IGNORECASE)
SEGMENT = re.compile(r"(?P<start>\d+(?:\.\d+)?)\s+(?P<end>\d+(?:\.\d+)?)\s+[AB]:\s*(?P<text>.*)")

# A comment, or a line with neither a number nor a channel, is no segment that lost its times.
UNTIMED = re.compile(r"\s*#.*|(?!.*(?:\d|\b[AB]:)).*")


@dataclass(frozen=True, slots=True)
class Segment:
    """An elicited utterance of a session: what is said as what, from when to when in seconds."""

    emotion: str
    text: str
    start_s: float
    end_s: float


Transcript = LabelEntries[Segment | LeftOut]
"""The segments of a session, and the lines that are none, by their two times."""


def parse(root: Path) -> Corpus:
    """Read the sessions below `root`, and cut them into the segments of their transcripts.

    Raises:
        CorpusError: `root` is no folder or holds no transcribed session.
    """
    transcripts, copies = _read_transcripts(root)
    scheme = NameScheme(SESSION, partial(_read, transcripts), example="speech/cc_001.sph")
    sessions = corpus_from_names(CARD, root, scheme)
    utterances = [u for s in sessions.utterances for u in _cut(root, s, transcripts)]
    if not utterances:
        refuse_unread(root, joined(transcripts.values()))
        raise CorpusError(f"{root}: its transcripts mark no utterance with an emotion; check them")
    problems = [problem for t in transcripts.values() for problem in _problems(t)]
    lone = _without_recording(transcripts, sessions)
    return replace(
        sessions,
        utterances=tuple(sorted(utterances, key=lambda u: u.id)),
        problems=(*problems, *copies, *sessions.problems, *lone),
    )


def _read_transcripts(root: Path) -> tuple[dict[str, Transcript], list[Problem]]:
    """Transcripts by session; of two copies, the one nearer to the root counts."""
    paths, _ = find_files(root, _is_transcript)
    transcripts: dict[str, Transcript] = {}
    copies: list[Problem] = []
    for path in paths:
        transcript = _read_transcript(root, path)
        original = transcripts.setdefault(path.stem.lower(), transcript)
        if original is not transcript:
            detail = f"{original.source} is read; left out"
            copies.append(Problem("duplicate", transcript.source, detail))
    return transcripts, copies


def _is_transcript(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and SESSION.fullmatch(path.stem) is not None


def _read_transcript(root: Path, path: Path) -> Transcript:
    """The lines that are segments, or should be; others are counted."""
    file = read_label_file(root, path)
    timed = tuple(line for line in file.lines if not UNTIMED.fullmatch(line.text))
    transcript = read_lines(replace(file, lines=timed), _read_line)
    if len(timed) == len(file.lines):
        return transcript
    detail = f"{len(file.lines) - len(timed)} lines are without times; left out"
    untimed = Problem("line without times", file.name, detail)
    return replace(transcript, problems=(*transcript.problems, untimed))


def _read_line(text: str) -> tuple[str, Segment | LeftOut]:
    """A segment by its times, or why it is none."""
    said = text.strip()
    line = SEGMENT.fullmatch(said)
    if line is None:
        raise LineError(f"{said[:60]!r} is no times, channel and text")
    times = f"{float(line['start']):.3f}-{float(line['end']):.3f}"
    return times, _excluded(line["text"]) or _segment(line)


def _excluded(text: str) -> LeftOut | None:
    if text.startswith("[MISC]"):
        return LeftOut("miscellaneous", "marked [MISC]")
    if text.lower().startswith("emotion category"):
        return LeftOut("announcement", "the announcement of an emotion")
    if text.startswith("(") or text.partition(",")[2].lstrip().startswith("("):
        return LeftOut("remark", "a remark in brackets")
    return None


def _segment(line: re.Match[str]) -> Segment:
    name, _, text = line["text"].partition(",")
    emotion = " ".join(name.lower().replace("-", " ").split())
    if emotion not in EMOTIONS:
        raise LineError(f"emotion {name!r} is none of {', '.join(sorted(EMOTIONS))}")
    start_s, end_s = float(line["start"]), float(line["end"])
    if end_s <= start_s:
        raise LineError(f"ends at {end_s:g} s, not after its start {start_s:g} s")
    return Segment(emotion, " ".join(text.lower().split()), start_s, end_s)


def _read(
    transcripts: Mapping[str, Transcript],
    name: re.Match[str],
    relative: PurePath,  # noqa: ARG001
) -> ParsedName | LeftOut:
    if name[0].lower() not in transcripts:
        detail = f"has no transcript {name[0]}.txt, left out; copy it again"
        return LeftOut("no transcript", detail, is_fault=True)
    speaker = name["speaker"].lower()
    return ParsedName(
        label="",  # of the session as a whole; its segments have labels
        speaker=speaker,
        gender="male" if speaker in MALE else "female",
        session=name[0].lower(),
        take=name[0].lower(),
    )


def _cut(
    root: Path, session: Utterance, transcripts: Mapping[str, Transcript]
) -> Iterator[Utterance]:
    relative = PurePath(printable(session.path.relative_to(root)))
    for segment in transcripts[session.path.stem.lower()].found.values():
        if isinstance(segment, Segment):
            yield replace(
                session,
                id=utterance_id(CARD.name, relative, segment.start_s, segment.end_s),
                label=segment.emotion,
                sentence=segment.text,
                start_s=segment.start_s,
                end_s=segment.end_s,
            )


def _problems(transcript: Transcript) -> Iterable[Problem]:
    """Broken lines one by one, exclusions as counts."""
    yield from transcript.problems
    excluded = Counter(s for s in transcript.found.values() if isinstance(s, LeftOut))
    for why, n in excluded.items():
        yield Problem(why.kind, transcript.source, f"{n} lines are {why.detail}; left out")


def _without_recording(transcripts: Mapping[str, Transcript], sessions: Corpus) -> list[Problem]:
    there = {u.path.stem.lower() for u in sessions.utterances}
    there |= {PurePath(problem.path).stem.lower() for problem in sessions.problems}
    detail = "has no recording; copy it again"
    return [
        Problem("no recording", transcript.source, detail, is_fault=True)
        for stem, transcript in transcripts.items()
        if stem not in there
    ]
