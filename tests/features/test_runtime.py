from __future__ import annotations

import pytest
import torch

from voxaffect.features.runtime import torch_threads


def test_what_was_is_restored_whatever_happens() -> None:
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), torch_threads(before + 1):
        _ = 1 / (torch.get_num_threads() - before - 1)
    assert torch.get_num_threads() == before
