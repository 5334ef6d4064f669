from __future__ import annotations

import numpy as np
import torch

import voxaffect
from voxaffect.provenance import arithmetic, versions


def test_versions_are_those_of_the_libraries_that_run() -> None:
    found = versions()
    assert (found["voxaffect"], found["numpy"]) == (voxaffect.__version__, np.__version__)
    assert torch.__version__.startswith(found["torch"].partition("+")[0])
    assert found["machine"].endswith("cores")


def test_threads_are_those_that_compute() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert arithmetic()["torch_threads"] == 1
    finally:
        torch.set_num_threads(before)
    assert arithmetic()["torch_threads"] == before
    assert int(arithmetic()["blas_threads"]) >= 1
    assert arithmetic()["device"] == "cpu"
