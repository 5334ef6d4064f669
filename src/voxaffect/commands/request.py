"""What predict is asked for, and what of it makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.commands.sources import Source
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError
from voxaffect.report.answers.formats import FORMATS, Format

TABLE = "table"
PICTURES = (".svg", ".png")


@dataclass(frozen=True)
class Request:
    """How recordings are to be answered for.

    Args:
        output: `table` or a key of `FORMATS`.
        timeline: whether recordings are cut into utterances at their pauses.
        frames: whether the posterior of every frame is told.
        abstain: probability below which there is no label.
        picture: file into which a timeline is drawn.
        out: folder that gets a file a recording, for formats that cannot tell recordings apart.
        limits: what is refused of recordings.

    Raises:
        ConfigError: a value is impossible, or two do not go together.
    """

    output: str = TABLE
    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    picture: Path | None = None
    out: Path | None = None
    limits: DecodeLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.output not in (TABLE, *FORMATS):
            raise ConfigError(
                f"--format {self.output!r} is unknown; use one of {', '.join((TABLE, *FORMATS))}"
            )
        if self.frames and self.output != "json":
            raise ConfigError(f"--frames has no place in --format {self.output}; use json")
        if self.abstain is not None and not 0 < self.abstain <= 1:
            raise ConfigError(f"--abstain {self.abstain} is no probability; use 0 < P <= 1")
        if self.out is not None and self.suffix is None:
            raise ConfigError(
                f"--format {self.output} tells all recordings in one; leave --out away, or use it "
                "with audacity or vtt"
            )
        if self.picture is not None:
            self._check_picture(self.picture)

    def _check_picture(self, path: Path) -> None:
        if not self.timeline:
            raise ConfigError("--picture draws a timeline; add --timeline")
        if path.suffix.lower() not in PICTURES:
            raise ConfigError(f"--picture {path}: is drawn as .svg or .png; name such a file")

    def check(self, sources: Sequence[Source]) -> None:
        """Refuse sources that do not go with what is asked for.

        Raises:
            ConfigError: a timeline is asked of a table's rows, or one file of several recordings.
        """
        if self.timeline and any(isinstance(s.recording, Utterance) for s in sources):
            raise ConfigError(
                "the rows of a table are utterances already; leave --timeline away, or name files"
            )
        if len(sources) > 1 and self.picture is not None:
            raise ConfigError(
                f"--picture shows one recording and {len(sources)} are named; name one at a time"
            )
        if len(sources) > 1 and self.suffix is not None and self.out is None:
            raise ConfigError(
                f"--format {self.output} tells of one recording and {len(sources)} are named; add "
                "--out FOLDER, which gets a file for each"
            )

    @property
    def format(self) -> Format | None:
        """How answers become text, None for a table."""
        return FORMATS.get(self.output)

    @property
    def suffix(self) -> str | None:
        """Of files for one recording each; None where a format tells recordings apart."""
        return None if self.format is None else self.format.suffix
