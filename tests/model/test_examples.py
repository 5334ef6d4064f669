from __future__ import annotations

import numpy as np

from tests.model.examples import make_examples


def test_a_choice_keeps_frames_and_targets_together() -> None:
    examples = make_examples(8)
    chosen = examples.select(np.array([5, 0, 5]))
    assert [f is examples.frames[row] for f, row in zip(chosen.frames, (5, 0, 5), strict=True)]
    assert {task: target.tolist() for task, target in chosen.targets.items()} == {
        task: [target[5], target[0], target[5]] for task, target in examples.targets.items()
    }


def test_memory_is_that_of_all_frames() -> None:
    examples = make_examples(8)
    assert examples.n_bytes == 4 * sum(frames.size for frames in examples.frames)
