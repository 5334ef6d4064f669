"""Results in the order of the tables: protocol by protocol, and in each system by system."""

from __future__ import annotations

from collections.abc import Sequence

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import PROTOCOLS
from voxaffect.evaluation.scores.tables import display_order


def by_system(results: Sequence[FoldResult]) -> dict[tuple[str, str], list[FoldResult]]:
    """Protocol and system -> its results; what was not run is absent."""
    systems = display_order({r.system for r in results})
    found: dict[tuple[str, str], list[FoldResult]] = {
        (protocol, system): [] for protocol in PROTOCOLS for system in systems
    }
    for result in results:
        found[result.protocol, result.system].append(result)
    return {key: some for key, some in found.items() if some}
