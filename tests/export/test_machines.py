from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tests.export.stages import Runner
from voxaffect.export.graph import DOUBLE
from voxaffect.export.machines import by_frame, class_scores, descriptor_functionals, row
from voxaffect.systems.machines import KernelMachine, LinearMachine
from voxaffect.systems.row_classifier import class_scores as in_python
from voxaffect.systems.summaries import MEAN, MEAN_AND_DEVIATION, Summary
from voxaffect.systems.summaries import descriptor_functionals as functionals_in_python

FRAMES = (("T", 5), "float32")

summarized = Runner(lambda op, x: descriptor_functionals(op, op.Cast(x, to=DOUBLE)), FRAMES)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_functionals_of_descriptors_agree_with_python(seed: int, n_frames: int) -> None:
    """Of ordinary, constant, sparse and large columns, and of few frames."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(n_frames, 5)).astype(np.float32)
    frames[:, 1] = rng.choice([0.0, 0.1, -3e4])
    frames[:, 2] *= rng.random(n_frames) < 0.2
    frames[:, 3] = 300 + 0.01 * frames[:, 3]
    expected = functionals_in_python(frames)
    np.testing.assert_allclose(summarized(frames)[0][0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("summary", [MEAN, MEAN_AND_DEVIATION], ids=lambda summary: summary.name)
@pytest.mark.parametrize("n_frames", [1, 30])
def test_rows_agree_with_python(summary: Summary, n_frames: int) -> None:
    frames = np.random.default_rng(0).normal(size=(n_frames, 5)).astype(np.float32)
    run = Runner(lambda op, x: (row(op, x, summary), by_frame(op, x, summary)), FRAMES)
    whole, each = run(frames)
    np.testing.assert_allclose(whole[0], summary.row(frames), rtol=1e-6, atol=1e-12)
    assert summary.by_frame is not None
    np.testing.assert_allclose(each, summary.by_frame(frames), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("seen", [(0, 1, 2, 3), (1, 3), (0, 2, 3)], ids=str)
@pytest.mark.parametrize("kind", ["linear", "kernel", "kernel in half precision"])
def test_scores_of_machines_agree_with_python(kind: str, seen: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    rows, target = rng.normal(size=(80, 6)), np.resize(seen, 80)
    rows += target[:, None] * rng.normal(size=6)
    machine: LinearMachine | KernelMachine
    if kind == "linear":
        machine = LinearMachine.of(LogisticRegression().fit(rows, target))
    else:
        rows = rows.astype(np.float16).astype(np.float64) if "half" in kind else rows
        machine = KernelMachine.of(SVC().fit(rows, target))
    run = Runner(lambda op, x: class_scores(op, x, machine), (("N", 6), "float64"))
    others = rng.normal(scale=2, size=(200, 6))
    np.testing.assert_allclose(run(others)[0], in_python(machine, others), rtol=0, atol=1e-9)
