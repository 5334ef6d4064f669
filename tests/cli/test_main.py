"""The commands on two simulated corpora, run as a user does."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import soundfile

from tests.model.events import read_events
from voxaffect.cli.app import app
from voxaffect.cli.experiment import DEMO, evaluate
from voxaffect.cli.main import main
from voxaffect.corpora.loaders import CORPORA
from voxaffect.simulation.trees import simulate
from voxaffect.systems.systems import SYSTEMS
from voxaffect.taxonomy import EMOTION
from voxaffect.version import __version__

SETTINGS = """
[corpora]
emodb = "trees/emodb"
urdu = "trees/urdu"
[features]
store = "{store}"
[training]
max_epochs = 1
[training.lstm]
crop_frames = 20
[training.dnn]
batches_per_epoch = 5
[evaluate]
protocols = ["cross"]
systems = ["svm", "dnn-mtl"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two corpora and a settings file."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.25, corpora=("emodb", "urdu"))
    (folder / "settings.toml").write_text(SETTINGS.format(store=folder / "store"))
    return folder


def voxaffect(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Exit status of the command."""
    monkeypatch.setattr("sys.argv", ["voxaffect", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def model(project: Path) -> Path:
    """A trained recognizer's folder."""
    with pytest.MonkeyPatch.context() as patch:
        words = ("train", project / "settings.toml", "--system", "lstm-mtl", "-j", 1)
        assert voxaffect(patch, *words, "--out", project / "model") == 0
    return project / "model"


def test_the_same_command_in_another_process_writes_the_same_recognizer(
    project: Path, model: Path, tmp_path: Path
) -> None:
    words = ("train", project / "settings.toml", "--system", "lstm-mtl", "-j", 1, "--out", tmp_path)
    command = [sys.executable, "-m", "voxaffect", *map(str, words)]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    files = {path.name for path in model.iterdir()}
    assert files == {path.name for path in tmp_path.iterdir()}
    for name in files - {"training.csv"}:  # which holds times
        assert (tmp_path / name).read_bytes() == (model / name).read_bytes()


def test_a_training_is_logged_and_the_card_describes_it(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (model / "training.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["epoch"], row["best"]) == ("1", "1")
    assert voxaffect(monkeypatch, "inspect", model, "--json") == 0
    card = json.loads(capsys.readouterr().out)["card"]
    assert (card["system"], card["seed"]) == ("lstm-mtl", 0)
    assert [corpus["name"] for corpus in card["corpora"]] == ["emodb", "urdu"]
    assert all(corpus["digest"] for corpus in card["corpora"])
    assert card["history"]["epochs"][0]["train_loss"] == float(row["train_loss"])
    assert str(project) not in (model / "recognizer.json").read_text()
    assert voxaffect(monkeypatch, "inspect", model) == 0
    assert card["data_digest"] in capsys.readouterr().out


def test_tensorboard_events_are_written_on_request(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", project / "settings.toml", "--system", "dnn-stl", "-j", 1)
    assert voxaffect(monkeypatch, *words, "--out", tmp_path, "--tensorboard") == 0
    assert len(read_events(tmp_path / "tensorboard")["ua/dev"]) == 1


def test_evaluate_writes_results_and_report_and_resumes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = project / "run"
    words = ("evaluate", project / "settings.toml", "--out", out, "-j", 1)
    assert voxaffect(monkeypatch, *words) == 0
    printed = capsys.readouterr().out
    assert "report.html" in printed
    assert "dnn-mtl" in printed
    files = {path: path.stat().st_mtime_ns for path in out.glob("parts/*/*.parquet")}
    assert len(files) == 4
    assert voxaffect(monkeypatch, *words) == 0
    assert {path: path.stat().st_mtime_ns for path in files} == files
    (out / "report.html").unlink()
    assert voxaffect(monkeypatch, "report", out, "--tensorboard") == 0
    assert (out / "report.html").exists()
    assert len(list(out.glob("tensorboard/cross/*/dnn-mtl-0"))) == 2


def test_options_override_the_settings_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("evaluate", project / "settings.toml", "--out", project / "other", "-j", 1)
    more = ("--protocol", "aggregated", "--systems", "svm", "--seeds", "3,4")
    assert voxaffect(monkeypatch, *words, *more) == 0
    names = sorted(path.name[:5] for path in (project / "other").glob("parts/aggregated/*.parquet"))
    assert names == ["svm-3", "svm-4"]


def test_predict_prints_three_formats(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = sorted((project / "trees/emodb/wav").glob("*.wav"))[:2]
    words = ("predict", *clips, "--model", model)
    assert voxaffect(monkeypatch, *words) == 0
    assert "emotion" in capsys.readouterr().out
    assert voxaffect(monkeypatch, *words, "--format", "json", "--frames") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == [str(clip) for clip in clips]
    assert set(lines[0]["probabilities"]) == set(EMOTION.classes)
    assert set(lines[0]["subtasks"]) == {"gender", "naturalness"}
    assert len(lines[0]["posteriors"]) == len(lines[0]["times_s"])
    assert voxaffect(monkeypatch, *words, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["emotion"] for row in rows] == [line["emotion"] for line in lines]


def test_one_bad_file_does_not_stop_the_rest(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = project / "bad.wav"
    bad.write_bytes(b"not audio")
    clip = min((project / "trees/emodb/wav").glob("*.wav"))
    assert voxaffect(monkeypatch, "predict", bad, clip, "-m", model, "-f", "json") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["file"] == str(clip)
    assert "bad.wav" in printed.err


def predictions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> dict[str, dict[str, float]]:
    """Probabilities that `predict` prints, by recording."""
    capsys.readouterr()
    assert voxaffect(monkeypatch, "predict", *words, "-f", "json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["file"]: line["probabilities"] for line in lines}


def test_videos_and_segments_of_sphere_sessions_are_predicted(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Videos of a folder by path, segments of a table by id, each as if it were a file."""
    trees = project / "trees"
    names = ("enterface", "ldc")
    simulate(trees, seed=1, scale=0.01, corpora=names)
    videos = predictions(monkeypatch, capsys, trees / "enterface", "-m", model)
    assert sorted(videos) == sorted(map(str, (trees / "enterface").rglob("*.avi")))

    table = trees / "ldc" / "ldc.csv"
    assert voxaffect(monkeypatch, "corpora", "export", "ldc", trees / "ldc", table) == 0
    segments = predictions(monkeypatch, capsys, table, "-m", model)
    utterances = CORPORA["ldc"].parse(trees / "ldc").utterances
    assert list(segments) == [u.id for u in utterances]  # as they are in the table

    some = utterances[3]
    assert some.end_s is not None
    start, stop = (round(at * 22_050) for at in (some.start_s, some.end_s))
    samples, _ = soundfile.read(some.path, start=start, stop=stop)
    soundfile.write(project / "cut.wav", samples, 22_050)
    (alone,) = predictions(monkeypatch, capsys, project / "cut.wav", "-m", model).values()
    assert segments[some.id] == pytest.approx(alone, abs=1e-4)


def test_a_recording_longer_than_max_hours_is_refused(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = min((project / "trees/emodb/wav").glob("*.wav"))
    words = ("predict", clip, "-m", model, "--max-hours", 0.1 / 3600)
    assert voxaffect(monkeypatch, *words) == 1
    assert clip.name in capsys.readouterr().err


def test_check_counts_recordings_longer_than_max_hours(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project / "trees/emodb"
    check = ("corpora", "check", "emodb", root, "--json", "-j", 1)
    n_unreadable = []
    for more in ((), ("--max-hours", 0.1 / 3600)):
        voxaffect(monkeypatch, *check, *more)
        report = json.loads(capsys.readouterr().out)
        n_unreadable.append(sum(p["kind"] == "unreadable" for p in report["problems"]))
    assert n_unreadable[0] == 0
    assert n_unreadable[1] > 0


def test_a_table_without_labels_is_predicted(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = min((project / "trees/emodb/wav").glob("*.wav"))
    table = project / "calls.csv"
    table.write_text(f"path,start_s,end_s\n{clip},0.1,0.7\n{clip},0.5,\n", "utf-8")
    assert len(predictions(monkeypatch, capsys, table, "-m", model)) == 2


def test_corpora_are_listed_shown_and_checked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, "corpora", "list") == 0
    assert "emodb" in capsys.readouterr().out
    assert voxaffect(monkeypatch, "corpora", "show", "ravdess") == 0
    assert "CC BY-NC-SA" in capsys.readouterr().out
    root = project / "trees/emodb"
    assert voxaffect(monkeypatch, "corpora", "check", "emodb", root, "--json", "-j", 1) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "faults"
    assert voxaffect(monkeypatch, "corpora", "check", "emodb", root, "-j", 1) == 1
    assert "verdict: faults" in capsys.readouterr().out


def test_extract_counts_utterances(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, "extract", project / "settings.toml", "-j", 1) == 0
    assert "emodb: " in capsys.readouterr().out


def test_the_demo_runs_the_whole_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {
        "training": {"max_epochs": 1, "dnn": {"batches_per_epoch": 2}},
        "evaluate": {**DEMO["evaluate"], "systems": ["dnn-stl", "dnn-mtl", "svm"]},
    }
    monkeypatch.setattr("voxaffect.cli.experiment.DEMO", quick)
    assert voxaffect(monkeypatch, "demo", "--out", tmp_path, "--scale", 0.1, "-j", 2) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "simulated" in printed
    for table in ("Table 1", "Table 2", "Table 3", "Table 4"):
        assert table in printed
    for test_set in ("aibo", "emodb", "enterface", "iemocap:acted", "iemocap:natural", "ldc"):
        assert f" {test_set} " in printed
    assert "simulated" in (tmp_path / "report.html").read_text()
    assert list((tmp_path / "figures").glob("*.svg"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("evaluate", "none.toml"), "none.toml: cannot be read"),
        (("corpora", "show", "emdb"), "did you mean 'emodb'"),
        (("corpora", "show", "RAVDESS"), "unknown corpus 'RAVDESS'; did you mean 'ravdess'?"),
        (("corpora", "show", "calls"), "unknown corpus 'calls'; see voxaffect corpora list"),
        (("corpora", "check", "emodb", "/nowhere"), "/nowhere"),
        (("predict", "a.wav", "--model", "nothing"), "nothing: no recognizer found"),
        (("inspect", "nothing"), "nothing: no recognizer found"),
        (("report", "nothing"), "nothing has no run.json"),
        (("train", "none.toml", "-o", "x", "--system", "svm"), "none.toml"),
    ],
)
def test_an_error_is_one_sentence_and_status_2(
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert voxaffect(monkeypatch, *words) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def write_table(folder: Path, project: Path, emotion: str | None = None) -> Path:
    """Settings for a table of simulated clips that names no speakers."""
    clips = sorted((project / "trees/emodb/wav").glob("*.wav"))
    words = {"N": "neutral", "F": "happy", "T": "sad", "W": "angry"}
    rows = [f"{clip},{emotion or words[clip.stem[5]]}" for clip in clips if clip.stem[5] in words]
    (folder / "clips.csv").write_text("\n".join(["path,emotion", *rows]) + "\n")
    settings = folder / "table.toml"
    settings.write_text(f'[corpora.mine]\ntable = "clips.csv"\n[features]\nstore = "{folder}"\n')
    return settings


def test_unknown_speakers_fail_only_the_protocols_that_need_them(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = write_table(tmp_path, project)
    words = ("evaluate", settings, "--systems", "svm", "--out", tmp_path / "run", "-j", 1)
    assert voxaffect(monkeypatch, *words) == 1
    assert "two or more" in capsys.readouterr().err
    assert len(list((tmp_path / "run/parts/aggregated").glob("*.parquet"))) == 1


@pytest.mark.parametrize(
    ("emotion", "message"),
    [("sad", "all training data are sad"), ("anggry", "unknown label 'anggry'")],
)
def test_one_class_or_an_unknown_label_is_one_sentence(
    emotion: str,
    message: str,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = write_table(tmp_path, project, emotion)
    words = ("train", settings, "--out", tmp_path / "model", "-j", 1)
    assert voxaffect(monkeypatch, *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("model/*"))


def test_systems_must_exist_and_go_together_and_a_format_must_exist(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", project / "settings.toml", "-o", project / "x", "--system")
    for system, message in (("svn", "'svn'"), ("svm+egemaps-svm", "need different features")):
        assert voxaffect(monkeypatch, *words, system) == 2
        assert message in capsys.readouterr().err
    assert voxaffect(monkeypatch, "predict", "a.wav", "-m", model, "-f", "xml") == 2
    assert "'xml'" in capsys.readouterr().err


def test_help_lists_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, "--help") == 0
    assert "voxaffect demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "offered"),
    [("voxaffect pre", "predict"), ("voxaffect extract --ba", "--backend")],
)
def test_a_shell_completes_commands_and_options(
    words: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_VOXAFFECT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    with pytest.raises(SystemExit):
        app(prog_name="voxaffect")
    assert capsys.readouterr().out.split() == [offered]


HELP_LOADS = {"annotated_doc", "click", "colorama", "shellingham", "typer", "typing_extensions"}
"""Typer and its dependencies, without Rich and Pydantic."""


def test_help_loads_nothing_but_typer() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from voxaffect.cli.main import main\n"
        "sys.argv = ['voxaffect', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    sys.exit(' '.join(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "Usage: voxaffect" in ended.stdout
    loaded = {name for name in ended.stderr.split() if not name.startswith("_")}
    libraries = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names
    assert libraries - {"voxaffect"} <= HELP_LOADS
    assert not loaded & {"asyncio", "concurrent", "logging", "multiprocessing", "sqlite3"}
    own = {name for name in loaded if name.split(".")[0] == "voxaffect"}
    own = {name for name in own if not name.startswith("voxaffect.cli")}
    assert own == {
        "voxaffect",
        "voxaffect.errors",
        "voxaffect.files",
        "voxaffect.recognizer",
        "voxaffect.recognizer.packaged",
        "voxaffect.systems",
        "voxaffect.version",
    }


def test_the_help_of_evaluate_names_every_system() -> None:
    option = get_args(get_type_hints(evaluate, include_extras=True)["systems"])[1]
    assert option.help.removesuffix(".").split(": ")[1].split(", ") == list(SYSTEMS)


def test_the_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"voxaffect {__version__}\n"


@pytest.mark.parametrize("words", [("-h",), ("predict", "-h"), ("corpora", "check", "-h")])
def test_h_is_help(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, *words) == 0
    assert re.match(r"Usage: .*voxaffect ", capsys.readouterr().out)


@pytest.mark.parametrize("words", [("-v", "inspect", "gone"), ("inspect", "gone", "--verbose")])
def test_verbose_shows_the_traceback_of_an_error(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voxaffect(monkeypatch, *words) == 2
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert printed.splitlines()[-1].startswith("voxaffect: gone: ")


@pytest.mark.parametrize("before", [True, False])
def test_quiet_prints_only_predictions_and_errors(project: Path, before: bool) -> None:
    clip = next((project / "trees/emodb/wav").glob("*.wav"))
    words = ["predict", str(clip), "gone.wav", "-f", "csv"]
    words = ["-q", *words] if before else [*words, "--quiet"]
    command = [sys.executable, "-m", "voxaffect", *words]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert len(ran.stdout.splitlines()) == 2
    assert ran.stderr == "voxaffect: gone.wav: no such file; check the path\n"


def test_ctrl_c_prints_what_is_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("voxaffect.config.file.load_settings", stop)
    out = project / "stopped"
    assert voxaffect(monkeypatch, "evaluate", project / "settings.toml", "--out", out) == 130
    assert capsys.readouterr().err == (
        f"voxaffect: interrupted; results so far are in {out}; "
        "run the same command again to resume\n"
    )
    monkeypatch.setattr("voxaffect.cli.predict.list_sources", stop)
    assert voxaffect(monkeypatch, "predict", "a.wav") == 130
    assert capsys.readouterr().err == "voxaffect: interrupted\n"
