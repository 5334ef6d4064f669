"""Every feature set on the whole road: settings, store, training, saving, loading, predicting."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.features.tiny_encoders import save_encoder
from tests.features.whisper.models import random_state, save_model_bin
from voxaffect.cli.experiment import evaluate, prepare_corpora
from voxaffect.cli.predict import predict
from voxaffect.cli.train import train
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings
from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.registry import CustomFeatures
from voxaffect.features.spectra import LogMel
from voxaffect.features.whisper.shapes import SHAPES
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.trees import simulate
from voxaffect.systems.systems import SYSTEMS, NetSystem

SETTINGS = """
[corpora]
emodb = "trees/emodb"
[training]
max_epochs = 1
batch_size = 16
crop_frames = 20
[evaluate]
protocols = ["aggregated"]
systems = ["lstm-stl"]
[features]
store = "store"
"""

SETS = {
    "lld": 'set = "lld"\n',
    "log-mel": 'set = "log-mel"\n[features.log-mel]\nn_mels = 24\n',
    "opensmile": 'set = "opensmile"\n[features.opensmile]\nname = "GeMAPSv01b"\n',
    "encoder": 'set = "encoder"\n[features.encoder]\nfolder = "encoder"\nlayer = 1\n',
    "whisper": 'set = "whisper"\n[features.whisper]\nsize = "tiny"\nlayer = 1\nsource = "model"\n',
}
WIDTHS = {"lld": 32, "log-mel": 24, "opensmile": 18, "encoder": 16, "whisper": 384}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, an encoder and a settings file a set."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.1, corpora=("emodb",))
    save_encoder("wavlm", folder / "encoder")
    save_model_bin(folder / "model" / "model.bin", random_state(0, SHAPES["tiny"]))
    for name, text in SETS.items():
        (folder / f"{name}.toml").write_text(SETTINGS + text)
    return folder


def trained(settings: Settings) -> TrainedRecognizer:
    """A recognizer of one epoch."""
    dataset = prepare_corpora(settings, n_jobs=1).dataset
    ids = sorted(dataset.utterances)
    system = SYSTEMS["lstm-stl"]
    assert isinstance(system, NetSystem)
    recognizer = TrainedRecognizer(system.classifier(settings), settings.features.extractor())
    return recognizer.fit(dataset.examples(ids[::2]), dataset.examples(ids[1::2]), seed=0)


@pytest.mark.parametrize("name", SETS)
def test_what_was_trained_on_a_set_answers_the_same_after_loading(
    name: str, project: Path, tmp_path: Path
) -> None:
    settings = load_settings(project / f"{name}.toml")
    recognizer = trained(settings)
    assert len(recognizer.extractor.names) == WIDTHS[name]
    recognizer.save(tmp_path)
    loaded = TrainedRecognizer.load(tmp_path)
    assert loaded.extractor == recognizer.extractor
    clips = sorted((project / "trees/emodb/wav").glob("*.wav"))[:2]
    for before, after in zip(recognizer.predict(clips), loaded.predict(clips), strict=True):
        assert before.probabilities == after.probabilities
        np.testing.assert_array_equal(np.asarray(before.posteriors), np.asarray(after.posteriors))
        steps = np.diff(np.asarray(after.times_s))  # larger where what is no speech was cut away
        assert steps.min() == pytest.approx(loaded.extractor.grid.hop_s)
        assert np.median(steps) == pytest.approx(loaded.extractor.grid.hop_s)


@pytest.mark.parametrize("name", ["log-mel", "opensmile", "encoder", "whisper"])
def test_an_experiment_runs_on_a_set(name: str, project: Path, tmp_path: Path) -> None:
    config = project / f"{name}.toml"
    status = evaluate(config, tmp_path, jobs=1)
    assert status == 0
    assert len(list(tmp_path.glob("parts/aggregated/*.parquet"))) == 1


def test_an_encoder_that_has_moved_is_given_anew(project: Path, tmp_path: Path) -> None:
    recognizer = trained(load_settings(project / "encoder.toml"))
    recognizer.save(tmp_path / "model")
    moved = (project / "encoder").rename(tmp_path / "moved")
    try:
        with pytest.raises(ArtifactError, match=f"{tmp_path / 'model'}: was trained on the enc"):
            TrainedRecognizer.load(tmp_path / "model")
        encoder = type(recognizer.extractor)(moved, 1)  # type: ignore[call-arg]
        assert TrainedRecognizer.load(tmp_path / "model", encoder).extractor == encoder
    finally:
        moved.rename(project / "encoder")


def test_a_function_of_ones_own_trains_and_is_given_when_loaded(
    project: Path, tmp_path: Path
) -> None:
    def levels(samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
        return np.stack([frames.std(axis=1), np.abs(frames).max(axis=1)], axis=1)

    own = CustomFeatures(levels, ("level", "peak"), FrameGrid(), "1")
    clips = sorted((project / "trees/emodb/wav").glob("*.wav"))[:8]
    settings = load_settings(project / "lld.toml")
    system = SYSTEMS["lstm-stl"]
    assert isinstance(system, NetSystem)
    recognizer = TrainedRecognizer(system.classifier(settings), own)
    examples = recognizer.examples(clips, {"emotion": ["sad", "angry"] * 4})
    recognizer.fit(examples, examples, seed=0).save(tmp_path)
    with pytest.raises(ArtifactError, match="of the kind 'own'"):
        TrainedRecognizer.load(tmp_path)
    (before,), (after,) = (
        recognizer.predict(clips[:1]),
        TrainedRecognizer.load(tmp_path, own).predict(clips[:1]),
    )
    assert before.probabilities == after.probabilities


def test_frames_of_another_extractor_are_refused(project: Path) -> None:
    settings = load_settings(project / "log-mel.toml")
    examples = prepare_corpora(settings, n_jobs=1).dataset
    some = examples.examples(sorted(examples.utterances)[:4])
    with pytest.raises(TrainingError, match=r"24 columns, and .* gives 32"):
        TrainedRecognizer().fit(some, some, seed=0)


def test_a_set_goes_from_the_settings_through_train_to_predict(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many columns as the default's: only the header tells them apart."""
    text = SETTINGS + 'set = "log-mel"\n[features.log-mel]\nn_mels = 32\n'
    (project / "thirty-two.toml").write_text(text)
    train(project / "thirty-two.toml", tmp_path, system="lstm-stl", jobs=1)
    assert TrainedRecognizer.load(tmp_path).extractor == LogMel(n_mels=32)
    clip = min((project / "trees/emodb/wav").glob("*.wav"))
    capsys.readouterr()
    assert predict([clip], tmp_path, output="json") == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(clip)
