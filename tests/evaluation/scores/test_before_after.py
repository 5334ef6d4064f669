from __future__ import annotations

import numpy as np
import pytest

from voxaffect.evaluation.scores.before_after import before_after


def test_gains_are_told_by_class_and_by_speaker() -> None:
    truth = np.array([0, 1, 0, 1])
    before, after = np.array([0, 0, 0, 0]), np.array([0, 1, 0, 0])
    found = before_after(truth, before, after, np.array(["a", "a", "b", "b"]))
    assert (found.n, found.before, found.after) == (4, 0.5, 0.75)
    assert found.recalls == {"neutral": (1.0, 1.0), "happy": (0.0, 0.5)}
    assert found.speakers == {"a": (0.5, 1.0), "b": (0.5, 0.5)}
    assert (found.paired.n_better, found.paired.n_worse) == (1, 0)


def test_seven_speakers_who_all_gain_are_no_chance() -> None:
    truth = np.tile([0, 1], 7)
    speakers = np.repeat([*"abcdefg"], 2)
    found = before_after(truth, np.zeros(14, np.int64), truth, speakers)
    assert found.paired.p_value == pytest.approx(2 / 2**7)
    assert found.paired.reachable
