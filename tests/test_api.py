"""The front door: whatever way a recording comes in, one answer; whatever is none, one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

import voxaffect
from tests.speech import takes
from voxaffect.audio.decode import AudioStream, read
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import (
    ArtifactError,
    AudioError,
    ConfigError,
    InputError,
    NoSpeechError,
    StreamingError,
)
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.sounds import made_sounds

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer() -> voxaffect.Recognizer:
    return voxaffect.load()


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return takes(1)[0].samples


@pytest.fixture(scope="module")
def clip(samples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "clip.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


def test_importing_loads_no_other_library() -> None:
    program = (
        "import sys; before = set(sys.modules); import voxaffect; assert voxaffect.__version__; "
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "assert loaded - sys.stdlib_module_names == {'voxaffect'}, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_public_name_is_there() -> None:
    assert all(getattr(voxaffect, name) is not None for name in voxaffect.__all__)
    assert set(voxaffect.__all__) <= set(dir(voxaffect))
    with pytest.raises(AttributeError, match="no attribute 'recognise'"):
        voxaffect.recognise  # noqa: B018
    from voxaffect.recognizer import Recognizer

    assert Recognizer is voxaffect.Recognizer


def test_a_recording_is_answered_alike_however_it_comes(
    recognizer: voxaffect.Recognizer, clip: Path, samples: np.ndarray
) -> None:
    content = clip.read_bytes()
    expected = recognizer.predict(str(clip))
    ways: list[Any] = [
        clip,
        content,
        bytearray(content),
        memoryview(content),
        io.BytesIO(content),
        (samples, RATE),
        (samples.astype(np.float64), float(RATE)),
        (samples[:, None], RATE),
        (samples[None, :], RATE),
        (np.stack([samples, samples]), RATE),
        (np.stack([samples, samples], axis=1), RATE),
        ([*map(float, samples)], RATE),
        Waveform(samples),
        Utterance("x", "c", clip, "", "c/1"),
    ]
    with clip.open("rb") as file:
        assert recognizer.predict(file).probabilities == expected.probabilities
    for way in ways:
        assert recognizer.predict(way).probabilities == pytest.approx(
            expected.probabilities, abs=1e-9
        )
    several: list[Any] = [clip, content, (samples, RATE)]
    many = recognizer.predict(iter(several))
    assert [p.label for p in many] == [expected.label] * 3
    assert many[0].probabilities == pytest.approx(expected.probabilities, abs=1e-6)


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "int8", "uint16"])
def test_integers_have_the_full_scale_of_their_type(
    recognizer: voxaffect.Recognizer, samples: np.ndarray, dtype: str
) -> None:
    n_bits = 8 * np.dtype(dtype).itemsize
    offset = 2 ** (n_bits - 1) if dtype.startswith("u") else 0
    integers = np.round(samples * (2 ** (n_bits - 1) - 1)) + offset
    floats = (integers - offset) / 2 ** (n_bits - 1)
    given, expected = (recognizer.predict((v, RATE)) for v in (integers.astype(dtype), floats))
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


def test_samples_of_another_rate_are_resampled_as_a_file_of_it(
    recognizer: voxaffect.Recognizer, samples: np.ndarray, tmp_path: Path
) -> None:
    other = soxr.resample(samples, RATE, 44_100).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", other, 44_100, subtype="FLOAT")
    given, expected = (recognizer.predict(w) for w in ((other, 44_100), tmp_path / "a.wav"))
    assert given.probabilities == expected.probabilities


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", r"recordings: got an empty path \(''\); pass the path"),
        ("  ", "empty path"),
        ("https://example.org/a.wav", r"got a URL \(https://example.org/a.wav\); download it"),
        (None, "got None as a recording; pass a path"),
        (3.5, r"got 3\.5 as a recording"),
        (7, "got 7 as a recording"),
        (True, "got True as a recording"),
        ([], "recordings: got an empty list; pass a path"),
        ((), "got an empty tuple"),
        ({"a": 1}, "an object of type dict"),
        (
            np.zeros(100),
            r"an array of shape \(100,\) without its sample rate; pass",
        ),
        (np.zeros((2, 100)), r"an array of shape \(2, 100\) without its sample rate"),
        (np.zeros((100, 2)), r"an array of shape \(100, 2\) without its sample rate"),
        ((np.zeros(100), 0), "got a sample rate of 0 Hz; pass the true rate"),
        ((np.zeros(100), -8000), "a sample rate of -8000 Hz"),
        ((np.zeros(100), float("nan")), "a sample rate of nan Hz"),
        ((np.zeros(100), 8000.5), r"a sample rate of 8000\.5 Hz"),
        ((np.zeros(0), RATE), r"samples of shape \(0,\)"),
        ((np.zeros((2, 2, 2)), RATE), r"samples of shape \(2, 2, 2\)"),
        ((np.zeros(100, np.int64), RATE), "samples of type int64, whose full scale is unknown"),
        ((np.zeros(100, complex), RATE), "samples of type complex128"),
        ((np.zeros(100, bool), RATE), "samples of type bool"),
        (("a.wav", 3), "a sample rate of 3 Hz"),
        (("a.wav", RATE), "samples of type <U5"),
        (io.StringIO("x"), "returns str; open the file in binary mode"),
        (pd.DataFrame({"path": ["a.wav"]}), "an object of type DataFrame"),
        (["a.wav", None], r"recordings\[1\]: got None"),
        ([np.zeros(100)], r"recordings\[0\]: got an array of shape \(100,\)"),
    ],
)
def test_what_is_no_recording_is_named_in_one_sentence(
    recognizer: voxaffect.Recognizer, wrong: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as fault:
        recognizer.predict(wrong)
    assert "\n" not in str(fault.value)
    if not isinstance(wrong, list):
        assert recognizer.predict([wrong], on_error="skip")[0].error is not None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("gone.wav", "gone.wav: .*no such file"),
        (Path(), "folder"),
        (b"", "empty"),
        (b"not audio", "recording: "),
        ((np.full(RATE, np.nan), RATE), "sample 0 is not a finite number"),
        ((np.full(RATE, np.inf, np.float64), RATE), "sample 0 is not a finite number"),
        ((np.zeros(RATE), RATE), "silent"),
        ((np.zeros((17, RATE)), RATE), "17 channels are more than the limit of 16"),
    ],
)
def test_what_cannot_be_analyzed_is_raised_or_skipped(
    recognizer: voxaffect.Recognizer, clip: Path, wrong: Any, message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        recognizer.predict(wrong)
    with pytest.raises(AudioError, match=message):
        recognizer.predict([clip, wrong])
    first, faulty, last = recognizer.predict([clip, wrong, clip], on_error="skip")
    assert first.label == last.label is not None
    assert (faulty.label, faulty.probabilities) == (None, {})
    assert faulty.error is not None
    with pytest.raises(InputError, match="on_error = 'ignore' is unknown; use 'raise' or 'skip'"):
        recognizer.predict(clip, on_error="ignore")  # type: ignore[call-overload]


def test_a_prediction_is_one_readable_line(recognizer: voxaffect.Recognizer, clip: Path) -> None:
    prediction = recognizer.predict(clip, force=True)
    ranked = sorted(prediction.probabilities, key=lambda c: -prediction.probabilities[c])
    assert str(prediction).startswith(f"{clip}: {ranked[0]} ({ranked[0]} 0.")
    assert "\n" not in str(prediction)
    assert repr(prediction) == (
        f"Prediction({str(clip)!r}, label={ranked[0]!r}, "
        f"probability={max(prediction.probabilities.values()):.2f})"
    )
    html = prediction._repr_html_()
    assert html.count("<tr>") == 4
    assert "<script" not in voxaffect.Prediction("<script>", "sad", {"sad": 1.0})._repr_html_()
    plain = prediction.to_dict(frames=True)
    assert plain["emotion"] == prediction.label
    assert len(plain["posteriors"]) == len(plain["times_s"])
    assert prediction == recognizer.predict(str(clip)).forced()


def test_the_command_line_of_the_readme_prints_a_line(clip: Path) -> None:
    program = f"import voxaffect; print(voxaffect.load().predict({clip.name!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=clip.parent
    )
    assert ran.stdout.startswith("clip.wav: ")
    assert ran.stdout.count("\n") == 1


def test_tables_vectors_and_probabilities(recognizer: voxaffect.Recognizer, clip: Path) -> None:
    predictions = recognizer.predict([clip, "gone.wav"], on_error="skip")
    frame = voxaffect.to_frame(predictions)
    assert list(frame["emotion"])[:1] == [predictions[0].label]
    assert "gone.wav" in frame["error"][1]
    assert len(voxaffect.to_frame(predictions[0])) == 1
    one, two = recognizer.embed(clip), recognizer.embed([clip, clip])
    assert one.ndim == 1
    assert two.shape == (2, one.size)
    np.testing.assert_allclose(two[0], one, atol=1e-5)  # float32 sums in another order
    proba = recognizer.predict_proba([clip, clip])
    assert proba.shape == (2, 4)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    assert recognizer.classes_[proba[0].argmax()] == predictions[0].forced().label


def test_a_timeline_is_a_list_of_segments(
    recognizer: voxaffect.Recognizer, samples: np.ndarray, tmp_path: Path
) -> None:
    pause = 1e-4 * np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    meeting = np.concatenate([pause, samples, pause, samples, pause])
    soundfile.write(tmp_path / "meeting.wav", meeting, RATE, subtype="FLOAT")
    found = recognizer.timeline(tmp_path / "meeting.wav")
    assert len(found) >= 2
    for segment in found:
        assert isinstance(segment, voxaffect.Prediction)
        assert segment.label in {*recognizer.classes_, "unsure"}
        start_s, end_s = segment.interval_s
        assert 0 < start_s < end_s < len(meeting) / RATE
    assert [s.probabilities for s in recognizer.timeline((meeting, RATE))] == [
        pytest.approx(s.probabilities, abs=1e-6) for s in found
    ]
    with pytest.raises(AudioError, match="no speech found"):
        recognizer.timeline((np.zeros(RATE), RATE))
    with pytest.raises(InputError, match="timeline takes one recording"):
        recognizer.timeline(["a.wav"])  # type: ignore[arg-type]


HISS, MUSIC = (made_sounds()[name] for name in ("muted microphone", "plucked melody"))


def test_no_emotion_is_named_where_there_is_none(recognizer: voxaffect.Recognizer) -> None:
    hiss, music = recognizer.predict([HISS, MUSIC])
    assert (hiss.label, hiss.probabilities, hiss.error) == ("no speech", {}, None)
    assert hiss.reason == "too little of it is speech"
    assert music.label == "unsure"
    assert (music.reason or "").startswith("music-like")
    silent, forced = recognizer.predict([HISS, MUSIC], force=True)
    assert silent == hiss
    assert forced.label == max(forced.probabilities, key=lambda name: forced.probabilities[name])
    assert recognizer.predict(MUSIC, force=True) == recognizer.predict(MUSIC).forced()
    rows = recognizer.predict_proba([HISS, MUSIC])
    assert np.isnan(rows[0]).all()
    assert rows[1].sum() == pytest.approx(1)
    frame = voxaffect.to_frame([hiss, music])
    assert [*frame["emotion"]] == ["no speech", "unsure"]
    assert [*frame["reason"]] == [hiss.reason, music.reason]
    assert frame["happy"].isna().tolist() == [True, False]
    with pytest.raises(NoSpeechError, match="no speech"):
        recognizer.embed([MUSIC, HISS])


def test_a_timeline_without_speech_is_an_error_of_its_own(
    recognizer: voxaffect.Recognizer,
) -> None:
    with pytest.raises(NoSpeechError, match="no speech found; check that somebody speaks"):
        recognizer.timeline(HISS)
    labels = {segment.label for segment in recognizer.timeline(MUSIC)}
    assert labels == {"unsure"}
    assert {s.label for s in recognizer.timeline(MUSIC, force=True)} <= {*recognizer.classes_}


def test_a_long_recording_has_one_answer_of_all_its_speech(
    recognizer: voxaffect.Recognizer, samples: np.ndarray
) -> None:
    pause = np.zeros(2 * RATE, np.float32)
    several = np.concatenate([part for take in takes(12) for part in (take.samples, pause)])
    assert several.size > 30 * RATE
    found, parts = recognizer.predict((several, RATE)), recognizer.timeline((several, RATE))
    sure = [part for part in parts if part.label in recognizer.classes_]
    is_unsure = sum(p.duration_s for p in sure) < sum(p.duration_s for p in parts) / 2
    assert (found.label == "unsure") == is_unsure
    usable = parts if is_unsure else sure
    seconds = np.array([part.duration_s for part in usable])
    for name in recognizer.classes_:
        expected = seconds @ [part.probabilities[name] for part in usable] / seconds.sum()
        assert found.probabilities[name] == pytest.approx(expected, abs=1e-4)
    assert found.duration_s == pytest.approx(several.size / RATE)
    assert (
        recognizer.embed((several, RATE)).shape
        == recognizer.embed((several[: RATE * 5], RATE)).shape
    )


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_stream_ends_with_the_answer_of_its_samples(
    recognizer: voxaffect.Recognizer, samples: np.ndarray, rate: int
) -> None:
    sound = samples if rate == RATE else soxr.resample(samples, RATE, rate).astype(np.float32)
    with recognizer.stream(rate, segment=False) as stream:
        assert stream.current is None
        for first in range(0, len(sound), 4_000):
            stream.push(sound[first : first + 4_000])
        current = stream.current
        stream.push([])
    assert current is not None
    assert current.is_final is False
    assert current.start_s == 0
    (final,) = stream.predictions
    assert final.is_final is True
    expected = recognizer.predict((sound, rate))
    assert final.probabilities == pytest.approx(expected.probabilities, abs=1e-3)
    with pytest.raises(InputError, match="type int64"):
        recognizer.stream().push(np.zeros(10, np.int64))


def test_what_is_loaded_by_name_folder_or_file(
    recognizer: voxaffect.Recognizer, clip: Path, tmp_path: Path
) -> None:
    folder = recognizer.save(tmp_path / "model").save(str(tmp_path / "again"))
    expected = folder.predict(clip)
    for model in ("packaged", tmp_path / "model", str(tmp_path / "again")):
        assert voxaffect.load(model).predict(clip).probabilities == expected.probabilities
    assert voxaffect.Recognizer.load(tmp_path / "model").card == recognizer.card
    recognizer.export(tmp_path / "model.onnx")
    light = voxaffect.load(tmp_path / "model.onnx")
    assert light.predict(clip).probabilities == pytest.approx(expected.probabilities, abs=1e-4)
    np.testing.assert_allclose(light.embed(clip), recognizer.embed(clip), atol=1e-3)
    with pytest.raises(StreamingError, match="load the folder it came from"):
        light.stream()
    with pytest.raises(ConfigError, match="load the folder it came from"):
        light.save(tmp_path / "other")
    with pytest.raises(ArtifactError, match="nowhere"):
        voxaffect.load(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="no device 'cuda:99'"):
        voxaffect.load(device="cuda:99")


@pytest.mark.parametrize(
    ("form", "system"),
    [
        ("csv", "dnn-stl"),
        ("frame", "dnn-stl"),
        ("csv", "mean-logistic+dnn-mean"),
        ("csv", "egemaps-logistic"),
    ],
)
def test_a_recognizer_is_trained_from_a_table(form: str, system: str, tmp_path: Path) -> None:
    rows = []
    for n, take in enumerate(takes(12)):
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, take.samples, RATE)
        emotion = ("happy", "sad", "angry", "neutral")[n % 4]
        rows.append({"path": path.name, "emotion": emotion, "speaker": f"s{n % 3}"})
    table: Any = tmp_path / "calls.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    if form == "frame":
        table = pd.DataFrame(rows).assign(path=[str(tmp_path / row["path"]) for row in rows])
    settings = {
        "training": {"max_epochs": 1, "batches_per_epoch": 2},
        "features": {"store": str(tmp_path / "cache")},
    }
    trained = voxaffect.train(table, system=system, seed=0, settings=settings)
    assert isinstance(trained.model, TrainedRecognizer)
    assert trained.card["system"] == system
    (corpus,) = trained.card["corpora"]
    assert 12 * 0.3 < corpus["audio_s"] < 12 * 3
    assert trained.embed(tmp_path / "0.wav").ndim == 1
    assert trained.save(tmp_path / "calls").predict(tmp_path / "0.wav").label in trained.classes_
    assert voxaffect.load(tmp_path / "calls").card["seed"] == 0


def test_recordings_that_are_missing_are_warned_of(tmp_path: Path) -> None:
    rows = [{"path": "gone.wav", "emotion": "sad"}]
    for n, take in enumerate(takes(8)):
        soundfile.write(tmp_path / f"{n}.wav", take.samples, RATE)
        rows.append({"path": f"{n}.wav", "emotion": ("happy", "sad")[n % 2]})
    pd.DataFrame(rows).to_csv(tmp_path / "calls.csv", index=False)
    settings = {
        "training": {"max_epochs": 1, "batches_per_epoch": 1},
        "features": {"store": str(tmp_path / "cache")},
    }
    with pytest.warns(UserWarning, match=r"1 recordings cannot be used, such as .*gone\.wav"):
        voxaffect.train(tmp_path / "calls.csv", system="dnn-stl", settings=settings)


def test_what_cannot_be_trained_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="object of type int; pass a CSV or Parquet table"):
        voxaffect.train(7)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'dnn-slt'"):
        voxaffect.train("calls.csv", system="dnn-slt")
    with pytest.raises(ConfigError, match=r"need different features; join systems that share"):
        voxaffect.train("calls.csv", system="svm+egemaps-svm")
    with pytest.raises(voxaffect.VoxaffectError, match=r"calls\.csv"):
        voxaffect.train(tmp_path / "calls.csv")


USER = """
from pathlib import Path

import numpy as np

import voxaffect

recognizer = voxaffect.load()
prediction = recognizer.predict("clip.wav")
label: str | None = prediction.label
shares: dict[str, float] = prediction.probabilities
several: list[voxaffect.Prediction] = recognizer.predict(["a.wav", Path("b.wav"), b""])
samples: voxaffect.Prediction = recognizer.predict((np.zeros(100), 16_000))
starts = [segment.start_s for segment in recognizer.timeline("meeting.mp4")]
with recognizer.stream() as stream:
    stream.push(np.zeros(100))
    current: voxaffect.Prediction | None = stream.current
frame = voxaffect.to_frame(several)
voxaffect.train("calls.csv", system="dnn-mtl", seed=0).save("models/calls")
names = voxaffect.LowLevelDescriptors().names
cards = [loader.card.name for loader in voxaffect.CORPORA.values()]
"""


def test_a_users_script_passes_mypy_strict(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    source = Path(voxaffect.__file__).resolve().parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "user.py"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"MYPYPATH": str(source), "PATH": ""},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_segments_of_samples_keep_their_name(recognizer: voxaffect.Recognizer) -> None:
    waveform = read(AudioStream("mine", RATE, None, iter([takes(1)[0].samples])))
    assert {segment.name for segment in recognizer.timeline(waveform)} == {"mine"}
