"""Corpus loaders: one module per corpus, with its card and a function `parse`.

A user's own recordings are read by `table.parse_table`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxaffect.corpora.corpus import Corpus, CorpusCard
from voxaffect.corpora.loaders import (
    aibo,
    ased,
    cafe,
    cremad,
    emodb,
    emovdb,
    emovo,
    enterface,
    esd,
    iemocap,
    jl,
    ldc,
    meld,
    mesd,
    msp_improv,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    shemo,
    subesco,
    tess,
    urdu,
)


@dataclass(frozen=True)
class Loader:
    """Reader of a corpus in the folders and files of its distribution.

    Args:
        card: what the full distribution holds.
        parse: root folder -> corpus. Raises `CorpusError` where the root is not a readable folder,
            its labels cannot be read, or no recording of the corpus is found.
    """

    card: CorpusCard
    parse: Callable[[Path], Corpus]


CORPORA: dict[str, Loader] = {
    module.CARD.name: Loader(module.CARD, module.parse)
    for module in (
        *(aibo, ased, cafe, cremad, emodb, emovdb, emovo, enterface, esd, iemocap, jl, ldc),
        *(meld, mesd, msp_improv, msp_podcast, nemo, ravdess, savee, shemo, subesco, tess, urdu),
    )
}
