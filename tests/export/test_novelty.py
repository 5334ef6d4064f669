from __future__ import annotations

import numpy as np
import pytest

from tests.export.stages import Runner
from voxaffect.export.novelty import novelty
from voxaffect.utterance.novelty import WIDEST, Novelty


@pytest.mark.parametrize("n_features", [6, WIDEST], ids=["with correlations", "without"])
@pytest.mark.parametrize("n_frames", [30, 1], ids=["frames", "rows"])
def test_novelty_agrees_with_python(n_features: int, n_frames: int) -> None:
    rng = np.random.default_rng(0)
    shape = n_frames, n_features
    frames = [rng.normal(rng.normal(), 1, shape).astype(np.float32) for _ in range(40)]
    of = Novelty.fit(frames, seed=0)
    run = Runner(lambda op, x: novelty(op, x, of), (("T", n_features), "float32"))
    for one in (*frames[:5], frames[0][:1], 5 * frames[1]):
        assert float(run(one)[0]) == pytest.approx(of.of(one), rel=1e-5)
