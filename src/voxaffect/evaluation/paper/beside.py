"""The paper's figures beside a run's, wherever a run has a corpus of the paper.

A corpus is known by the title of its distribution, whatever the run calls it. What the run and the
paper both have is compared; a mean is taken over the test sets that both have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean

from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.measures.metrics import recalls
from voxaffect.evaluation.paper import published
from voxaffect.evaluation.scores.tables import Score, ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

PAPER_TITLES = {CORPORA[name].card.title: name for name in published.PAPER_CORPORA}


@dataclass(frozen=True)
class Beside:
    """One figure of the paper beside the run's.

    Args:
        published: as the paper prints it.
        ours: None where the run has none.
        published_sd: standard deviation over folds, where the paper gives one.
        ours_sd: the run's.
    """

    published: float
    ours: float | None
    published_sd: float | None = None
    ours_sd: float | None = None

    @property
    def difference(self) -> float | None:
        """The run's less the paper's, None where the run has none."""
        return None if self.ours is None else self.ours - self.published


@dataclass(frozen=True)
class BesideRow:
    """A line of a table of the paper.

    Args:
        name: as the run calls the corpus or test set, or what the mean is over.
        figures: kind or system -> both figures.
    """

    name: str
    figures: Mapping[str, Beside]


@dataclass(frozen=True)
class BesideThePaper:
    """All that can be compared.

    Args:
        corpora: the run's name of each of its corpora that is the paper's -> the name in
            `published`.
        others: the run's corpora that the paper has not.
        lacking: the paper's corpora that the run has not.
        counts: Table 1.
        within: Table 2; a line a corpus, then the mean over them.
        cross: Table 3; a line a test set, then the means.
        aggregated: Table 4; UA, then the recall of each class. Empty unless the run's corpora are
            the paper's, all of them and no other.
        unsplit: whether the run left IEMOCAP out as one, which the paper did not.
    """

    corpora: Mapping[str, str]
    others: tuple[str, ...]
    lacking: tuple[str, ...]
    counts: tuple[BesideRow, ...]
    within: tuple[BesideRow, ...]
    cross: tuple[BesideRow, ...]
    aggregated: tuple[BesideRow, ...]
    unsplit: bool

    @property
    def same_corpora(self) -> bool:
        """Whether the run's corpora are the paper's, all of them and no other."""
        return not self.others and not self.lacking

    @property
    def same_counts(self) -> bool:
        """Whether each of the run's corpora holds as many utterances as the paper counts."""
        return not any(figure.difference for row in self.counts for figure in row.figures.values())


def beside_the_paper(run: Run, summary: Summary) -> BesideThePaper | None:
    """The paper's figures beside a run's, None where no corpus of the run is the paper's."""
    known = {c.name: PAPER_TITLES[c.title] for c in run.corpora if c.title in PAPER_TITLES}
    if not known:
        return None
    others = tuple(c.name for c in run.corpora if c.name not in known)
    lacking = tuple(name for name in published.PAPER_CORPORA if name not in known.values())
    within, cross, aggregated = (summary.table(p) for p in ("within", "cross", "aggregated"))
    return BesideThePaper(
        corpora=known,
        others=others,
        lacking=lacking,
        counts=tuple(_counts(c, known[c.name]) for c in run.corpora if c.name in known),
        within=_within(within, known) if within else (),
        cross=_cross(cross, known) if cross else (),
        aggregated=_aggregated(aggregated) if aggregated and not (others or lacking) else (),
        unsplit=bool(cross and any(known.get(test) == "iemocap" for test in cross.tests)),
    )


def _counts(corpus: CorpusSummary, name: str) -> BesideRow:
    held = {
        "speakers": corpus.n_speakers,
        **{emotion: corpus.emotion.get(emotion, 0) for emotion in EMOTION.classes},
        **{sex: _of_sex(corpus, sex) for sex in ("female", "male")},
        **{style: corpus.naturalness.get(style, 0) for style in NATURALNESS.classes},
    }
    both = {kind: Beside(n, held[kind]) for kind, n in published.COUNTS[name].items()}
    return BesideRow(corpus.name, both)


def _of_sex(corpus: CorpusSummary, sex: str) -> int:
    """Utterances of women and girls, or of men and boys, as Table 1 counts them."""
    return sum(corpus.gender.get(kind, 0) for kind in GENDER.classes if kind.split()[0] == sex)


def _within(table: ScoreTable, known: Mapping[str, str]) -> tuple[BesideRow, ...]:
    names = {test: known[test] for test in table.tests if test in known}
    rows = [
        _row(table, test, published.WITHIN[name], published.WITHIN_SD[name])
        for test, name in names.items()
    ]
    return (*rows, *_mean(rows, names.values(), published.WITHIN, published.WITHIN_MEANS, "mean"))


def _cross(table: ScoreTable, known: Mapping[str, str]) -> tuple[BesideRow, ...]:
    papers = {test: _papers_name(test, known) for test in table.tests}
    names = {test: name for test, name in papers.items() if name in published.CROSS}
    rows = {name: _row(table, test, published.CROSS[name]) for test, name in names.items()}
    means = []
    for style, of_style in (*published.CROSS_STYLES.items(), (None, tuple(published.CROSS))):
        both = [name for name in of_style if name in rows]
        title = f"mean of {style}" if style else "mean"
        wanted = {name: published.CROSS[name] for name in of_style}
        means += _mean([rows[n] for n in both], both, wanted, published.CROSS_MEANS, title)
    return (*rows.values(), *means)


def _papers_name(test: str, known: Mapping[str, str]) -> str:
    """`iemocap:natural` of a test set, whatever the run calls the corpus."""
    corpus, colon, style = test.partition(":")
    return f"{known.get(corpus, '')}{colon}{style}"


def _aggregated(table: ScoreTable) -> tuple[BesideRow, ...]:
    (test,) = table.tests
    systems = {s: table.scores[test, s] for s in published.AGGREGATED if (test, s) in table.scores}
    ua = {s: Beside(published.AGGREGATED[s].ua, score.ua) for s, score in systems.items()}
    rows = [
        BesideRow(f"recall of {emotion}", {s: _recall(s, systems[s], c) for s in systems})
        for c, emotion in enumerate(EMOTION.classes)
    ]
    return (BesideRow("UA", ua), *rows) if systems else ()


def _recall(system: str, score: Score, c: int) -> Beside:
    """Of class c, over all seeds; none of a class that is not tested."""
    ours = float(recalls(score.counts)[c])
    return Beside(published.AGGREGATED[system].shares[c][c], None if isnan(ours) else ours)


def _row(
    table: ScoreTable, test: str, papers: published.Row, deviations: published.Row | None = None
) -> BesideRow:
    scores = {system: _whole(table, test, system) for system in papers}
    return BesideRow(
        test,
        {
            system: Beside(
                papers[system],
                score.ua if score else None,
                deviations[system] if deviations else None,
                score.ua_sd if score and deviations else None,
            )
            for system, score in scores.items()
        },
    )


def _whole(table: ScoreTable, test: str, system: str) -> Score | None:
    """A system's score on a test set, None unless it has a result for each of its folds."""
    score = table.get(test, system)
    return score if score and len(score.matrices) == table.n_folds(test) else None


def _mean(
    rows: Sequence[BesideRow],
    names: Iterable[str],
    papers: Mapping[str, published.Row],
    printed: Mapping[str, published.Row],
    title: str,
) -> list[BesideRow]:
    """The mean over several rows; the paper's own, as printed, where the rows are all of its."""
    if len(rows) < 2:
        return []
    is_whole = sorted(names) == sorted(papers)
    figures = {}
    for system in rows[0].figures:
        both = [row.figures[system] for row in rows]
        ours = [figure.ours for figure in both if figure.ours is not None]
        theirs = printed[title][system] if is_whole else fmean(f.published for f in both)
        figures[system] = Beside(theirs, fmean(ours) if len(ours) == len(both) else None)
    return [BesideRow(title, figures)]
