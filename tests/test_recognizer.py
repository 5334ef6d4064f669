from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.classifier import NetSettings
from voxaffect.errors import ArtefactError, AudioError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld import LowLevelDescriptors
from voxaffect.model.batches import Examples
from voxaffect.model.training import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer import Recognizer

TRUNKS: list[TrunkSettings] = [
    LstmSettings(hidden=8),
    LstmSettings(hidden=8, bidirectional=True),
    DnnSettings(hidden=8, context=3),
]


def tone(seed: int, seconds: float = 0.6) -> Waveform:
    """A noisy tone whose pitch depends on the seed's class."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = np.sin(2 * np.pi * (120 + 60 * (seed % 4)) * time)
    noisy = 0.3 * wave + 0.02 * rng.normal(size=time.size)
    return Waveform(noisy.astype(np.float32), f"tone {seed}")


def trained(trunk: TrunkSettings = TRUNKS[0]) -> Recognizer:
    extractor = LowLevelDescriptors()
    settings = NetSettings(
        trunk,
        {"emotion": 1.0, "gender": 0.1},
        TrainingSettings(batch_size=8, max_epochs=3, patience=3),
    )
    waveforms = [tone(i).normalised() for i in range(24)]
    targets = {
        "emotion": np.arange(24, dtype=np.int64) % 4,
        "gender": np.arange(24, dtype=np.int64) % 2,
    }
    examples = Examples(extractor.extract(waveforms), targets)
    return Recognizer(settings, extractor, {"note": "tones"}).fit(
        examples.select(np.arange(16)), examples.select(np.arange(16, 24)), seed=0
    )


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return trained()


@pytest.fixture
def saved(recognizer: Recognizer, tmp_path: Path) -> Path:
    recognizer.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_saved_recogniser_answers_the_same(trunk: TrunkSettings, tmp_path: Path) -> None:
    recognizer = trained(trunk)
    recognizer.save(tmp_path)
    loaded = Recognizer.load(tmp_path)
    assert loaded.settings == recognizer.settings
    assert loaded.card == json.loads(json.dumps(recognizer.card))
    for before, after in zip(
        recognizer.predict([tone(30), tone(31)]), loaded.predict([tone(30), tone(31)]), strict=True
    ):
        assert before.probabilities == after.probabilities
        np.testing.assert_array_equal(before.timeline, after.timeline)


def test_a_prediction_says_everything_once(recognizer: Recognizer) -> None:
    prediction = recognizer.predict([tone(30)])[0]
    assert prediction.label == max(
        prediction.probabilities, key=prediction.probabilities.__getitem__
    )
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert list(prediction.subtasks) == ["gender"]
    n_frames = FrameGrid().n_frames(tone(30).samples.size)
    assert prediction.timeline.shape == (n_frames, 4)
    np.testing.assert_allclose(prediction.timeline.sum(axis=1), 1.0, rtol=1e-5)
    assert prediction.times_s[0] == pytest.approx(0.0125)
    np.testing.assert_allclose(np.diff(prediction.times_s), 0.01)


def test_a_file_its_bytes_and_its_samples_get_one_answer(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(30).samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    answers = [
        recognizer.predict([path])[0],
        recognizer.predict([path.read_bytes()])[0],
        recognizer.predict_array(tone(30).samples),
    ]
    assert answers[0].probabilities == answers[1].probabilities == answers[2].probabilities


def test_gain_changes_nothing(recognizer: Recognizer) -> None:
    quiet = Waveform(tone(30).samples * np.float32(0.01), "quiet")
    one, other = recognizer.predict([tone(30), quiet])
    for name, value in one.probabilities.items():
        assert other.probabilities[name] == pytest.approx(value, abs=1e-3)


def test_nothing_in_nothing_out(recognizer: Recognizer) -> None:
    assert recognizer.predict([]) == []


def test_short_and_clipped_recordings_are_answered_with_a_warning(recognizer: Recognizer) -> None:
    short, clipped = recognizer.predict(
        [tone(30, 0.2), Waveform(np.clip(9 * tone(30).samples, -1, 1), "loud")]
    )
    assert "short" in short.warnings[0]
    assert "clipped" in clipped.warnings[0]


@pytest.mark.parametrize(
    ("samples", "message"),
    [(np.zeros(16_000), "silent"), (tone(0, 0.01).samples, "25 ms")],
    ids=["silence", "10 ms"],
)
def test_what_cannot_be_analysed_is_named(
    recognizer: Recognizer, samples: np.ndarray, message: str
) -> None:
    with pytest.raises(AudioError, match=message) as fault:
        recognizer.predict_array(samples.astype(np.float32), "clip 7")
    assert "clip 7" in str(fault.value)


@pytest.mark.parametrize("name", ["recognizer.json", "weights.safetensors"])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_refused(saved: Path, name: str, where: float) -> None:
    content = bytearray((saved / name).read_bytes())
    place = int(where * len(content))
    content[place] = ord("7") if content[place] != ord("7") else ord("8")
    (saved / name).write_bytes(content)
    with pytest.raises(ArtefactError, match=name):
        Recognizer.load(saved)


@pytest.mark.parametrize("name", ["recognizer.json", "weights.safetensors"])
def test_a_missing_or_cut_file_is_refused(saved: Path, name: str) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtefactError):
        Recognizer.load(saved)
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match=str(saved)):
        Recognizer.load(saved)


def test_other_frame_features_are_refused(saved: Path) -> None:
    other = LowLevelDescriptors(grid=FrameGrid(hop_s=0.02))
    with pytest.raises(ArtefactError, match="other frame features"):
        Recognizer.load(saved, other)


def test_a_newer_format_is_refused(saved: Path) -> None:
    path = saved / "recognizer.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ArtefactError, match="format 99"):
        Recognizer.load(saved)
