"""The packaged recognizers and their cards, `CARD.md`; scripts/packaged_recognizer.py trains them.

`accurate` listens through the first layers of Whisper, whose weights are installed apart; `fast`
through the 32 descriptors, for many live streams and where no such weights are.
"""

from __future__ import annotations

from pathlib import Path

ACCURATE, FAST = "accurate", "fast"
FOLDERS = {name: Path(__file__).parent / name for name in (ACCURATE, FAST)}
WORD = "packaged"  # whichever of them can be used here, where a recognizer's folder is expected


def located(model: Path) -> Path:
    """The folder or file of a recognizer; an existing one goes before a packaged one's name."""
    name = str(model)
    if model.exists() or name not in {WORD, *FOLDERS}:
        return model
    return FOLDERS[chosen() if name == WORD else name]


def chosen() -> str:
    """The one that is used where none is named: `accurate` if it has its weights."""
    from voxaffect.features.whisper.sources import has_weights  # noqa: PLC0415 (slow to load)

    return ACCURATE if has_weights("base") else FAST


def described(folder: Path) -> str:
    """Which packaged recognizer a folder holds, in words; empty for any other."""
    if folder == FOLDERS[ACCURATE]:
        return "the packaged recognizer `accurate` (frames of Whisper base)"
    if folder == FOLDERS[FAST]:
        return (
            "the packaged recognizer `fast` (32 descriptors); for the accurate one run "
            "pip install 'voxaffect[whisper]'"
        )
    return ""
