"""Profiles of Hypothesis, and where the real corpora are, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples everywhere, whatever the machine's speed. `--hypothesis-profile explore` draws
# new ones in each run, 20 times as many.
EXPLORE = "explore"
MORE = 20
settings.register_profile(
    "default",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")
settings.register_profile(EXPLORE, derandomize=False, print_blob=True, max_examples=100 * MORE)

BESIDE = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Scale `max_examples` of tests that set their own, which a profile does not reach."""
    if config.getoption("--hypothesis-profile") != EXPLORE:
        return
    attribute = "_hypothesis_internal_use_settings"
    methods = [getattr(item, "obj", None) for item in items]
    for function in {getattr(method, "__func__", method) for method in methods}:
        own = getattr(function, attribute, None)
        if own and own.max_examples != settings.get_profile(EXPLORE).max_examples:
            setattr(function, attribute, settings(own, max_examples=own.max_examples * MORE))


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
