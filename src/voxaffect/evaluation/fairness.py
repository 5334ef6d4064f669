"""Fairness: unweighted accuracy (UA) of groups of speakers and recordings, gaps, the worst speaker.

Every number is of the predictions of all folds of a protocol, mean over seeds. Inequality over
speakers is the Gini coefficient (C. Gini, Variabilità e mutabilità, 1912); few utterances a speaker
spread by chance alone, and how much is estimated, too.

Letters: N utterances, B resamples, S speakers, G groups, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from voxaffect.evaluation.intervals import SEED, Estimate, Resamples, SpeakerCounts
from voxaffect.evaluation.metrics import Counts, Floats, mean_known, ratio
from voxaffect.evaluation.splits.folds import UNKNOWN as UNKNOWN_SPEAKER
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

UNKNOWN = "unknown"
"""Name of the group of utterances for which nothing is stated; shown, never compared."""

MIN_UTTERANCES = 10
MIN_CLASSES = 2
"""Groups of fewer utterances or classes are shown but not compared."""

N_SIMULATIONS = 200

KINDS = ("gender", "corpus", "language", "style", "length", "SNR")
"""Attributes by which utterances are grouped."""

SPEAKER = "speaker"
KEYS = ["protocol", "system", "kind"]


@dataclass(frozen=True, eq=False)
class GroupScores:
    """Fairness of a run.

    Args:
        groups: a row a group (index: protocol, system, kind, group; the kind may be `speaker`) with
            n_utterances, n_speakers, n_classes, ua, low, high (interval, NaN without), the recall
            of each class, and compared: whether it is known and large enough to be compared.
        gaps: a row a kind (index: protocol, system, kind) of which two groups are compared, with
            best and worst (names), and value, low, high of the gap in UA. Both groups are chosen by
            the predictions that the gap is measured on, so it is somewhat too large.
        spreads: a row a system (index: protocol, system) with n_speakers and n_compared; where two
            or more are compared, value, low, high of the Gini coefficient of their UA, and
            expected_worst and expected_gini: means of what would be measured if all these speakers
            were recognized equally well.
    """

    groups: pd.DataFrame
    gaps: pd.DataFrame
    spreads: pd.DataFrame


def group_scores(results: pd.DataFrame) -> GroupScores | None:
    """Fairness by a table of results, None where it is empty."""
    if results.empty:
        return None
    results = with_groups(results)
    groups, gaps, spreads = [], [], []
    for protocol, some in results.groupby("protocol", observed=True):
        resamples = Resamples.of(some["speaker"])
        for system, own in some.groupby("system", observed=True):
            key = {"protocol": str(protocol), "system": str(system)}
            for kind in KINDS:
                if len(own[kind].unique()) > 1:
                    counted = SpeakerCounts.of(own, kind, resamples)
                    recalls = counted.recalls()
                    ua = mean_known(recalls)
                    table = _groups(own, kind, counted, recalls[0], ua)
                    groups.append(table.assign(**key, kind=kind))
                    gaps += [{**key, "kind": kind, **gap} for gap in _gap(table, counted, ua)]
            everybody = SpeakerCounts.of(own.assign(kind=SPEAKER), "kind", resamples)
            counts = everybody.counts[:, 0]
            speakers = _speakers(counts, resamples.speakers)
            groups.append(speakers.assign(**key, kind=SPEAKER))
            spreads.append({**key, **_spread(speakers, counts, resamples)})
    return GroupScores(
        pd.concat(groups).set_index([*KEYS], append=True).reorder_levels([*KEYS, "group"]),
        pd.DataFrame(gaps, columns=[*KEYS, *GAP]).set_index(KEYS),
        pd.DataFrame(spreads).set_index(KEYS[:2]),
    )


GAP = ("best", "worst", "value", "low", "high")
SPREAD = ("value", "low", "high", "expected_worst", "expected_gini")


def with_groups(results: pd.DataFrame) -> pd.DataFrame:
    """Results with a column of ordered categories for each of KINDS."""
    whole = results.drop_duplicates("utterance")
    return results.assign(
        gender=_named(results["gender"], GENDER.classes),
        corpus=_named(results["corpus"]),
        language=_named(results["language"]),
        style=_named(results["style"], NATURALNESS.classes),
        length=_thirds(results["duration_s"], whole["duration_s"], lambda s: f"{s:.2f} s"),
        SNR=_thirds(results["snr_db"], whole["snr_db"], lambda db: f"{db:.1f} dB"),
    )


def _named(values: pd.Series[Any], order: tuple[str, ...] = ()) -> pd.Categorical[Any]:
    """Groups by name: those of `order` first, the unknown last."""
    names = sorted(values.dropna().astype(str).unique())
    known = [*(n for n in order if n in names), *(n for n in names if n not in order)]
    return pd.Categorical(values.astype(object).fillna(UNKNOWN), [*known, UNKNOWN], ordered=True)


def _thirds(
    values: pd.Series[Any], whole: pd.Series[Any], text: Callable[[float], str]
) -> pd.Categorical[Any]:
    """Three groups of nearly equal size, named by their borders: values, which belong below."""
    known = whole.dropna()
    if known.empty:
        return pd.Categorical([UNKNOWN] * len(values), [UNKNOWN], ordered=True)
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    below, above = text(float(low)), text(float(high))
    names = [f"up to {below}", f"{below} to {above}", f"over {above}", UNKNOWN]
    codes = np.where(values.isna(), 3, np.searchsorted([low, high], values))
    return pd.Categorical(np.array(names, object)[codes], names, ordered=True)


def _groups(
    results: pd.DataFrame, kind: str, counted: SpeakerCounts, recalls: Floats, ua: Floats
) -> pd.DataFrame:
    """Scores of the groups of one system: recalls (G, C), and UA in each resample (B + 1, G)."""
    speakers = [counted.speakers([g]) for g in range(len(counted.groups))]
    estimates = [counted.resamples.estimate(ua[:, g], own) for g, own in enumerate(speakers)]
    n = np.asarray(results.groupby(kind, observed=True)["utterance"].nunique(), np.int64)
    table = _table(counted.groups, n, recalls, estimates)
    return table.assign(compared=table["compared"] & (table.index != UNKNOWN))


def _table(
    names: pd.Index, n_utterances: Counts, recalls: Floats, estimates: Sequence[Estimate]
) -> pd.DataFrame:
    """Scores of groups (G,) by name; recalls (G, C)."""
    n_classes = (~np.isnan(recalls)).sum(axis=1)
    return pd.DataFrame(
        {
            "n_utterances": n_utterances,
            "n_speakers": [e.n_speakers for e in estimates],
            "n_classes": n_classes,
            "ua": [e.value for e in estimates],
            "low": [e.low for e in estimates],
            "high": [e.high for e in estimates],
            **{f"recall_{c}": recalls[:, i] for i, c in enumerate(EMOTION.classes)},
            "compared": (n_utterances >= MIN_UTTERANCES) & (n_classes >= MIN_CLASSES),
        },
        index=pd.Index(names.astype(object), name="group"),
    )


def _gap(table: pd.DataFrame, counted: SpeakerCounts, ua: Floats) -> list[dict[str, object]]:
    """Gap from the best to the worst of two or more groups; the worst is the first of equals."""
    compared = table[table["compared"]]["ua"]
    if len(compared) < 2:
        return []
    worst = compared.idxmin()
    best = compared.drop(worst).idxmax()
    b, w = counted.groups.get_indexer(pd.Index([best, worst])).tolist()
    fewer = min(counted.speakers([b]), counted.speakers([w]), key=len)
    gap = counted.resamples.estimate(ua[:, b] - ua[:, w], fewer)
    return [dict(zip(GAP, (best, worst, gap.value, gap.low, gap.high), strict=True))]


def _speakers(counts: Floats, names: Sequence[str]) -> pd.DataFrame:
    """Scores of every speaker of known name, the highest UA first; counts (S, 2, C)."""
    known = np.array([not name.endswith(UNKNOWN_SPEAKER) for name in names])
    known &= counts[:, 1].any(axis=1)
    recalls = ratio(counts[known, 0], counts[known, 1])
    n_utterances = np.rint(counts[known, 1].sum(axis=1)).astype(np.int64)
    estimates = [Estimate(ua, n_speakers=1) for ua in mean_known(recalls).tolist()]
    table = _table(pd.Index(names)[known], n_utterances, recalls, estimates)
    return table.sort_values("ua", ascending=False, kind="stable")


def _spread(speakers: pd.DataFrame, counts: Floats, resamples: Resamples) -> dict[str, object]:
    """Inequality over the speakers of one system; counts (S, 2, C)."""
    compared = speakers[speakers["compared"]]
    found: dict[str, object] = {"n_speakers": len(speakers), "n_compared": len(compared)}
    if len(compared) < 2:
        return {**found, **dict.fromkeys(SPREAD, np.nan)}
    own = pd.Index(resamples.speakers).get_indexer(compared.index)
    values = gini(compared["ua"].to_numpy(), resamples.weights[:, own])
    estimate = resamples.estimate(values, [*compared.index])
    by_chance = _expected_by_chance(counts[np.sort(own)])
    numbers = (estimate.value, estimate.low, estimate.high, *by_chance)
    return {**found, **dict(zip(SPREAD, numbers, strict=True))}


def _expected_by_chance(counts: Floats) -> tuple[float, float]:
    """Mean worst UA and Gini coefficient if all speakers were recognized equally well.

    Every prediction is then correct with the recall of its class over all speakers, by `counts` (n,
    2, C). Predictions of several seeds count as those of one, which overestimates chance a little.
    """
    n = np.rint(counts[:, 1]).astype(np.int64)
    correct, total = counts.sum(axis=0)
    recalls = np.nan_to_num(ratio(correct, total))  # (C,), an absent class has nothing to draw
    hits = np.random.default_rng(SEED).binomial(n, recalls, (N_SIMULATIONS, *n.shape))
    equal = mean_known(ratio(hits, np.broadcast_to(n, hits.shape)))
    return float(equal.min(axis=1).mean()), float(gini(equal).mean())


def gini(values: ArrayLike, weights: ArrayLike = 1.0) -> Floats:
    """Gini coefficient (...): mean difference between two values, over twice their mean.

    0 where all are equal (also where all are 0), (n - 1) / n where one of n has everything.
    Weights are how often each value is there. Source: P. M. Dixon et al., Bootstrapping the Gini
    coefficient of inequality, Ecology 68, 1987.

    Args:
        values: (..., n), n >= 1, none below 0.
        weights: (..., n), none below 0; broadcast.
    """
    x, w = np.broadcast_arrays(np.asarray(values, np.float64), np.asarray(weights, np.float64))
    order = np.argsort(x, axis=-1)
    x, w = (np.take_along_axis(some, order, axis=-1) for some in (x, w))
    below = np.cumsum(w, axis=-1)
    total = below[..., -1:]
    pairs = (w * x * (2 * below - w - total)).sum(axis=-1)
    return np.nan_to_num(ratio(pairs, total[..., 0] * (w * x).sum(axis=-1)))
