from __future__ import annotations

import numpy as np
import pytest

from tests.export.stages import Runner
from voxaffect.export.novelty import novelty
from voxaffect.features.standardize import Standardizer
from voxaffect.utterance.novelty import Novelty


def test_novelty_is_that_of_python() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(rng.normal(), 1, (30, 6)).astype(np.float32) for _ in range(40)]
    of = Novelty.fit(frames, Standardizer(np.zeros(6, np.float32), np.ones(6, np.float32)), seed=0)
    run = Runner(lambda op, x: novelty(op, x, of), (("T", 6), "float32"))
    for one in (*frames[:5], frames[0][:1], 5 * frames[1]):
        assert float(run(one)[0]) == pytest.approx(of.of(one), rel=1e-5)
