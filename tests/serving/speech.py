"""Simulated clips whose emotions differ clearly, and a small recognizer trained on them."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.simulation.voices import MAN, WOMAN, sentence
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import LstmSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.expressions import ACTED, ANGRY, HAPPY, NEUTRAL, SAD
from voxaffect.simulation.sounds import made_sounds
from voxaffect.simulation.voice import synthesize
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION, GENDER

Floats = NDArray[np.float32]

HISS, MUSIC = (made_sounds()[name] for name in ("muted microphone", "plucked melody"))
"""Without speech, and with what is no speech."""

EXPRESSIONS = (NEUTRAL, HAPPY, SAD, ANGRY)  # in the order of the classes


@cache
def clip(seed: int, emotion: int | None = None) -> Waveform:
    """A sentence; the seed determines its emotion and the gender of its speaker."""
    kind = seed % 4 if emotion is None else emotion
    speaker = (MAN, WOMAN)[seed // 4 % 2]
    rng = np.random.default_rng(seed)
    spoken = synthesize(sentence(seed), speaker, EXPRESSIONS[kind], ACTED, rng)
    return Waveform(spoken.samples, f"clip {seed}")


def wav(samples: Floats, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Samples as a WAV file that holds them bit for bit."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="FLOAT")
    return file.getvalue()


def trained() -> TrainedRecognizer:
    """A recognizer of clips 0 to 39."""
    training = TrainingSettings(batch_size=8, max_epochs=12, patience=12)
    settings = NetSettings(LstmSettings(hidden=16), {"emotion": 1.0, "gender": 0.1}, training)
    recognizer = TrainedRecognizer(
        NetClassifier(settings), card={"note": "simulated", "corpora": ["simulated"]}
    )
    train, dev = (labeled(recognizer, part) for part in (range(32), range(32, 40)))
    return recognizer.fit(train, dev, seed=0)


def labeled(recognizer: TrainedRecognizer, seeds: range) -> Examples:
    """Clips with their emotions and genders."""
    labels = {
        "emotion": [EMOTION.classes[seed % 4] for seed in seeds],
        "gender": [GENDER.classes[1 - seed // 4 % 2] for seed in seeds],
    }
    return recognizer.examples([clip(seed) for seed in seeds], labels)
