"""Corpora: what was said and by whom. A corpus is one file, a card and `parse`, and one line here.

A user's own recordings come in through `table.parse_table`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxaffect.corpora import emodb, emovo, ravdess, urdu
from voxaffect.corpora.corpus import Corpus, CorpusCard


@dataclass(frozen=True)
class Loader:
    """A corpus that can be read from its own tree.

    Args:
        card: what is known of it before looking at a disk.
        parse: root folder -> what is there.
    """

    card: CorpusCard
    parse: Callable[[Path], Corpus]


CORPORA: dict[str, Loader] = {
    "emodb": Loader(emodb.CARD, emodb.parse),
    "emovo": Loader(emovo.CARD, emovo.parse),
    "ravdess": Loader(ravdess.CARD, ravdess.parse),
    "urdu": Loader(urdu.CARD, urdu.parse),
}
