"""Reference results: the figures of the paper, and their comparison with those of a run.

Source: J. Kim, G. Englebienne, K. P. Truong, V. Evers: Towards Speech Emotion Recognition "in the
wild" using Aggregated Corpora and Deep Multi-Task Learning. Interspeech 2017, Tables 1 to 4.

Corpora and systems have the names of this package; the paper's IN and IA, the improvised and the
scripted turns of IEMOCAP, are `iemocap:natural` and `iemocap:acted`. A run's corpus is recognized
by the title of its distribution. A mean is over the test sets that run and paper both have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean
from typing import NamedTuple

import pandas as pd

from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.results import PROTOCOLS, complete, metrics_by, names, row
from voxaffect.evaluation.summary import Summary
from voxaffect.taxonomy import EMOTION, NATURALNESS

SOURCE = "Kim, Englebienne, Truong and Evers (Interspeech 2017)"

PAPER_CORPORA = ("aibo", "emodb", "enterface", "ldc", "iemocap")
"""In the order of Table 1."""

Row = Mapping[str, float]


def _rows(columns: Sequence[str], text: str) -> Mapping[str, Row]:
    """Rows of a table by name, from lines of a name and numbers."""
    lines = (line.rsplit(None, len(columns)) for line in text.strip().splitlines())
    return {
        name.strip(): dict(
            zip(columns, (float(v) if "." in v else int(v) for v in values), strict=True)
        )
        for name, *values in lines
    }


COUNTED = ("speakers", *EMOTION.classes, "female", "male", *NATURALNESS.classes)

COUNTS = _rows(
    COUNTED,
    """
    aibo      51 10967 889    0 1492 7579 5769 13348    0
    emodb     10    77  61   58   97  160  133     0  293
    enterface 43     0 208  422  211  200  641     0  841
    ldc        7    80 180  161  139  320  240     0  560
    iemocap   10  1708 595 2168 2206  336 6341  3177 3500
    """,
)
"""Table 1: speakers, and utterances of each kind; AIBO's children count by their sex."""

COUNTS_TOTAL = _rows(COUNTED, "total 121 12832 1933 2809 4145 8595 13124 16525 5194")["total"]
"""The last line of Table 1."""

REMARKS = {
    "aibo": "The paper's counts of AIBO are those of the distribution's five classes: neutral, "
    "positive and anger.",
    "emodb": "The distribution of EMODB holds 79, 71, 62 and 127 utterances of the four "
    "classes, 339 where the paper counts 293; no threshold on its ratings gives that number.",
    "enterface": "The paper's 422 sad clips of eNTERFACE are twice 211; the distribution holds "
    "212 happy, 215 sad and 215 angry ones.",
    "iemocap": "The paper's 2,168 sad and 2,206 angry turns of IEMOCAP are exactly twice the "
    "1,084 and 1,103 of the distribution, and its 336 turns of women are few for a corpus of "
    "which half the speakers are women.",
}
"""Where Table 1 and what the corpora distribute disagree, or why they agree."""

FOUR = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl")
EIGHT = (*FOUR, "dnn-gender", "lstm-gender", "dnn-naturalness", "lstm-naturalness")

WITHIN = _rows(
    FOUR,
    """
    aibo      .405 .489 .409 .520
    iemocap   .432 .529 .461 .569
    emodb     .888 .921 .842 .925
    enterface .867 .953 .860 .953
    ldc       .554 .552 .537 .564
    """,
)
"""Table 2: UA, mean over speakers left out."""

WITHIN_SD = _rows(
    FOUR,
    """
    aibo      .03 .06 .11 .07
    iemocap   .12 .14 .04 .13
    emodb     .07 .10 .11 .08
    enterface .10 .15 .12 .15
    ldc       .12 .15 .13 .15
    """,
)
"""Table 2: standard deviations, to two decimals."""

WITHIN_MEANS = _rows(FOUR, "mean .629 .689 .622 .706")

CROSS = _rows(
    EIGHT,
    """
    aibo            .310 .355 .351 .352 .308 .338 .401 .326
    emodb           .359 .288 .388 .425 .392 .384 .286 .267
    enterface       .306 .332 .327 .351 .300 .318 .337 .326
    ldc             .239 .251 .347 .267 .251 .251 .249 .244
    iemocap:natural .361 .455 .481 .484 .331 .397 .488 .464
    iemocap:acted   .378 .341 .498 .464 .405 .445 .378 .353
    """,
)
"""Table 3: UA on a corpus left out of training."""

CROSS_STYLES = {
    "natural": ("aibo", "iemocap:natural"),
    "acted": ("emodb", "enterface", "ldc", "iemocap:acted"),
}
"""Table 3: test sets of its means of natural and of acted speech."""

CROSS_MEANS = _rows(
    EIGHT,
    """
    mean of natural .335 .405 .416 .418 .319 .367 .445 .395
    mean of acted   .320 .303 .390 .377 .337 .349 .312 .298
    mean            .325 .337 .399 .391 .331 .355 .356 .330
    """,
)


class Confusion(NamedTuple):
    """One system of Table 4; shares (C, C) of predictions among utterances of a true class."""

    ua: float
    shares: tuple[tuple[float, ...], ...]


def _confusion(ua: float, *percent: str) -> Confusion:
    return Confusion(ua, tuple(tuple(int(n) / 100 for n in row.split()) for row in percent))


AGGREGATED: Mapping[str, Confusion] = {
    "dnn-stl": _confusion(0.359, "99 0 1 1", "94 1 1 4", "78 0 18 4", "73 0 0 26"),
    "dnn-mtl": _confusion(0.534, "94 0 4 2", "80 2 6 12", "16 1 70 14", "44 2 6 47"),
    "lstm-stl": _confusion(0.565, "90 3 3 5", "64 12 8 16", "26 3 65 7", "35 3 3 60"),
    "lstm-mtl": _confusion(0.628, "91 1 4 4", "64 15 10 10", "9 3 84 4", "29 6 5 61"),
}
"""Table 4: all corpora shuffled, on the tenth held out."""

PAPER_TITLES = {CORPORA[name].card.title: name for name in PAPER_CORPORA}


@dataclass(frozen=True)
class PublishedAndMeasured:
    """One figure of the paper and of a run, None where it has none, with deviations over folds."""

    published: float
    ours: float | None
    published_sd: float | None = None
    ours_sd: float | None = None

    @property
    def difference(self) -> float | None:
        """The run's minus the paper's."""
        return None if self.ours is None else self.ours - self.published


@dataclass(frozen=True)
class PublishedRow:
    """A line of a table of the paper, named as the run's test set or as what a mean is over."""

    name: str
    figures: Mapping[str, PublishedAndMeasured]


@dataclass(frozen=True)
class PaperComparison:
    """A run compared with the paper.

    Args:
        corpora: the run's name of each of the paper's corpora that it has -> name in this file.
        counts: Table 1.
        within: Table 2; a line a corpus, then the mean over them.
        cross: Table 3; a line a test set, then the means.
        aggregated: Table 4; UA, then the recall of each class. Empty unless the corpora are the
            same.
        unsplit: whether the run left IEMOCAP out as one test set; the paper has two.
    """

    corpora: Mapping[str, str]
    others: tuple[str, ...]
    lacking: tuple[str, ...]
    counts: tuple[PublishedRow, ...]
    within: tuple[PublishedRow, ...]
    cross: tuple[PublishedRow, ...]
    aggregated: tuple[PublishedRow, ...]
    unsplit: bool

    @property
    def same_corpora(self) -> bool:
        """Whether the run's corpora are the paper's, all of them and no other."""
        return not self.others and not self.lacking

    @property
    def same_counts(self) -> bool:
        """Whether each corpus has as many utterances as in the paper."""
        return not any(figure.difference for row in self.counts for figure in row.figures.values())


def compare_with_paper(run: Run, summary: Summary) -> PaperComparison | None:
    """A run compared with the paper, None where they have no corpus in common."""
    known = {c.name: PAPER_TITLES[c.title] for c in run.corpora if c.title in PAPER_TITLES}
    if not known:
        return None
    others = tuple(c.name for c in run.corpora if c.name not in known)
    lacking = tuple(name for name in PAPER_CORPORA if name not in known.values())
    within, cross, aggregated = (summary.scores.get(p) for p in PROTOCOLS)
    return PaperComparison(
        corpora=known,
        others=others,
        lacking=lacking,
        counts=tuple(_counts(c, known[c.name]) for c in run.corpora if c.name in known),
        within=() if within is None else _within(within, known),
        cross=() if cross is None else _cross(cross, known),
        aggregated=() if aggregated is None or others or lacking else _aggregated(run, aggregated),
        unsplit=cross is not None and any(known.get(t) == "iemocap" for t in _tests(cross)),
    )


def _counts(corpus: CorpusSummary, name: str) -> PublishedRow:
    found = Counter({"speakers": corpus.n_speakers, **corpus.emotion, **corpus.naturalness})
    for kind, n in corpus.gender.items():
        found[kind.split()[0]] += n  # women and girls, or men and boys
    figures = {kind: PublishedAndMeasured(n, found[kind]) for kind, n in COUNTS[name].items()}
    return PublishedRow(corpus.name, figures)


def _tests(scores: pd.DataFrame) -> list[str]:
    return names(scores.index.unique("test_set"))


def _within(scores: pd.DataFrame, known: Mapping[str, str]) -> tuple[PublishedRow, ...]:
    tested = {test: known[test] for test in _tests(scores) if test in known}
    rows = [_row(scores, test, WITHIN[name], WITHIN_SD[name]) for test, name in tested.items()]
    return (*rows, *_mean(rows, tested.values(), WITHIN, WITHIN_MEANS, "mean"))


def _cross(scores: pd.DataFrame, known: Mapping[str, str]) -> tuple[PublishedRow, ...]:
    rows = {}
    for test in _tests(scores):
        corpus, colon, style = test.partition(":")
        name = f"{known.get(corpus, '')}{colon}{style}"
        if name in CROSS:
            rows[name] = _row(scores, test, CROSS[name])
    means = []
    styles = {f"mean of {style}": tests for style, tests in CROSS_STYLES.items()}
    for title, tests in {**styles, "mean": tuple(CROSS)}.items():
        both = [name for name in tests if name in rows]
        means += _mean([rows[n] for n in both], both, tests, CROSS_MEANS, title)
    return (*rows.values(), *means)


def _aggregated(run: Run, scores: pd.DataFrame) -> tuple[PublishedRow, ...]:
    own = run.results[run.results["protocol"] == "aggregated"]
    recalls = metrics_by(own, ["system"])
    ua = scores["ua"].droplevel("test_set")
    systems = [system for system in AGGREGATED if system in ua.index]
    figures = {s: PublishedAndMeasured(AGGREGATED[s].ua, float(ua[s])) for s in systems}
    rows = [PublishedRow("UA", figures)]
    for c, emotion in enumerate(EMOTION.classes):
        found = recalls[f"recall_{emotion}"]
        figures = {
            s: PublishedAndMeasured(AGGREGATED[s].shares[c][c], _known(found[s])) for s in systems
        }
        rows.append(PublishedRow(f"recall of {emotion}", figures))
    return tuple(rows) if systems else ()


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _row(scores: pd.DataFrame, test: str, papers: Row, sds: Row | None = None) -> PublishedRow:
    known, figures = complete(scores, [test]), {}
    for system, published in papers.items():
        ours = row(scores, test, system) if system in known else {"ua": nan, "sd": nan}
        deviations = (sds[system], _known(ours["sd"])) if sds else ()
        figures[system] = PublishedAndMeasured(published, _known(ours["ua"]), *deviations)
    return PublishedRow(test, figures)


def _mean(
    rows: Sequence[PublishedRow],
    tested: Iterable[str],
    papers: Iterable[str],
    printed: Mapping[str, Row],
    title: str,
) -> list[PublishedRow]:
    """Mean over several rows; the paper's own, as printed, where they are all of the paper's."""
    if len(rows) < 2:
        return []
    is_complete = sorted(tested) == sorted(papers)
    figures = {}
    for system in rows[0].figures:
        both = [row.figures[system] for row in rows]
        ours = [figure.ours for figure in both if figure.ours is not None]
        figures[system] = PublishedAndMeasured(
            printed[title][system] if is_complete else fmean(f.published for f in both),
            fmean(ours) if len(ours) == len(both) else None,
        )
    return [PublishedRow(title, figures)]
