"""What makes no sense is refused in one sentence, before anything is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from voxaffect.commands.request import Request
from voxaffect.commands.sources import Source
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"output": "xml"}, "'xml' is unknown; use one of table, json, csv, audacity, vtt"),
        ({"frames": True}, "--frames has no place in --format table; use json"),
        ({"abstain": 0.0}, "--abstain 0.0 is no probability"),
        ({"abstain": 1.01}, "--abstain 1.01 is no probability"),
        ({"abstain": math.nan}, "--abstain nan is no probability"),
        ({"out": Path("x"), "output": "csv"}, "--format csv tells all recordings in one"),
        ({"picture": Path("x.svg")}, "--picture draws a timeline; add --timeline"),
        ({"picture": Path("x.gif"), "timeline": True}, r"x.gif: is drawn as .svg or .png"),
    ],
)
def test_what_does_not_go_together_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**request_)


ONE, TWO = Source(Path("a.wav")), Source(Path("b.wav"))
ROW = Source(Utterance("t/a#0", "t", Path("a.wav"), "", "t/?"), {"path": "a.wav"})


@pytest.mark.parametrize(
    ("request_", "sources", "message"),
    [
        ({"timeline": True}, [ONE, ROW], "rows of a table are utterances already"),
        ({"timeline": True, "picture": Path("a.svg")}, [ONE, TWO], "one recording and 2 are named"),
        ({"output": "vtt"}, [ONE, TWO], "--format vtt tells of one recording and 2 are named"),
    ],
)
def test_sources_that_do_not_go_with_it_are_refused(
    request_: dict[str, Any], sources: list[Source], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**request_).check(sources)


def test_what_goes_together_is_not() -> None:
    Request(output="vtt").check([ONE])
    Request(output="audacity", out=Path("x")).check([ONE, ROW, TWO])
    Request(timeline=True, output="json", frames=True, abstain=1.0).check([ONE, TWO])
