"""Loaders. A corpus is one file, a card and `parse`, and one line here.

A user's own recordings come in through `table.parse_table`.
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
    """A corpus that can be read from its own tree.

    Args:
        card: what is known of it before looking at a disk.
        parse: root folder -> what is there.
    """

    card: CorpusCard
    parse: Callable[[Path], Corpus]


CORPORA: dict[str, Loader] = {
    "aibo": Loader(aibo.CARD, aibo.parse),
    "ased": Loader(ased.CARD, ased.parse),
    "cafe": Loader(cafe.CARD, cafe.parse),
    "cremad": Loader(cremad.CARD, cremad.parse),
    "emodb": Loader(emodb.CARD, emodb.parse),
    "emovdb": Loader(emovdb.CARD, emovdb.parse),
    "emovo": Loader(emovo.CARD, emovo.parse),
    "enterface": Loader(enterface.CARD, enterface.parse),
    "esd": Loader(esd.CARD, esd.parse),
    "iemocap": Loader(iemocap.CARD, iemocap.parse),
    "jl": Loader(jl.CARD, jl.parse),
    "ldc": Loader(ldc.CARD, ldc.parse),
    "meld": Loader(meld.CARD, meld.parse),
    "mesd": Loader(mesd.CARD, mesd.parse),
    "msp_improv": Loader(msp_improv.CARD, msp_improv.parse),
    "msp_podcast": Loader(msp_podcast.CARD, msp_podcast.parse),
    "nemo": Loader(nemo.CARD, nemo.parse),
    "ravdess": Loader(ravdess.CARD, ravdess.parse),
    "savee": Loader(savee.CARD, savee.parse),
    "shemo": Loader(shemo.CARD, shemo.parse),
    "subesco": Loader(subesco.CARD, subesco.parse),
    "tess": Loader(tess.CARD, tess.parse),
    "urdu": Loader(urdu.CARD, urdu.parse),
}
