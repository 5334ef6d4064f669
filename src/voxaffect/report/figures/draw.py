"""Every figure of a run."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl

from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.scores.curves import learning_curves
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures import (
    accuracy,
    amounts,
    class_gains,
    confusions,
    curves,
    groups,
    high_level,
    reliability,
)
from voxaffect.report.figures.style import STYLE, Picture, picture


def draw_all(run: Run, summary: Summary) -> tuple[Picture, ...]:
    """Every figure that the results of a run allow."""
    with mpl.rc_context(STYLE):
        return tuple(_figures(run, summary))


def _figures(run: Run, summary: Summary) -> Iterator[Picture]:
    for table in summary.tables:
        name, drawn = f"accuracy-{table.protocol}", accuracy.accuracy(table)
        yield picture(name, table.protocol, accuracy.CAPTION, drawn, run.note)
        if found := summary.class_gains.get(table.protocol):
            name, drawn = f"{class_gains.KEY}-{table.protocol}", class_gains.gains(found)
            said = class_gains.caption(table.protocol)
            yield picture(name, class_gains.KEY, said, drawn, run.note)
    aggregated = summary.table("aggregated")
    if aggregated:
        drawn = confusions.confusions(aggregated)
        yield picture("confusion", "aggregated", confusions.CAPTION, drawn, run.note)
    samples = high_level.high_level_samples(run)
    if samples:
        drawn = high_level.high_level(samples)
        yield picture("high-level", "aggregated", high_level.CAPTION, drawn, run.note)
    for protocol in PROTOCOLS:
        learned = learning_curves([r for r in run.results if r.protocol == protocol])
        if learned:
            name, drawn = f"learning-{protocol}", curves.learning(learned)
            yield picture(name, protocol, curves.caption(learned), drawn, run.note)
    yield from _of_groups(run, summary)
    yield from _of_confidences(run, summary)
    if less := summary.amounts:
        for protocol in less.protocols:
            name, drawn = f"amounts-{protocol}", amounts.amounts(less, protocol)
            yield picture(name, amounts.KEY, amounts.caption(less, protocol), drawn, run.note)


def _of_groups(run: Run, summary: Summary) -> Iterator[Picture]:
    if summary.groups is None:
        return
    for protocol in PROTOCOLS:
        scores = summary.groups.of(protocol)
        if scores.speakers:
            name, drawn = f"groups-{protocol}", groups.groups(scores)
            yield picture(name, "groups", groups.CAPTION, drawn, run.note)


def _of_confidences(run: Run, summary: Summary) -> Iterator[Picture]:
    for protocol in PROTOCOLS:
        found = [r for r in summary.reliabilities if r.protocol == protocol]
        if found:
            name, drawn = f"reliability-{protocol}", reliability.reliability(found)
            yield picture(name, "reliability", reliability.CAPTION, drawn, run.note)
