from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

import voxaffect.cli.main  # noqa: F401 (registers the commands)
from voxaffect.cli.app import app
from voxaffect.cli.serve import refuse_missing, token_of
from voxaffect.errors import ServingError

TOKEN = "0123456789abcdef"  # noqa: S105 of the tests


def test_the_token_is_read_from_the_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environment = {"VOXAFFECT_TOKEN": "another"}
    assert token_of(file, environment) == TOKEN
    assert token_of(None, environment) == "another"
    assert token_of(None, {}) is token_of(None, {"VOXAFFECT_TOKEN": ""}) is None
    with pytest.raises(ServingError, match="cannot read the token"):
        token_of(tmp_path / "none", environment)


def test_missing_libraries_are_named_with_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_missing()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "voxaffect.cli.serve.find_spec",
        lambda name: None if name in {"fastapi", "uvicorn"} else found(name),
    )
    with pytest.raises(ServingError, match=r"needs fastapi, uvicorn.*voxaffect\[serve\]"):
        refuse_missing()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "70000"], "70000 is not a valid port"),
        (["--rate", "0"], "rate_per_s = 0"),
        (["--rate", "nan"], "rate_per_s"),
        (["--max-minutes", "-1"], "recording_s"),
        (["--allow-origin", "example.org"], "is not a valid origin"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
    ],
)
def test_invalid_options_are_named(options: list[str], message: str) -> None:
    outcome = CliRunner().invoke(app, ["serve", "-m", "nowhere", *options])
    assert isinstance(outcome.exception, ServingError)
    assert message in str(outcome.exception)
