"""An experiment with a known result: one emotion has a tone that telephone lines remove."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.audio.degrade.sounds import speech, tone
from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.cli import experiment
from voxaffect.cli.robustness import robustness, select_degradations
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.results import PROBABILITIES
from voxaffect.evaluation.robustness.robustness import load_robustness

SETTINGS = """
[corpora]
north = { table = "north.csv" }
south = { table = "south.csv" }
[features]
store = "store"
[evaluate]
protocols = ["cross"]
systems = ["svm"]
"""
CONDITIONS = "telephone,first-1000ms,babble-20db,quieter-20db"
TONE_HZ = 5000
"""Above the telephone's band."""


def write_corpus(folder: Path, name: str, seed: int) -> None:
    """Four speakers; only a tone separates angry from neutral."""
    rows = ["path,emotion,speaker"]
    for speaker in range(4):
        for take in range(4):
            label = ("neutral", "angry")[take % 2]
            samples = speech(seed + 4 * speaker + take).samples[4000:20_000].copy()
            if label == "angry":
                samples += tone(TONE_HZ, 1.0, amplitude=0.05).samples
            path = f"{name}-{speaker}{take}.wav"
            sf.write(folder / path, samples, SAMPLE_RATE_HZ, subtype="FLOAT")
            rows.append(f"{path},{label},{speaker}")
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wild")
    write_corpus(folder, "north", 0)
    write_corpus(folder, "south", 100)
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def run(
    project: Path, out: str = "run", conditions: str = CONDITIONS, systems: str | None = None
) -> int:
    return robustness(
        project / "settings.toml",
        project / out,
        protocol="cross",
        systems=systems,
        conditions=conditions,
        jobs=1,
    )


@pytest.fixture(scope="module")
def finished(project: Path) -> Path:
    assert run(project) == 0
    return project / "run"


def test_only_conditions_that_remove_the_tone_lose_accuracy(finished: Path) -> None:
    found = load_robustness(finished)
    assert found is not None
    (svm,) = found.systems
    ua = {name: estimate.value for name, estimate in svm.ua.items()}
    assert found.chance == 0.5
    assert ua["clean"] == ua["quieter-20db"] == ua["first-1000ms"] == 1.0
    assert ua["phone-band"] == pytest.approx(0.5, abs=0.15)
    assert svm.retained["phone-mulaw"].value == pytest.approx(0.0, abs=0.3)
    assert found.scored_groups == ("noise", "telephone", "truncation")
    parts = [svm.retained[name].value or 0 for name in ("babble-20db", "first-1000ms")]
    line = [svm.retained[name].value or 0 for name in ("phone-band", "phone-mulaw")]
    assert svm.robustness.value == pytest.approx((sum(parts) + sum(line) / 2) / 3)


def test_all_files_are_written_with_the_same_values(finished: Path) -> None:
    plain = json.loads((finished / "robustness.json").read_text())
    rows = list(csv.DictReader(io.StringIO((finished / "robustness.csv").read_text())))
    assert [row["condition"] for row in rows] == [*(c["name"] for c in plain["conditions"]), "all"]
    assert float(rows[0]["ua"]) == 1.0
    assert float(rows[-1]["retained"]) == pytest.approx(
        plain["systems"][0]["robustness"]["value"], abs=1e-6
    )
    text = (finished / "robustness.md").read_text()
    assert "| svm |" in text
    assert (finished / "figures" / "robustness.svg").is_file()


def test_predictions_of_clean_speech_equal_those_of_evaluate(
    project: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = project / "run"
    assert experiment.evaluate(project / "settings.toml", out, jobs=1) == 0
    plain, degraded = (RunFolder(folder).load().results for folder in (out, out / "robustness"))
    clean = degraded[degraded["condition"] == "clean"]
    assert clean["utterance"].tolist() == plain["utterance"].tolist()
    np.testing.assert_allclose(clean[[*PROBABILITIES]], plain[[*PROBABILITIES]], atol=1e-4)
    page = (out / "report.html").read_text("utf-8")
    assert '<section id="robustness">' in page
    assert "robustness-" in page  # the figure, inlined
    experiment.report(out, project / "elsewhere")
    assert "## Robustness to degraded speech" in (project / "elsewhere" / "report.md").read_text(
        "utf-8"
    )
    assert (project / "elsewhere" / "figures" / "robustness.svg").is_file()


def test_a_resumed_run_has_the_same_results(project: Path, finished: Path) -> None:
    before = load_robustness(finished)
    (finished / "robustness" / "results.parquet").unlink()
    files = sorted((finished / "robustness" / "parts").glob("*/*.parquet"))
    assert len(files) == 2
    files[0].unlink()
    kept = files[1].stat().st_mtime_ns
    assert run(project) == 0
    assert files[0].is_file()
    assert files[1].stat().st_mtime_ns == kept
    assert repr(load_robustness(finished)) == repr(before)  # NaN is not equal to itself


def test_conditions_are_selected_by_name_or_group_in_fixed_order() -> None:
    assert select_degradations(None) == tuple(DEGRADATIONS.values())
    assert [d.name for d in select_degradations("gain,white-0db")] == [
        "white-0db",
        "quieter-20db",
        "louder-20db",
    ]
    with pytest.raises(ConfigError, match="did you mean 'telephone'"):
        select_degradations("telefone")


def test_systems_with_other_features_are_refused_first(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"egemaps-svm: needs features that are not .* --systems"):
        run(project, "refused", systems="svm,egemaps-svm")
    assert not (project / "refused").exists()
