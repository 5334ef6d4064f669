from __future__ import annotations

from pathlib import Path

import pytest

from voxaffect.files import digest, write_atomically, write_text


def test_a_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"

    def fail_half_way() -> None:
        with write_atomically(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert list(path.parent.iterdir()) == []
    write_text(path, "whole")
    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_digest_depends_on_values_not_on_key_order() -> None:
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": [2, 3], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))
