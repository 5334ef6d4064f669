"""Answers that tests of several formats tell."""

from __future__ import annotations

import numpy as np

from voxaffect.audio.quality import QualityWarning
from voxaffect.recognizer.prediction import Prediction
from voxaffect.taxonomy import EMOTION

SHARES = dict(zip(EMOTION.classes, (0.1, 0.2, 0.15, 0.55), strict=True))


def made(
    file: str = "a.wav",
    label: str = "angry",
    start_s: float | None = None,
    end_s: float | None = None,
    row: dict[str, str] | None = None,
) -> Prediction:
    return Prediction(
        file,
        label,
        SHARES,
        {"gender": {"female": 0.7, "male": 0.1, "female child": 0.1, "male child": 0.1}},
        duration_s=3.5,
        warnings=(
            QualityWarning("clipped", "clipped (3% of samples at full scale)"),
            QualityWarning("noisy", "noisy"),
        ),
        novelty=1.25,
        start_s=start_s,
        end_s=end_s,
        posteriors=np.full((2, 4), 0.25, np.float32),
        times_s=np.array([0.0125, 0.0225]),
        row=row or {},
    )
