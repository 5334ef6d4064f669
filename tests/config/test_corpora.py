from __future__ import annotations

import shutil
from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.config.corpora import Source, read_corpus, reader
from voxaffect.corpora.audformat import write_audformat
from voxaffect.corpora.loaders import CORPORA


def test_a_tree_with_a_database_beside_it_is_the_loader_s_under_its_name_only(
    tmp_path: Path,
) -> None:
    """As audEERING hands EmoDB on; a database without recordings of its own is always one."""
    root = record_tree(tmp_path / "root", ["wav/03a01Fa.wav", "wav/08a01Wa.wav"])
    write_audformat(CORPORA["emodb"].parse(root), tmp_path / "exported")
    for file in (tmp_path / "exported").iterdir():
        shutil.copy(file, root)
    assert read_corpus("emodb", root).card is CORPORA["emodb"].card
    assert read_corpus("berlin", root).card.labels == {}  # a database promises no counts
    exported = read_corpus("emodb", tmp_path / "exported")
    assert [u.id for u in exported.utterances] == ["emodb/wav/03a01Fa", "emodb/wav/08a01Wa"]
    assert reader("emodb", Source(root=root))().card is CORPORA["emodb"].card
