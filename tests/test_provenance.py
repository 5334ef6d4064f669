from __future__ import annotations

import numpy as np
import torch

from voxaffect.provenance import numeric_environment, versions
from voxaffect.version import __version__


def test_versions_are_those_of_the_imported_libraries() -> None:
    found = versions()
    assert (found["voxaffect"], found["numpy"]) == (__version__, np.__version__)
    assert torch.__version__.startswith(found["torch"].partition("+")[0])
    assert found["machine"].endswith("cores")


def test_environment_states_threads_and_device() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert numeric_environment()["torch_threads"] == 1
    finally:
        torch.set_num_threads(before)
    assert numeric_environment()["torch_threads"] == before
    assert int(numeric_environment()["blas_threads"]) >= 1
    assert numeric_environment()["device"] == "cpu"
