from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def fit(store: Path, way: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.fit_under_a_limit", str(store), way]
    return subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts like this on Linux alone")
def test_a_store_twenty_times_larger_than_the_memory_allowed_is_learned(tmp_path: Path) -> None:
    by_parts = fit(tmp_path / "store", "parts")
    assert by_parts.returncode == 0, by_parts.stderr
    assert float(by_parts.stdout) > 0.9
    at_once = fit(tmp_path / "store", "whole")
    assert "Unable to allocate" in at_once.stderr
