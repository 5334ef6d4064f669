from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.model.fit_on_processes import plain, train
from voxaffect.model import distributed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["dnn", "lstm"])
def test_two_processes_reach_the_net_that_one_does(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "net.json"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    apart = ["--standalone", "-m", "tests.model.fit_on_processes", kind, str(out)]
    ended = subprocess.run(
        [*launcher, *apart], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    shared = json.loads(out.read_text())
    assert shared["world"] == 2
    alone = json.loads(json.dumps(plain(train(kind))))
    for name, value in alone["weights"].items():
        np.testing.assert_allclose(shared["weights"][name], value, rtol=1e-3, atol=2e-5)
    for mine, theirs in zip(alone["history"]["epochs"], shared["history"]["epochs"], strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-5)
        assert theirs["dev_loss"] == pytest.approx(mine["dev_loss"], rel=1e-4)
        assert theirs["dev_ua"] == mine["dev_ua"]


def test_without_torchrun_there_is_one_process() -> None:
    with distributed.process_group("cpu"):
        assert distributed.place() == (0, 1)
        with distributed.first_goes_first():
            pass
