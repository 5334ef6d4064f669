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

    Args:
        name: to check.
        known: allowed names.
        kind: a noun, perhaps with its place: "setting under [training]".
        origin: file that holds the name.
        remedy: what to do if no known name is near; default: to use one of all.

    Raises:
        ConfigError: it is unknown; the message has the nearest known name.
    """
    if name in known:
        return name
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    remedy = remedy or f"use one of {', '.join(sorted(known))}"
    hint = f"did you mean {lower[near[0]]!r}?" if near else remedy
    noun, _, place = kind.partition(" ")
    where = f" {place}" if place else ""
    raise ConfigError(f"{origin + ': ' if origin else ''}unknown {noun} {name!r}{where}; {hint}")


class TreeSource(Strict):
    """A corpus in its own folder tree.

    Args:
        root: its folder.
        loader: key of `CORPORA`, the corpus's own name if left out.
    """

    root: Path
    loader: str | None = None


class TableSource(Strict):
    """A user's own corpus: a CSV or Parquet table with a row an utterance."""

    table: Path


class AudformatSource(Strict):
    """A database in audformat.

    Args:
        audformat: its folder.
        labels: table of the emotions, where there are several.
        column: column of the emotions in it, where there are several.
    """

    audformat: Path
    labels: str | None = None
    column: str | None = None


Source = TreeSource | TableSource | AudformatSource


PLACES = ("root", "table", "audformat")
SOURCE_KEYS = (*PLACES, "loader", "labels", "column")


def reader(name: str, source: Source) -> Callable[[], Corpus]:
    """Function that reads a corpus; an unknown loader is refused before anything is read."""
    if isinstance(source, TableSource):
        return partial(parse_table, source.table, name)
    if isinstance(source, AudformatSource):
        where = {"table": source.labels, "column": source.column}
        return partial(parse_audformat, source.audformat, name, **where)
    if source.loader is None and is_database(source.root):
        return partial(read_corpus, name, source.root)
    loader = find_loader(source.loader or name)
    return lambda: loader.parse(source.root).renamed(name)


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
    """The loader of a corpus.

    Raises:
        ConfigError: the name is unknown.
    """
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
        known_name(key, SOURCE_KEYS, f"setting under [corpora.{name}]", str(path))
        if not isinstance(text, str):
            raise ConfigError(f"{path}: corpora.{name}.{key} = {text!r} must be a string")
    places = [key for key in PLACES if key in given]
    if len(places) != 1:
        raise ConfigError(sentence)
    base = path.resolve().parent
    return {**given, places[0]: str(base / Path(given[places[0]]).expanduser())}
