"""A user's list of speakers' sexes, for corpora whose distribution does not tell them apart.

`speaker_genders.txt`, anywhere below the root, has a line a speaker: its name, then f or m.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.corpora.label_files import Entries, LineError, look_up, open_label_file, read_lines

GENDERS_FILE = "speaker_genders.txt"

ADULTS = {"f": "female", "m": "male", "female": "female", "male": "male"}
CHILDREN = {sex: f"{gender} child" for sex, gender in ADULTS.items()}

LINE = re.compile(r"(?P<speaker>.+?)[\s,;]+(?P<sex>\w+)")


def with_genders(corpus: Corpus, classes: Mapping[str, str]) -> Corpus:
    """The corpus with the genders that its list tells; what stays unknown is reported.

    Args:
        corpus: one whose speakers have no gender, or not all of them.
        classes: `ADULTS` or `CHILDREN`, word of the list -> class of `taxonomy.GENDER`.
    """
    genders = read_lines(open_label_file(corpus.root, GENDERS_FILE), _read_line)
    known = {speaker: classes[sex] for speaker, sex in genders.found.items()}
    utterances = tuple(
        replace(u, gender=known.get(_name(u.speaker), u.gender)) for u in corpus.utterances
    )
    problems = [*genders.problems, *_strangers(corpus, genders), *_unknown(utterances)]
    return replace(corpus, utterances=utterances, problems=(*corpus.problems, *problems))


def _read_line(text: str) -> tuple[str, str]:
    line = LINE.fullmatch(text.strip())
    if line is None:
        raise LineError(f"{text.strip()!r} is no speaker and f or m")
    sex = line["sex"].lower()
    look_up(ADULTS, sex, "sex")
    return line["speaker"], sex


def _name(speaker: str) -> str:
    return speaker.partition("/")[2]


def _strangers(corpus: Corpus, genders: Entries[str]) -> list[Problem]:
    """Listed speakers whom the corpus does not have, such as misspelt ones."""
    present = {_name(speaker) for speaker in corpus.speakers}
    return [
        Problem("unknown speaker", where, f"{speaker!r} is no speaker of what is here; not used")
        for speaker, where in genders.where.items()
        if speaker not in present
    ]


def _unknown(utterances: Iterable[Utterance]) -> list[Problem]:
    names = sorted({_name(u.speaker) for u in utterances if u.gender is None})
    if not names:
        return []
    detail = f"{len(names)} speakers have no gender ({names[0]} first); list them in {GENDERS_FILE}"
    return [Problem("no gender", GENDERS_FILE, detail)]
