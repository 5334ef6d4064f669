from __future__ import annotations

import os

import pytest

from voxaffect.parallel.clusters import cores_here, effective_jobs
from voxaffect.parallel.cores import n_cores


def test_a_confined_process_counts_the_cores_that_it_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert n_cores() == effective_jobs(0) == cores_here(10) == 3
    assert effective_jobs(10) == 10
    assert cores_here(2) == 2


@pytest.mark.parametrize(("told", "expected"), [(4, 4), (None, 1)])
def test_where_nothing_tells_of_confinement_all_cores_count(
    told: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert n_cores() == expected
