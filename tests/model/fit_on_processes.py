"""One net, trained by however many processes `torchrun` has started; the first writes it down.

torchrun --nproc-per-node 2 -m tests.model.fit_on_processes KIND OUT
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from tests.model.examples import make_examples, make_shape, make_task
from voxaffect.model import training
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingHistory, TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

TRUNKS: dict[str, TrunkSettings] = {
    "dnn": DnnSettings(hidden=16, context=2),
    "lstm": LstmSettings(hidden=16),
}
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}
SETTINGS = TrainingSettings(batch_size=10, max_epochs=3, crop_frames=20)


def train_in_processes(kind: str) -> tuple[MultiTaskNet, TrainingHistory]:
    """The net of a kind, with dropout, crops and a last batch that does not divide by two."""
    shape = make_shape(TRUNKS[kind], *WEIGHTS)
    return make_task(shape, make_examples(37), make_examples(16, seed=1), WEIGHTS, 5).fit(SETTINGS)


def plain(net: MultiTaskNet, history: TrainingHistory) -> dict[str, object]:
    """Weights and history as JSON can hold them."""
    weights = {name: value.tolist() for name, value in net.state_dict().items()}
    return {"weights": weights, "history": asdict(history)}


def main() -> None:
    torch.set_num_threads(1)
    with training.process_group("cpu"):
        trained, (rank, world) = train_in_processes(sys.argv[1]), training.rank_and_world()
    if rank == 0:
        Path(sys.argv[2]).write_text(json.dumps({"world": world, **plain(*trained)}))


if __name__ == "__main__":
    main()
