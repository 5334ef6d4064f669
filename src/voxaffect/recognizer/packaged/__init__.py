"""The recognizer that comes with the package, and its card: `CARD.md` in this folder.

`scripts/packaged_recognizer.py` chose it and trains it again.
"""

from __future__ import annotations

from pathlib import Path

PACKAGED = Path(__file__).parent
"""Its folder, as `Recognizer.load` takes it."""

WORD = "packaged"
"""What stands for it where a recognizer's folder is asked for."""


def located(model: Path) -> Path:
    """The folder or file of a recognizer that somebody named.

    Args:
        model: a path, or the word `packaged`; a folder of that very name here goes first.
    """
    return PACKAGED if model == Path(WORD) and not model.exists() else model
