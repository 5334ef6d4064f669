"""The same seed on the same machine gives the same bytes; other threads give nearly the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.model.examples import N_FEATURES, make_examples
from voxaffect.features.spectra import LogMel
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import read_artifact
from voxaffect.systems.classifier import NetClassifier, NetSettings

ROOT = Path(__file__).resolve().parents[1]
TRUNKS: dict[str, TrunkSettings] = {
    "dnn": DnnSettings(hidden=128, context=3),
    "lstm": LstmSettings(hidden=128),
}


def train_all(folder: Path, n_threads: int) -> None:
    """A recognizer of each kind of trunk, trained anew."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    for name, trunk in TRUNKS.items():
        training = TrainingSettings(batch_size=32, max_epochs=2, batches_per_epoch=3)
        settings = NetSettings(trunk, {"emotion": 1.0, "gender": 0.1}, training)
        recognizer = TrainedRecognizer(NetClassifier(settings), LogMel(n_mels=N_FEATURES))
        recognizer.fit(make_examples(80), make_examples(seed=1), seed=0).save(folder / name)
    torch.set_num_threads(before)


def start(folder: Path, hash_seed: int) -> subprocess.Popen[bytes]:
    """The same in a process of its own, in which sets have another order."""
    call = "import sys, pathlib; from tests.test_reproducibility import train_all; "
    command = [sys.executable, "-c", f"{call}train_all(pathlib.Path(sys.argv[1]), 1)", str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.Popen(command, env=environment, cwd=ROOT)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What two processes wrote, each with one thread."""
    folders = [tmp_path_factory.mktemp("models") for _ in range(2)]
    processes = [start(folder, seed) for seed, folder in enumerate(folders)]
    assert [process.wait() for process in processes] == [0, 0]
    return folders


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_two_processes_write_the_same_bytes(folders: list[Path]) -> None:
    one, other = map(files, folders)
    assert len(one) == 2 * len(TRUNKS)
    assert one == other


def losses(card: dict[str, Any]) -> list[float]:
    epochs: list[dict[str, float]] = card["history"]["epochs"]
    return [epoch[name] for epoch in epochs for name in ("train_loss", "dev_loss")]


def test_threads_move_the_first_epochs_by_less_than_is_stated(
    folders: list[Path], tmp_path: Path
) -> None:
    train_all(tmp_path, 2)
    for trunk in TRUNKS:
        one, two = (read_artifact(root / trunk)[0]["card"] for root in (folders[0], tmp_path))
        assert losses(two) == pytest.approx(losses(one), rel=1e-3)
        assert [card["made_with"]["torch_threads"] for card in (one, two)] == [1, 2]
