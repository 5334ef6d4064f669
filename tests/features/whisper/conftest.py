from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.whisper.models import SMALL, random_state, save_model_bin
from voxaffect.features.whisper import hub, shapes
from voxaffect.features.whisper.sources import PACKAGES


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a small model that passes for `tiny`; the hub's cache is empty."""
    monkeypatch.setitem(shapes.SHAPES, "tiny", SMALL)
    monkeypatch.setattr(hub, "_cache", lambda: tmp_path / "hub")
    return save_model_bin(tmp_path / "model" / "model.bin", random_state())


@pytest.fixture
def installed() -> None:
    """Skips where the data packages with Whisper base are not installed."""
    for package in PACKAGES["base"]:
        pytest.importorskip(package, reason="the extra whisper is not installed")
