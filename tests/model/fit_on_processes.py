"""One net, trained by however many processes `torchrun` has started; the first writes it down.

torchrun --nproc-per-node 2 -m tests.model.fit_on_processes KIND OUT
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from tests.model.examples import N_FEATURES, make_examples
from voxaffect.features.standardize import Standardizer
from voxaffect.model import training
from voxaffect.model.data import FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import TrainedNet, TrainingTask, fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

TRUNKS: dict[str, TrunkSettings] = {
    "dnn": DnnSettings(hidden=16, context=2),
    "lstm": LstmSettings(hidden=16),
}
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}
CLASSES = {"emotion": 4, "gender": 4, "naturalness": 2}
SETTINGS = TrainingSettings(batch_size=10, max_epochs=3, crop_frames=20)


def train_in_processes(kind: str) -> TrainedNet:
    """The net of a kind, with dropout, crops and a last batch that does not divide by two."""
    examples, dev = make_examples(37), make_examples(16, seed=1)
    standardizer = Standardizer.fit(examples.frames)
    net = MultiTaskNet.initialized(NetShape(TRUNKS[kind], N_FEATURES, CLASSES), seed=5)
    train_set, dev_set = FrameDataset(examples, standardizer), FrameDataset(dev, standardizer)
    return fit(TrainingTask(net, train_set, dev_set, WEIGHTS, seed=5), SETTINGS)


def plain(trained: TrainedNet) -> dict[str, object]:
    """Weights and history as JSON can hold them."""
    weights = {name: value.tolist() for name, value in trained.net.state_dict().items()}
    return {"weights": weights, "history": asdict(trained.history)}


def main() -> None:
    torch.set_num_threads(1)
    with training.process_group("cpu"):
        trained, (rank, world) = train_in_processes(sys.argv[1]), training.rank_and_world()
    if rank == 0:
        Path(sys.argv[2]).write_text(json.dumps({"world": world, **plain(trained)}))


if __name__ == "__main__":
    main()
