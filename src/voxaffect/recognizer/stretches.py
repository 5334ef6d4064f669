"""One prediction for a long recording, from those of its stretches of speech.

Letters: S stretches, T frames, C classes, D high-level features.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.quality import QualityWarning
from voxaffect.recognizer.prediction import (
    NO_SPEECH,
    REJECTING,
    Prediction,
    label_of,
    named,
    no_speech,
)

SEVERAL_EMOTIONS, PARTLY_UNSURE = "several-emotions", "partly-unsure"  # codes of warnings

TOLD_SHARE = 0.2
"""Of the speech: an emotion, or doubts, in less of a long recording are not mentioned."""

Weights = NDArray[np.float64]


def combined(name: str, duration_s: float, stretches: Sequence[Prediction]) -> Prediction:
    """The prediction for a recording: each class has its share of the time of speech.

    Probabilities are the mean of the stretches', weighted by their durations; so are subtasks and
    embedding. A warning is the recording's where it holds for more than half of its speech.
    Stretches that are `unsure` have no part in the mean, unless they are more than half of the
    speech: then the recording is `unsure`. Two labels with at least `TOLD_SHARE` of the speech each
    raise the warning `several-emotions`. Posteriors of all stretches follow each other.

    Args:
        name: of the recording.
        duration_s: its length.
        stretches: predictions of its S stretches in order, each with `start_s`, none with `error`.
    """
    spoken = [one for one in stretches if one.label != NO_SPEECH and one.probabilities]
    if not spoken:
        return no_speech(name, duration_s)
    rejected = [_is_rejected(one) for one in spoken]
    weights = _weights(spoken)
    share_rejected = float(weights[rejected].sum())
    is_unsure = share_rejected > 0.5
    shared = shared_warnings(spoken, is_unsure=is_unsure)
    used = [one for one, out in zip(spoken, rejected, strict=True) if is_unsure or not out]
    if not is_unsure:
        shared += (*several_emotions(used), *_partly_unsure(spoken, share_rejected))
    of_used, tasks = _weights(used), used[0].subtasks
    probabilities = _mean([one.probabilities for one in used], of_used)
    return Prediction(
        name,
        label_of([*probabilities], np.array([*probabilities.values()]), shared),
        probabilities,
        {task: _mean([one.subtasks[task] for one in used], of_used) for task in tasks},
        duration_s,
        shared,
        _median([one.novelty for one in spoken], weights),
        posteriors=_joined(spoken, lambda one: one.posteriors),
        times_s=_joined(spoken, _times_s),
        embedding=_mean_embedding(used),
    )


def shared_warnings(
    stretches: Sequence[Prediction], *, is_unsure: bool
) -> tuple[QualityWarning, ...]:
    """Warnings that hold for more than half of the time of stretches, in the longest one's words.

    Where they are `unsure` for different reasons together, the most frequent one is kept.
    """
    weights, told = _weights(stretches), dict[str, QualityWarning]()
    shares: dict[str, float] = defaultdict(float)
    for at in np.argsort(-weights, kind="stable"):
        for warning in stretches[at].warnings:
            told.setdefault(warning.code, warning)
            shares[warning.code] += float(weights[at])
    kept = {code for code, share in shares.items() if share > 0.5}
    rejecting = [code for code in shares if code in REJECTING]
    if is_unsure and not kept.intersection(REJECTING):
        kept.add(max(rejecting, key=lambda code: shares[code]))
    return tuple(warning for code, warning in told.items() if code in kept)


def several_emotions(stretches: Sequence[Prediction]) -> tuple[QualityWarning, ...]:
    """A warning where at least two labels have `TOLD_SHARE` of the time of stretches each."""
    shares: dict[str, float] = defaultdict(float)
    for one, weight in zip(stretches, _weights(stretches), strict=True):
        shares[str(one.label)] += float(weight)
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    told = [f"{share:.0%} {label}" for label, share in ranked if share >= TOLD_SHARE]
    text = f"several emotions ({', '.join(told)} of the speech); --timeline shows them"
    return (QualityWarning(SEVERAL_EMOTIONS, text),) if len(told) > 1 else ()


def _partly_unsure(stretches: Sequence[Prediction], share: float) -> Iterable[QualityWarning]:
    """A warning where so large a share of stretches was rejected and left out."""
    if share >= TOLD_SHARE:
        longest = max(filter(_is_rejected, stretches), key=lambda one: one.duration_s)
        text = f"unsure in {share:.0%} of the speech: {longest.reason}"
        yield QualityWarning(PARTLY_UNSURE, text)


def _is_rejected(prediction: Prediction) -> bool:
    return any(warning.code in REJECTING for warning in prediction.warnings)


def _weights(stretches: Sequence[Prediction]) -> Weights:
    """Share of each stretch in the time of all, (S,)."""
    seconds = np.array([one.duration_s for one in stretches])
    shares: Weights = seconds / seconds.sum()
    return shares


def _mean(values: Sequence[Mapping[str, float]], weights: Weights) -> dict[str, float]:
    """Mean of named values, weighted."""
    names = [*values[0]]
    table = np.array([[one[name] for name in names] for one in values])
    return named(names, weights @ table)


def _mean_embedding(stretches: Sequence[Prediction]) -> NDArray[np.float32] | None:
    found = [one.embedding for one in stretches if one.embedding is not None]
    if len(found) < len(stretches):
        return None
    mean: NDArray[np.float64] = _weights(stretches) @ np.stack(found)
    return mean.astype(np.float32)


def _median(values: Sequence[float | None], weights: Weights) -> float | None:
    """The value that half of the time does not exceed, so that a limit is exceeded as told."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    order = np.argsort(known)
    at = int(np.searchsorted(np.cumsum(weights[order]), 0.5 - 1e-9))
    return float(known[int(order[at])])


def _times_s(stretch: Prediction) -> NDArray[np.float64] | None:
    """Middles (T,) of a stretch's frames in the recording, in seconds."""
    return None if stretch.times_s is None else stretch.times_s + stretch.interval_s[0]


def _joined(
    stretches: Sequence[Prediction], values: Callable[[Prediction], NDArray[Any] | None]
) -> NDArray[Any] | None:
    """Arrays of all stretches end to end; None where one has none."""
    found = [array for one in stretches if (array := values(one)) is not None]
    return np.concatenate(found) if len(found) == len(stretches) else None
