"""Corpora of a settings file: folder trees, tables, audformat databases, and how to read them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from voxaffect.config.sections import Strict
from voxaffect.corpora.audformat import is_database, parse_audformat
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.filename_parsing import find_recordings
from voxaffect.corpora.loaders import CORPORA, Loader
from voxaffect.corpora.table import is_table, parse_table
from voxaffect.errors import ConfigError


def known_name(
    name: str, known: Collection[str], kind: str, origin: str = "", *, remedy: str = ""
) -> str:
    """The name if it is known.

    `kind` is a noun, perhaps with its place, such as "setting under [training]"; `origin` the file
    that holds the name; `remedy` what to do if no known name is near: by default to use one of all.

    Raises:
        ConfigError: it is unknown; the message has the nearest known name.
    """
    if name in known:
        return name
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    remedy = remedy or f"use one of {', '.join(sorted(known))}"
    hint = f"did you mean {lower[near[0]]!r}?" if near else remedy
    noun, space, place = kind.partition(" ")
    where = f"{origin}: " if origin else ""
    raise ConfigError(f"{where}unknown {noun} {name!r}{space}{place}; {hint}")


class Source(Strict):
    """Where a corpus lies: in its own folder tree, in a table, or in a database in audformat.

    Args:
        loader: of a tree: key of `CORPORA`, the corpus's own name if left out.
        labels: table of the emotions in a database, where there are several; so for `column`.
    """

    root: Path | None = None
    loader: str | None = None
    table: Path | None = None
    audformat: Path | None = None
    labels: str | None = None
    column: str | None = None


PLACES = {"root": ("loader",), "table": (), "audformat": ("labels", "column")}
"""Setting that states a place -> settings beside it."""


def reader(name: str, source: Source) -> Callable[[], Corpus]:
    """Function that reads a corpus; an unknown loader is refused before anything is read."""
    if source.table:
        return partial(parse_table, source.table, name)
    if source.audformat:
        place = source.audformat
        return partial(parse_audformat, place, name, table=source.labels, column=source.column)
    root = source.root or Path()
    if source.loader is None and is_database(root):
        return partial(read_corpus, name, root)
    loader = find_loader(source.loader or name)
    return lambda: loader.parse(root).renamed(name)


def read_corpus(name: str, place: Path) -> Corpus:
    """A corpus from a table, from its own tree, or from a database in audformat.

    A folder that holds recordings beside a database's header is a tree under a loader's name, and
    a database under any other.

    Raises:
        ConfigError: it is neither a table nor a database, and no loader has the name.
        CorpusError: it cannot be read.
    """
    if is_table(place):
        return parse_table(place, name)
    if is_database(place) and (name not in CORPORA or not find_recordings(place)[0]):
        return parse_audformat(place, name)
    return find_loader(name).parse(place)


def find_loader(name: str) -> Loader:
    """The loader of a corpus; an unknown name is a `ConfigError`."""
    return CORPORA[known_name(name, CORPORA, "corpus", remedy="see voxaffect corpora list")]


def plain_source(name: str, value: Any, path: Path) -> dict[str, Any]:
    """Plain values of a corpus: a string is its root; paths become absolute."""
    given = {"root": value} if isinstance(value, str) else value
    sentence = (
        f'{path}: corpora.{name} must be a folder, or a section with "root", "table" or "audformat"'
    )
    if not isinstance(given, dict):
        raise ConfigError(sentence)
    for key, text in given.items():
        known_name(key, Source.model_fields, f"setting under [corpora.{name}]", str(path))
        if not isinstance(text, str):
            raise ConfigError(f"{path}: corpora.{name}.{key} = {text!r} must be a string")
    places = [key for key in PLACES if key in given]
    if len(places) != 1:
        raise ConfigError(sentence)
    (place,) = places
    for key in given:
        known_name(key, (place, *PLACES[place]), f"setting under [corpora.{name}]", str(path))
    return {**given, place: str(path.resolve().parent / Path(given[place]).expanduser())}
