"""Where the real corpora are, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def real_corpora() -> Path:
    """Root of the four real corpora; skips where there are none."""
    for root in (os.environ.get("VOXAFFECT_CORPORA"), BESIDE / "corpora"):
        if root and Path(root).is_dir():
            return Path(root).resolve()
    pytest.skip("no real corpora: set VOXAFFECT_CORPORA to the folder that holds them")


@pytest.fixture(scope="session")
def oracle(real_corpora: Path) -> Path:
    """Reference frame features beside the real corpora; skips where there are none."""
    path = real_corpora.parent / "oracle" / "is09_lld.npz"
    if not path.is_file():
        pytest.skip("no reference features: expected oracle/is09_lld.npz beside the real corpora")
    return path
