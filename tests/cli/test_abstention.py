"""The value of --abstain may be left out, whatever stands behind it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from voxaffect.cli import predict as module
from voxaffect.cli.abstention import OWN_THRESHOLD, check, threshold_for, with_value
from voxaffect.cli.app import app
from voxaffect.cli.main import main
from voxaffect.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a.wav --abstain", "a.wav --abstain=own"),
        ("--abstain a.wav", "--abstain=own a.wav"),
        ("--abstain --out a.csv b.wav", "--abstain=own --out a.csv b.wav"),
        ("--abstain 0.6 a.wav", "--abstain 0.6 a.wav"),
        ("--abstain 1e-1", "--abstain 1e-1"),
        ("--abstain own a.wav", "--abstain own a.wav"),
        ("--abstain=0.6 a.wav", "--abstain=0.6 a.wav"),
        ("--abstain -- 0.6", "--abstain=own -- 0.6"),
        ("-- --abstain", "-- --abstain"),
        ("", ""),
    ],
)
def test_only_a_number_is_taken_as_the_value(line: str, expected: str) -> None:
    assert with_value(line.split()) == expected.split()


@pytest.mark.parametrize(
    ("words", "threshold", "names"),
    [
        ("--abstain", OWN_THRESHOLD, ["a.wav"]),
        ("--abstain 0.6", 0.6, ["a.wav"]),
        ("", None, ["a.wav"]),
    ],
)
def test_the_command_line_reaches_the_request(
    words: str, threshold: float | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Stop(Exception):  # noqa: N818 it is no error
        pass

    def request(*values: object) -> None:
        seen.append(values)
        raise Stop

    monkeypatch.setattr(module, "Request", request)
    for line in ([*words.split(), *names], [*names, *words.split()]):
        with pytest.raises(Stop):
            app(["predict", *line], standalone_mode=False)
    assert [values[3] for values in seen] == [threshold, threshold]


def test_what_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["voxaffect", "predict", "a.wav", "--abstain=much"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "'much' is not a number" in capsys.readouterr().err


@pytest.mark.parametrize("card", [{}, {"abstain_below": None}, {"abstain_below": 3}])
def test_a_card_without_a_threshold_is_named(card: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"--abstain: models/mine has no threshold of its own"):
        threshold_for(OWN_THRESHOLD, card, Path("models/mine"))
    assert threshold_for(0.3, card, Path()) == 0.3
    assert threshold_for(None, card, Path()) is None


def test_options_in_range_that_go_together_are_accepted() -> None:
    for abstain, force in ((None, True), (0.5, False), (1.0, False), (OWN_THRESHOLD, False)):
        check(abstain, force=force)
    for abstain in (0.0, -0.1, 1.01, math.nan, math.inf):
        with pytest.raises(ConfigError, match="out of range"):
            check(abstain, force=False)
