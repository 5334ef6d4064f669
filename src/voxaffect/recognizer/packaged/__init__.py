"""The packaged recognizer and its card, `CARD.md`; scripts/packaged_recognizer.py trains it."""

from __future__ import annotations

from pathlib import Path

PACKAGED = Path(__file__).parent  # its folder
WORD = "packaged"  # its name where a recognizer's folder is expected


def located(model: Path) -> Path:
    """The folder or file of a recognizer; an existing folder `packaged` comes first."""
    return PACKAGED if model == Path(WORD) and not model.exists() else model
