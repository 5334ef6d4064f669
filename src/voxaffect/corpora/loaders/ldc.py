"""LDC2002S28: sessions `cc_001.sph` of an actor, cut by the transcripts `cc_001.txt`.

A line of a transcript is a segment: `12.30 14.05 A: hot anger, December first`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from voxaffect.corpora import label_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.corpora.filename_parsing import Excluded, ParsedName, corpus_from_names, find_files
from voxaffect.corpora.label_parsing import LineError
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
    n_speakers=7,
    faults=(
        "Its catalog states no counts of the emotions, so none are expected.",
        "Sexes are inferred from the pitch of the voices; compare with doc/demographics.html.",
        "Two microphones are two channels of one voice, which are averaged.",
    ),
)

EMOTIONS = {
    *("neutral", "hot anger", "cold anger", "happy", "elation", "sadness", "despair", "panic"),
    *("anxiety", "disgust", "contempt", "boredom", "interest", "shame", "pride"),
}
MALE = {"cc", "cl", "mf"}
SESSION = re.compile(r"(?P<speaker>cc|cl|gg|jg|mf|mk|mm)_\d{3}", re.IGNORECASE)
SEGMENT = re.compile(r"(?P<start>\d+(?:\.\d+)?)\s+(?P<end>\d+(?:\.\d+)?)\s+[AB]:\s*(?P<text>.*)")

# A comment, or a line with neither a number nor a channel; others are segments or broken lines.
UNTIMED = re.compile(r"\s*#.*|(?!.*(?:\d|\b[AB]:)).*")
Transcript = label_parsing.LabelEntries[dict[str, Any] | Excluded]
"""Label, text and times of the segments of a session, or why a line is excluded, by its times."""


def parse(root: Path) -> Corpus:
    """Read the sessions below `root`, and cut them into the segments of their transcripts."""
    transcripts, copies = _read_transcripts(root)
    parse_name = partial(_parse_name, transcripts)
    sessions = corpus_from_names(CARD, SESSION, parse_name, "speech/cc_001.sph", root)
    utterances = [
        replace(session, id=f"{session.id}#{times}", **segment)
        for session in sessions.utterances
        for times, segment in transcripts[session.path.stem.lower()].found.items()
        if not isinstance(segment, Excluded)
    ]
    if not utterances:
        label_parsing.check_readable(root, label_parsing.merge_entries(transcripts.values()))
        raise CorpusError(f"{root}: its transcripts label no utterance; check the transcripts")
    present = {u.path.stem.lower() for u in sessions.utterances}
    present |= {PurePath(problem.path).stem.lower() for problem in sessions.problems}
    detail = "has no recording; copy it again"
    missing = [
        Problem("no recording", transcript.source, detail, is_fault=True)
        for stem, transcript in transcripts.items()
        if stem not in present
    ]
    problems = [problem for t in transcripts.values() for problem in t.problems]
    return replace(
        sessions,
        utterances=tuple(sorted(utterances, key=lambda u: u.id)),
        problems=(*problems, *copies, *sessions.problems, *missing),
    )


def _read_transcripts(root: Path) -> tuple[dict[str, Transcript], list[Problem]]:
    """Transcripts by session; of two copies, the one nearer to the root is used.

    Of their lines, those that are segments, or should be, are read; exclusions are counted.
    """
    paths, _ = find_files(
        root, lambda path: path.suffix.lower() == ".txt" and bool(SESSION.fullmatch(path.stem))
    )
    transcripts: dict[str, Transcript] = {}
    copies: list[Problem] = []
    for path in paths:
        file = label_parsing.read_label_file(root, path)
        timed = {line: text for line, text in file.found.items() if not UNTIMED.fullmatch(text)}
        transcript: Transcript = label_parsing.read_lines(replace(file, found=timed), _parse_line)
        counts = Counter(s for s in transcript.found.values() if isinstance(s, Excluded))
        lines = {why.kind: f"{n} lines are {why.detail}; left out" for why, n in counts.items()}
        n_untimed = len(file.found) - len(timed)
        if n_untimed:
            untimed = {"line without times": f"{n_untimed} lines have no times; left out"}
            lines = untimed | lines
        notes = (Problem(kind, file.source, detail) for kind, detail in lines.items())
        transcript = replace(transcript, problems=(*transcript.problems, *notes))
        original = transcripts.setdefault(path.stem.lower(), transcript)
        if original is not transcript:
            detail = f"{original.source} is used; left out"
            copies.append(Problem("duplicate", transcript.source, detail))
    return transcripts, copies


def _parse_line(text: str) -> tuple[str, dict[str, Any] | Excluded]:
    """A segment by its times, or why it is excluded."""
    line = SEGMENT.fullmatch(text.strip())
    if line is None:
        raise LineError(f"{text.strip()[:60]!r} is not a line of times, channel and text")
    start_s, end_s = float(line["start"]), float(line["end"])
    times = f"{start_s:.3f}-{end_s:.3f}"
    name, _, words = line["text"].partition(",")
    if name.startswith("[MISC]"):
        return times, Excluded("miscellaneous", "marked [MISC]")
    if name.lower().startswith("emotion category"):
        return times, Excluded("announcement", "the announcement of an emotion")
    if name.startswith("(") or words.lstrip().startswith("("):
        return times, Excluded("remark", "a remark in brackets")
    emotion = " ".join(name.lower().replace("-", " ").split())
    if emotion not in EMOTIONS:
        raise LineError(f"unknown emotion {name!r}; known are {', '.join(sorted(EMOTIONS))}")
    if end_s <= start_s:
        raise LineError(f"ends at {end_s:g} s, not after its start at {start_s:g} s")
    text = " ".join(words.lower().split())
    return times, {"label": emotion, "sentence": text, "start_s": start_s, "end_s": end_s}


def _parse_name(
    transcripts: Mapping[str, Transcript], name: re.Match[str], _: PurePath
) -> ParsedName | Excluded:
    if name[0].lower() not in transcripts:
        detail = f"has no transcript {name[0]}.txt, left out; copy it again"
        return Excluded("no transcript", detail, is_fault=True)
    session, speaker = name[0].lower(), name["speaker"].lower()
    gender = "male" if speaker in MALE else "female"
    # Segments have labels, sessions have none.
    return ParsedName("", speaker, gender, session=session, take=session)
