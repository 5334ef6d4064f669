"""The paper's figures beside a run's, wherever a run has a corpus of the paper.

A corpus is known by the title of its distribution, whatever the run calls it. What the run and the
paper both have is compared; a mean is taken over the test sets that both have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean
from types import MappingProxyType
from typing import NamedTuple

from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.metrics import recalls
from voxaffect.evaluation.results import Score, ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

# The figures of the paper, as printed in its Tables 1 to 4.
#
# Source: J. Kim, G. Englebienne, K. P. Truong, V. Evers: Towards Speech Emotion Recognition "in the
# wild" using Aggregated Corpora and Deep Multi-Task Learning. Interspeech 2017.
#
# Corpora and systems bear the names they have here. The paper's IN and IA, the improvised and the
# scripted turns of IEMOCAP, are `iemocap:natural` and `iemocap:acted`.

SOURCE = "Kim, Englebienne, Truong and Evers (Interspeech 2017)"

PAPER_CORPORA = ("aibo", "emodb", "enterface", "ldc", "iemocap")
"""In the order of Table 1."""

Row = Mapping[str, float]


def _rows(columns: tuple[str, ...], rows: Mapping[str, tuple[float, ...]]) -> Mapping[str, Row]:
    """Rows of a table by name, read-only."""
    return MappingProxyType(
        {name: MappingProxyType(dict(zip(columns, v, strict=True))) for name, v in rows.items()}
    )


COUNTED = (
    "speakers",
    "neutral",
    "happy",
    "sad",
    "angry",
    "female",
    "male",
    "natural",
    "acted",
)

COUNTS = _rows(
    COUNTED,
    {
        "aibo": (51, 10967, 889, 0, 1492, 7579, 5769, 13348, 0),
        "emodb": (10, 77, 61, 58, 97, 160, 133, 0, 293),
        "enterface": (43, 0, 208, 422, 211, 200, 641, 0, 841),
        "ldc": (7, 80, 180, 161, 139, 320, 240, 0, 560),
        "iemocap": (10, 1708, 595, 2168, 2206, 336, 6341, 3177, 3500),
    },
)
"""Table 1: speakers, and utterances of each kind; AIBO's children count by their sex."""

COUNTS_TOTAL = _rows(COUNTED, {"total": (121, 12832, 1933, 2809, 4145, 8595, 13124, 16525, 5194)})[
    "total"
]
"""The last line of Table 1."""

REMARKS = MappingProxyType(
    {
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
)
"""Where Table 1 and what the corpora distribute disagree, or why they agree."""

FOUR = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl")
EIGHT = (*FOUR, "dnn-gender", "lstm-gender", "dnn-naturalness", "lstm-naturalness")

WITHIN = _rows(
    FOUR,
    {
        "aibo": (0.405, 0.489, 0.409, 0.520),
        "iemocap": (0.432, 0.529, 0.461, 0.569),
        "emodb": (0.888, 0.921, 0.842, 0.925),
        "enterface": (0.867, 0.953, 0.860, 0.953),
        "ldc": (0.554, 0.552, 0.537, 0.564),
    },
)
"""Table 2: UA, mean over speakers left out."""

WITHIN_SD = _rows(
    FOUR,
    {
        "aibo": (0.03, 0.06, 0.11, 0.07),
        "iemocap": (0.12, 0.14, 0.04, 0.13),
        "emodb": (0.07, 0.10, 0.11, 0.08),
        "enterface": (0.10, 0.15, 0.12, 0.15),
        "ldc": (0.12, 0.15, 0.13, 0.15),
    },
)
"""Table 2: what stands behind each ±, to two decimals."""

WITHIN_MEANS = _rows(FOUR, {"mean": (0.629, 0.689, 0.622, 0.706)})

CROSS = _rows(
    EIGHT,
    {
        "aibo": (0.310, 0.355, 0.351, 0.352, 0.308, 0.338, 0.401, 0.326),
        "emodb": (0.359, 0.288, 0.388, 0.425, 0.392, 0.384, 0.286, 0.267),
        "enterface": (0.306, 0.332, 0.327, 0.351, 0.300, 0.318, 0.337, 0.326),
        "ldc": (0.239, 0.251, 0.347, 0.267, 0.251, 0.251, 0.249, 0.244),
        "iemocap:natural": (0.361, 0.455, 0.481, 0.484, 0.331, 0.397, 0.488, 0.464),
        "iemocap:acted": (0.378, 0.341, 0.498, 0.464, 0.405, 0.445, 0.378, 0.353),
    },
)
"""Table 3: UA on a corpus left out of training."""

CROSS_STYLES = MappingProxyType(
    {
        "natural": ("aibo", "iemocap:natural"),
        "acted": ("emodb", "enterface", "ldc", "iemocap:acted"),
    }
)
"""Table 3: which test sets its means of natural and of acted speech are over."""

CROSS_MEANS = _rows(
    EIGHT,
    {
        "mean of natural": (0.335, 0.405, 0.416, 0.418, 0.319, 0.367, 0.445, 0.395),
        "mean of acted": (0.320, 0.303, 0.390, 0.377, 0.337, 0.349, 0.312, 0.298),
        "mean": (0.325, 0.337, 0.399, 0.391, 0.331, 0.355, 0.356, 0.330),
    },
)


class Confusion(NamedTuple):
    """One system of Table 4.

    Args:
        ua: unweighted accuracy.
        shares: (C, C), share of each answer among the utterances of a true class, to two decimals.
    """

    ua: float
    shares: tuple[tuple[float, ...], ...]


AGGREGATED: Mapping[str, Confusion] = MappingProxyType(
    {
        "dnn-stl": Confusion(
            0.359,
            (
                (0.99, 0.00, 0.01, 0.01),
                (0.94, 0.01, 0.01, 0.04),
                (0.78, 0.00, 0.18, 0.04),
                (0.73, 0.00, 0.00, 0.26),
            ),
        ),
        "dnn-mtl": Confusion(
            0.534,
            (
                (0.94, 0.00, 0.04, 0.02),
                (0.80, 0.02, 0.06, 0.12),
                (0.16, 0.01, 0.70, 0.14),
                (0.44, 0.02, 0.06, 0.47),
            ),
        ),
        "lstm-stl": Confusion(
            0.565,
            (
                (0.90, 0.03, 0.03, 0.05),
                (0.64, 0.12, 0.08, 0.16),
                (0.26, 0.03, 0.65, 0.07),
                (0.35, 0.03, 0.03, 0.60),
            ),
        ),
        "lstm-mtl": Confusion(
            0.628,
            (
                (0.91, 0.01, 0.04, 0.04),
                (0.64, 0.15, 0.10, 0.10),
                (0.09, 0.03, 0.84, 0.04),
                (0.29, 0.06, 0.05, 0.61),
            ),
        ),
    }
)
"""Table 4: all corpora shuffled, on the tenth held out."""


PAPER_TITLES = {CORPORA[name].card.title: name for name in PAPER_CORPORA}


@dataclass(frozen=True)
class PublishedAndMeasured:
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
class PublishedRow:
    """A line of a table of the paper.

    Args:
        name: as the run calls the corpus or test set, or what the mean is over.
        figures: kind or system -> both figures.
    """

    name: str
    figures: Mapping[str, PublishedAndMeasured]


@dataclass(frozen=True)
class PaperComparison:
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
        """Whether each of the run's corpora holds as many utterances as the paper counts."""
        return not any(figure.difference for row in self.counts for figure in row.figures.values())


def beside_the_paper(run: Run, summary: Summary) -> PaperComparison | None:
    """The paper's figures beside a run's, None where no corpus of the run is the paper's."""
    known = {c.name: PAPER_TITLES[c.title] for c in run.corpora if c.title in PAPER_TITLES}
    if not known:
        return None
    others = tuple(c.name for c in run.corpora if c.name not in known)
    lacking = tuple(name for name in PAPER_CORPORA if name not in known.values())
    within, cross, aggregated = (summary.table(p) for p in ("within", "cross", "aggregated"))
    return PaperComparison(
        corpora=known,
        others=others,
        lacking=lacking,
        counts=tuple(_counts(c, known[c.name]) for c in run.corpora if c.name in known),
        within=_within(within, known) if within else (),
        cross=_cross(cross, known) if cross else (),
        aggregated=_aggregated(aggregated) if aggregated and not (others or lacking) else (),
        unsplit=bool(cross and any(known.get(test) == "iemocap" for test in cross.tests)),
    )


def _counts(corpus: CorpusSummary, name: str) -> PublishedRow:
    held = {
        "speakers": corpus.n_speakers,
        **{emotion: corpus.emotion.get(emotion, 0) for emotion in EMOTION.classes},
        **{sex: _of_sex(corpus, sex) for sex in ("female", "male")},
        **{style: corpus.naturalness.get(style, 0) for style in NATURALNESS.classes},
    }
    both = {kind: PublishedAndMeasured(n, held[kind]) for kind, n in COUNTS[name].items()}
    return PublishedRow(corpus.name, both)


def _of_sex(corpus: CorpusSummary, sex: str) -> int:
    """Utterances of women and girls, or of men and boys, as Table 1 counts them."""
    return sum(corpus.gender.get(kind, 0) for kind in GENDER.classes if kind.split()[0] == sex)


def _within(table: ScoreTable, known: Mapping[str, str]) -> tuple[PublishedRow, ...]:
    names = {test: known[test] for test in table.tests if test in known}
    rows = [_row(table, test, WITHIN[name], WITHIN_SD[name]) for test, name in names.items()]
    return (*rows, *_mean(rows, names.values(), WITHIN, WITHIN_MEANS, "mean"))


def _cross(table: ScoreTable, known: Mapping[str, str]) -> tuple[PublishedRow, ...]:
    papers = {test: _papers_name(test, known) for test in table.tests}
    names = {test: name for test, name in papers.items() if name in CROSS}
    rows = {name: _row(table, test, CROSS[name]) for test, name in names.items()}
    means = []
    for style, of_style in (*CROSS_STYLES.items(), (None, tuple(CROSS))):
        both = [name for name in of_style if name in rows]
        title = f"mean of {style}" if style else "mean"
        wanted = {name: CROSS[name] for name in of_style}
        means += _mean([rows[n] for n in both], both, wanted, CROSS_MEANS, title)
    return (*rows.values(), *means)


def _papers_name(test: str, known: Mapping[str, str]) -> str:
    """`iemocap:natural` of a test set, whatever the run calls the corpus."""
    corpus, colon, style = test.partition(":")
    return f"{known.get(corpus, '')}{colon}{style}"


def _aggregated(table: ScoreTable) -> tuple[PublishedRow, ...]:
    (test,) = table.tests
    systems = {s: table.scores[test, s] for s in AGGREGATED if (test, s) in table.scores}
    ua = {s: PublishedAndMeasured(AGGREGATED[s].ua, score.ua) for s, score in systems.items()}
    rows = [
        PublishedRow(f"recall of {emotion}", {s: _recall(s, systems[s], c) for s in systems})
        for c, emotion in enumerate(EMOTION.classes)
    ]
    return (PublishedRow("UA", ua), *rows) if systems else ()


def _recall(system: str, score: Score, c: int) -> PublishedAndMeasured:
    """Of class c, over all seeds; none of a class that is not tested."""
    ours = float(recalls(score.counts)[c])
    return PublishedAndMeasured(AGGREGATED[system].shares[c][c], None if isnan(ours) else ours)


def _row(table: ScoreTable, test: str, papers: Row, deviations: Row | None = None) -> PublishedRow:
    scores = {system: _whole(table, test, system) for system in papers}
    return PublishedRow(
        test,
        {
            system: PublishedAndMeasured(
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
    rows: Sequence[PublishedRow],
    names: Iterable[str],
    papers: Mapping[str, Row],
    printed: Mapping[str, Row],
    title: str,
) -> list[PublishedRow]:
    """The mean over several rows; the paper's own, as printed, where the rows are all of its."""
    if len(rows) < 2:
        return []
    is_whole = sorted(names) == sorted(papers)
    figures = {}
    for system in rows[0].figures:
        both = [row.figures[system] for row in rows]
        ours = [figure.ours for figure in both if figure.ours is not None]
        theirs = printed[title][system] if is_whole else fmean(f.published for f in both)
        figures[system] = PublishedAndMeasured(
            theirs, fmean(ours) if len(ours) == len(both) else None
        )
    return [PublishedRow(title, figures)]
