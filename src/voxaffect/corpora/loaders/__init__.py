"""Corpus loaders: one module per corpus, with its card `CARD` and a function `parse`."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from voxaffect.corpora.corpus import Corpus, CorpusCard


@dataclass(frozen=True)
class Loader:
    """Card of a corpus, and reader of its distribution's root folder.

    `parse` raises `CorpusError` where the root is not a readable folder, its labels cannot be read,
    or no recording of the corpus is found.
    """

    card: CorpusCard
    parse: Callable[[Path], Corpus]


_MODULES = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
CORPORA = {module.CARD.name: Loader(module.CARD, module.parse) for module in _MODULES}
"""Every loader by the name of its corpus."""
