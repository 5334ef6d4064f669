"""A trained recognizer: what it says, how it is saved, adapted, and the one that is packaged."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`Recognizer` by this package's name, too: it stands in `voxaffect.api`."""
    if name == "Recognizer":
        return import_module("voxaffect.api").Recognizer
    raise AttributeError(f"module 'voxaffect.recognizer' has no attribute {name!r}")
