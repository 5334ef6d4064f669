"""evaluate and extract as processes: Ctrl-C, and clusters that do not answer."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.processes import alive, start, wait_for
from voxaffect.cli import main
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.simulation.trees import simulate

SETTINGS = """
[corpora]
emodb = "trees/emodb"
urdu = "trees/urdu"
[features]
store = "store"
[training]
max_epochs = 5000
patience = 5000
[training.dnn]
batches_per_epoch = 2000
[evaluate]
protocols = ["cross"]
systems = ["svm", "dnn-mtl"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two corpora, and settings that take hours."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.25, corpora=("emodb", "urdu"))
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def test_ctrl_c_stops_at_once_with_one_sentence_and_keeps_what_is_done(project: Path) -> None:
    out = project / "stopped"
    words = ("evaluate", project / "settings.toml", "--out", out, "-j", 2)
    process = start("-m", "voxaffect", *words)
    wait_for(lambda: len([*out.glob("results/*/svm*.npz")]) == 2)
    os.killpg(process.pid, signal.SIGINT)
    asked = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 10  # a second or two, on a machine that has them
    assert process.returncode == 130
    assert said.count("stopped; finished results are kept") == 1
    assert "Traceback" not in said
    assert "Warning" not in said
    wait_for(lambda: not alive(process.pid), 10)
    assert len(RunFolder(out).load().results) == 2
    assert not [path for path in out.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("command", [("extract",), ("train", "--out", "models/new")])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backend", "ray"), "give --address"),
        (("--address", "host:1"), "add --backend ray or dask"),
        (("--backend", "ray", "--address", "127.0.0.1:1"), "no Ray cluster answers there"),
        (("--backend", "dask", "--address", "127.0.0.1:1"), "no Dask scheduler answers there"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_sentence(
    command: tuple[str, ...],
    words: tuple[str, ...],
    message: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, *options = command
    monkeypatch.chdir(project)
    monkeypatch.setattr("sys.argv", ["voxaffect", name, "settings.toml", *options, *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
