"""The files of a report, written once for all tests that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.runs import full_run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.write import write_report


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of the report of `full_run`, in a new folder."""
    return write_report(Summary(full_run()), tmp_path_factory.mktemp("report") / "new")
