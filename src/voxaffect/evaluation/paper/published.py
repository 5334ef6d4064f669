"""The figures of the paper, as printed in its Tables 1 to 4.

Source: J. Kim, G. Englebienne, K. P. Truong, V. Evers: Towards Speech Emotion Recognition "in the
wild" using Aggregated Corpora and Deep Multi-Task Learning. Interspeech 2017.

Corpora and systems bear the names they have here. The paper's IN and IA, the improvised and the
scripted turns of IEMOCAP, are `iemocap:natural` and `iemocap:acted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

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
