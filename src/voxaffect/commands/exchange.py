"""corpora export: a corpus as a table or a database that other programs read."""

from __future__ import annotations

from pathlib import Path

from voxaffect.commands.console import print_line
from voxaffect.commands.preparation import tell
from voxaffect.config.sources import read_corpus
from voxaffect.corpora.audformat import write_audformat
from voxaffect.corpora.rows import is_table
from voxaffect.corpora.table import write_table
from voxaffect.errors import CorpusError


def export(name: str, root: Path, out: Path) -> None:
    """Write a corpus as a table, or, where `out` is no `.csv` or `.parquet`, in audformat.

    Raises:
        VoxaffectError: the corpus cannot be read, or `out` cannot be written.
    """
    corpus = read_corpus(name, root)
    tell(corpus.problems, f"{name}: ")
    write = write_table if is_table(out) else write_audformat
    try:
        write(corpus, out)
    except OSError as fault:
        why = fault.strerror or fault
        raise CorpusError(f"{out}: cannot be written ({why}); choose another place") from fault
    print_line(f"{out}: {len(corpus.utterances):,} utterances of {name}")
