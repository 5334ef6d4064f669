"""What is known of each utterance of a run: what its answers can be grouped by, as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from voxaffect.errors import ArtefactError


@dataclass(frozen=True, slots=True)
class UtteranceFacts:
    """One utterance as it was used, without its sound.

    Args:
        corpus: name of the corpus.
        speaker: qualified by the corpus, `emodb/03`; `mine/?` where voices are not told apart.
        gender: a class of `taxonomy.GENDER`, or None where the corpus does not say.
        language: English name, or None.
        style: a class of `taxonomy.NATURALNESS`, or None.
        duration_s: time that its frames cover, in seconds.
        snr_db: level of its loud over its quiet frames (`frame_levels`), or None.
        content: hash of the audio behind it.
    """

    corpus: str
    speaker: str
    gender: str | None
    language: str | None
    style: str | None
    duration_s: float
    snr_db: float | None
    content: str


COLUMNS = ("id", *(field.name for field in fields(UtteranceFacts)))


def facts_csv(utterances: Mapping[str, UtteranceFacts]) -> str:
    """One row an utterance; what is not known is left empty."""
    file = io.StringIO()
    writer = csv.writer(file)  # RFC 4180: any name of a file survives
    writer.writerow(COLUMNS)
    writer.writerows((id_, *_texts(facts)) for id_, facts in utterances.items())
    return file.getvalue()


def read_facts(path: Path) -> dict[str, UtteranceFacts]:
    """Facts by utterance id, nothing where the file is not there: older runs have none.

    Raises:
        ArtefactError: the file is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return dict(_rows(file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error) as fault:
        raise ArtefactError(
            f"{path}: damaged ({fault}); delete it and repeat the run, which keeps its results"
        ) from fault


def _texts(facts: UtteranceFacts) -> tuple[str, ...]:
    return (
        *(facts.corpus, facts.speaker),
        *(facts.gender or "", facts.language or "", facts.style or ""),
        f"{facts.duration_s:.3f}",
        "" if facts.snr_db is None else f"{facts.snr_db:.2f}",
        facts.content,
    )


def _rows(file: Iterator[str]) -> Iterator[tuple[str, UtteranceFacts]]:
    reader = csv.reader(file, strict=True)
    if (header := tuple(next(reader, ()))) != COLUMNS:
        raise ValueError(f"its columns are {', '.join(header) or 'none'}")
    for id_, corpus, speaker, gender, language, style, duration, snr, content in reader:
        known = (gender or None, language or None, style or None)
        level = float(snr) if snr else None
        yield id_, UtteranceFacts(corpus, speaker, *known, float(duration), level, content)
