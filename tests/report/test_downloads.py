from __future__ import annotations

import base64
import gzip

from hypothesis import given
from hypothesis import strategies as st

from voxaffect.report.downloads import Download


def packed(text: str) -> str:
    return Download("a.csv", "rows", "text/csv", text).packed


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_packed_comes_out_again_and_is_no_markup(text: str) -> None:
    assert gzip.decompress(base64.b64decode(packed(text))).decode("utf-8") == text
    assert not set(packed(text)) & set("<>&\"'-")


def test_packing_tells_no_time_and_is_small() -> None:
    rows = "".join(f"within/emodb/{n:02d},dnn-stl,0.{n:06d}\n" for n in range(2000))
    assert packed(rows) == packed(rows)
    assert len(packed(rows)) < len(rows) / 3
