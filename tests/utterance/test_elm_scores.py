"""What an ELM has learned scores the same as arrays, and damaged arrays are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.utterance.test_elm import clusters
from voxaffect.errors import ArtefactError
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.elm_scores import ElmScores


@pytest.mark.parametrize("classes", [[0, 2], [0, 1, 3]])
def test_arrays_carry_the_whole_classifier(classes: list[int]) -> None:
    X, y = clusters(50, classes)
    elm = ExtremeLearningMachine(random_state=0).fit(X, y)
    again = ElmScores.from_arrays(elm.learned().to_arrays())
    scores = again.class_scores(X, 4)
    np.testing.assert_array_equal(scores, elm.learned().class_scores(X, 4))
    np.testing.assert_array_equal(scores.argmax(axis=1), elm.predict(X))
    assert again.ridge == elm.ridge_


def test_damaged_arrays_are_refused() -> None:
    X, y = clusters(50, [0, 1, 2])
    arrays = ExtremeLearningMachine(random_state=0).fit(X, y).learned().to_arrays()
    with pytest.raises(ArtefactError, match="lacks coef"):
        ElmScores.from_arrays({k: v for k, v in arrays.items() if k != "coef"})
    with pytest.raises(ArtefactError, match=r"coef has shape \(120, 2\)"):
        ElmScores.from_arrays({**arrays, "coef": arrays["coef"][:, :2]})


def test_scoring_loads_no_library_of_learning() -> None:
    code = "import sys, voxaffect.utterance.elm_scores; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
