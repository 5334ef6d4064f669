from __future__ import annotations

import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.streaming.recognizers import (
    BLSTM,
    DNN,
    LSTM,
    hiss,
    random_machine,
    random_recognizer,
    voice,
)
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import (
    AudioError,
    FeatureError,
    NoSpeechError,
    StreamingError,
    TrainingError,
)
from voxaffect.features.spectra import LogMel
from voxaffect.recognizer.prediction import NO_SPEECH, Prediction, named
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.streaming.frontend import StreamInput
from voxaffect.streaming.incremental import Interim
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream, TooLongError
from voxaffect.systems.row_classifier import LogisticSettings, MeanLogisticSettings
from voxaffect.systems.summaries import FUNCTIONALS, MEAN, MEAN_AND_DEVIATION
from voxaffect.taxonomy import EMOTION, TASKS

Floats = NDArray[np.float32]

RECOGNIZERS = {
    "lstm": random_recognizer(LSTM),
    "dnn": random_recognizer(DNN),
    "blstm": random_recognizer(BLSTM),
    "lstm on all tasks": random_recognizer(LSTM, subtasks=True),
    "dnn on log-mel": random_recognizer(DNN, LogMel(n_mels=12)),
    "logistic": random_machine(LogisticSettings((1e-2,)), FUNCTIONALS),
    "mean-logistic": random_machine(MeanLogisticSettings((1e-2,)), MEAN),
    "mean and deviation": random_machine(MeanLogisticSettings((1e-2,)), MEAN_AND_DEVIATION),
    "logistic on log-mel": random_machine(MeanLogisticSettings((1e-2,)), MEAN, LogMel(n_mels=12)),
}
REPEATED = {"dnn on log-mel", "logistic on log-mel"}
CAUSAL = RECOGNIZERS.keys() - REPEATED - {"blstm", "logistic"}
EXACT = LiveSettings(gain_tolerance_db=1e-6)
"""Every change of the gain recomputes the utterance: interim predictions equal those of files."""

QUIET_START = np.concatenate([np.zeros(2500, np.float32), hiss(0.2), voice(1.6)])


@pytest.fixture(params=RECOGNIZERS)
def recognizer(request: pytest.FixtureRequest) -> TrainedRecognizer:
    return RECOGNIZERS[request.param]


def same_bits(one: Prediction, other: Prediction) -> bool:
    return (
        one.probabilities == other.probabilities
        and one.subtasks == other.subtasks
        and np.array_equal(np.asarray(one.posteriors), np.asarray(other.posteriors))
        and (one.label, one.duration_s, one.warnings)
        == (other.label, other.duration_s, other.warnings)
    )


@pytest.mark.parametrize("size", [320, 7001])
def test_the_final_prediction_is_that_of_the_file_to_the_bit(
    recognizer: TrainedRecognizer, size: int
) -> None:
    stream = LiveRecognizer(recognizer).open("mine")
    for start in range(0, len(QUIET_START), size):
        stream.push(QUIET_START[start : start + size])
        if start % (5 * size) == 0:
            stream.predict()
    last = stream.finish()
    assert same_bits(last, recognizer.predict([Waveform(QUIET_START)])[0])
    assert last.name == "mine"


def assert_close(
    answer: Prediction, recognizer: TrainedRecognizer, samples: Floats, tolerance: float = 1e-4
) -> None:
    """An interim prediction is that by all frames of some speech."""
    frames = recognizer.extractor.extract([Waveform(samples).normalized()])
    output = recognizer.classifier.answer(frames)
    expected = named(EMOTION.classes, output.probabilities[0])
    by_task = {task: of[0].mean(axis=0) for task, of in (output.posteriors or {}).items()}
    by_task.pop("emotion", None)
    subtasks = {task: named(TASKS[task].classes, of) for task, of in by_task.items()}
    assert answer.probabilities == pytest.approx(expected, abs=tolerance)
    assert answer.subtasks.keys() == subtasks.keys()
    for task, values in answer.subtasks.items():
        assert values == pytest.approx(subtasks[task], abs=tolerance)


def speech_so_far(stream: LiveStream) -> Floats:
    """Samples that the stream has taken for speech by its last prediction."""
    return np.concatenate([np.zeros(0, np.float32), *stream._speech])


def holds_speech(samples: Floats) -> bool:
    try:
        return speech_of(Waveform(samples)).waveform.samples.size > 0
    except NoSpeechError:
        return False


@pytest.mark.parametrize("kind", RECOGNIZERS)
def test_interim_predictions_are_those_of_the_speech_that_they_say(kind: str) -> None:
    recognizer, spoken = RECOGNIZERS[kind], list[Floats]()
    stream = LiveRecognizer(recognizer, EXACT).open()
    step, grid = 4000, recognizer.extractor.grid
    for end in range(step, len(QUIET_START), step):
        stream.push(QUIET_START[end - step : end])
        answer = stream.predict()
        assert answer.end_s == end / 16_000
        speech = speech_so_far(stream)
        assert (answer.label is None) == (not holds_speech(QUIET_START[:end]))
        if answer.label is None:
            continue
        n = round(answer.duration_s * 16_000)
        if not spoken or spoken[-1].size < n:
            spoken.append(speech)
        assert n <= speech.size < (n + grid.hop_samples if kind in CAUSAL else 1.25 * n + 400)
        assert_close(answer, recognizer, spoken[-1])
    assert stream.latest.duration_s > 1
    assert len(spoken) == 6 if kind in CAUSAL else len(spoken) < 6


def test_what_is_computed_again_costs_no_more_than_five_times_the_last_pass() -> None:
    lengths: list[int] = []

    class Counted(LogMel):
        def extract(self, waveforms: Sequence[Waveform]) -> list[Floats]:
            lengths.extend(waveform.samples.size for waveform in waveforms)
            return super().extract(waveforms)

    recognizer = random_recognizer(DNN, Counted(n_mels=12))
    lengths.clear()
    stream, samples = LiveRecognizer(recognizer).open(), voice(20)
    for start in range(0, len(samples), 800):
        stream.push(samples[start : start + 800])
        stream.predict()
    assert len(lengths) < 30
    assert sum(lengths) < 5 * max(lengths)
    assert stream.latest.duration_s > 20 / 1.25 - 0.1


@pytest.mark.parametrize("kind", sorted(CAUSAL))
def test_where_the_gain_may_move_predictions_stay_close(kind: str) -> None:
    recognizer = RECOGNIZERS[kind]
    stream = LiveRecognizer(recognizer, LiveSettings(gain_tolerance_db=np.inf)).open()
    samples = np.concatenate([voice(0.7, level=0.03), voice(0.9, seed=1)])
    for end in range(4000, len(samples), 4000):
        stream.push(samples[end - 4000 : end])
        answer = stream.predict()
    assert_close(answer, recognizer, speech_so_far(stream), 0.05)


def test_without_provisional_frames_predictions_lag_half_a_second() -> None:
    settings = LiveSettings(provisional=False, gain_tolerance_db=1e-6)
    stream = LiveRecognizer(RECOGNIZERS["lstm"], settings).open()
    samples = voice(2)
    stream.push(samples[:12_000])
    assert stream.predict().label is None
    stream.push(samples[12_000:])
    answer = stream.predict()
    expected_s = speech_so_far(stream).size / 16_000 - 0.49
    assert answer.duration_s == pytest.approx(expected_s, abs=0.02)


def test_provisional_frames_may_be_left_out_of_some_predictions() -> None:
    live = LiveRecognizer(RECOGNIZERS["dnn"], EXACT)
    stream, samples = live.open(), voice(2)
    for n, provisional in enumerate((None, False, True)):
        stream.push(np.split(samples, [9600, 25_600])[n])
        (answer,) = live.predict([stream], provisional=provisional)
    speech = speech_so_far(stream)
    assert_close(answer, live.recognizer, speech)
    assert answer.duration_s == pytest.approx(speech.size / 16_000, abs=0.011)
    assert answer.duration_s > 1.5


@pytest.mark.parametrize("kind", RECOGNIZERS)
def test_many_streams_are_predicted_as_each_alone(kind: str) -> None:
    live = LiveRecognizer(RECOGNIZERS[kind])
    voices = [voice(0.3 + 0.4 * seed, seed) for seed in range(4)]
    together, alone = ([live.open() for _ in voices] for _ in range(2))
    for half in (0, 1):
        for samples, *both in zip(voices, together, alone, strict=True):
            for stream in both:
                stream.push(np.split(samples, 2)[half])
        answers = live.predict(together[::-1])[::-1]
        for answer, stream in zip(answers, alone, strict=True):
            single = stream.predict()
            assert answer.probabilities == pytest.approx(single.probabilities, abs=1e-5)
            assert (answer.duration_s, answer.end_s) == (single.duration_s, single.end_s)


def test_more_frames_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = []
    for most in (1 << 14, 50):
        monkeypatch.setattr("voxaffect.streaming.incremental.FRAMES_TOGETHER", most)
        live = LiveRecognizer(RECOGNIZERS["dnn"])
        streams = [live.open() for _ in range(4)]
        for seed, stream in enumerate(streams):
            stream.push(voice(0.2 + 0.2 * seed, seed))
        expected.append([answer.probabilities for answer in live.predict(streams)])
    for one, other in zip(*expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(9000), hiss(0.5, level=1e-6)], ids=len)
def test_silence_has_no_prediction(recognizer: TrainedRecognizer, samples: Floats) -> None:
    stream = LiveRecognizer(recognizer).open()
    nothing = Prediction("live", start_s=0.0, end_s=0.0, is_final=False)
    assert stream.predict() == nothing
    stream.push(samples.astype(np.float32))
    assert stream.predict() == replace(nothing, end_s=len(samples) / 16_000)
    with pytest.raises(AudioError, match=r"silent|no samples"):
        stream.finish()
    with pytest.raises(StreamingError, match="ended"):
        stream.finish()


@pytest.mark.parametrize("samples", [voice(0.02), hiss(1.0)], ids=len)
def test_what_ends_without_speech_says_so(recognizer: TrainedRecognizer, samples: Floats) -> None:
    stream = LiveRecognizer(recognizer).open("hiss")
    stream.push(samples)
    final = stream.finish()
    assert (final.name, final.label, final.probabilities) == ("hiss", NO_SPEECH, {})
    assert (final.is_final, final.interval_s) == (True, (0.0, len(samples) / 16_000))


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        (np.zeros(9), "float64"),
        (np.zeros((2, 9), np.float32), r"\(2, 9\)"),
        (np.array([0, np.nan], np.float32), "sample 1 is not a finite number"),
        ([0.0], "a list"),
    ],
    ids=["type", "shape", "NaN", "list"],
)
def test_invalid_samples_are_refused_and_the_stream_goes_on(
    samples: Floats, complaint: str
) -> None:
    recognizer, sound = RECOGNIZERS["lstm"], voice(0.6)
    stream = LiveRecognizer(recognizer).open()
    stream.push(sound[:5000])
    stream.predict()
    with pytest.raises(FeatureError, match=complaint):
        stream.push(samples)
    stream.push(sound[5000:])
    assert same_bits(stream.finish(), recognizer.predict([Waveform(sound)])[0])


def test_an_utterance_has_a_limit_and_samples_within_it_are_kept() -> None:
    recognizer, sound = RECOGNIZERS["dnn"], voice(1)
    stream = LiveRecognizer(recognizer, LiveSettings(longest_s=1.0)).open("long one")
    stream.push(sound[:10_000])
    assert stream.left_s == pytest.approx(0.375)
    with pytest.raises(TooLongError, match=r"long one: 0\.6 s and 6001 samples .* limit of 1 s"):
        stream.push(np.zeros(6001, np.float32))
    stream.push(sound[10_000:])
    assert same_bits(stream.finish(), recognizer.predict([Waveform(sound)])[0])


def test_a_stream_that_has_ended_takes_nothing_and_keeps_its_last_prediction() -> None:
    live = LiveRecognizer(RECOGNIZERS["lstm"])
    finished, dropped = live.open(), live.open()
    for stream in (finished, dropped):
        stream.push(voice(0.5))
    before = live.predict([finished, dropped])
    finished.finish()
    dropped.drop()
    dropped.drop()
    for stream, answer in zip((finished, dropped), before, strict=True):
        with pytest.raises(StreamingError, match="has ended; open another"):
            stream.push(voice(0.1))
        assert stream.has_ended
        assert stream.predict() == answer
    assert live.pending() == []


def test_samples_may_be_overwritten_after_a_push() -> None:
    recognizer, sound = RECOGNIZERS["lstm"], voice(0.5)
    stream, buffer = LiveRecognizer(recognizer).open(), np.empty(1000, np.float32)
    for start in range(0, 8000, 1000):
        buffer[:] = sound[start : start + 1000]
        stream.push(buffer)
    assert same_bits(stream.finish(), recognizer.predict([Waveform(sound)])[0])


def test_pending_streams() -> None:
    live = LiveRecognizer(RECOGNIZERS["dnn"])
    one, two = live.open(), live.open()
    one.push(voice(0.3))
    two.push(voice(0.1))
    assert set(live.pending()) == {one, two}
    assert live.pending(0.2) == [one]
    one.predict()
    assert live.pending() == [two]
    del two
    gc.collect()
    assert live.pending() == []


def test_a_pass_that_fails_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveRecognizer(RECOGNIZERS["lstm"], EXACT)
    stream, sound = live.open(), voice(1)
    stream.push(sound[:8000])
    stream.predict()
    stream.push(sound[8000:])
    with monkeypatch.context() as broken:

        def fail(*args: object, **words: object) -> None:
            raise MemoryError

        broken.setattr(live.decoder._net, "process", fail)  # type: ignore[attr-defined]
        with pytest.raises(MemoryError):
            stream.predict()
    assert live.pending() == [stream]
    answer = stream.predict()
    assert_close(answer, live.recognizer, speech_so_far(stream))


def test_any_thread_may_push_predict_open_and_finish() -> None:
    """Clients push and finish while two other threads predict pending streams."""
    recognizer = RECOGNIZERS["lstm"]
    live, done = LiveRecognizer(recognizer), Event()
    sounds = [voice(0.5 + 0.05 * n, n) for n in range(12)]

    def client(sound: Floats) -> Prediction:
        stream = live.open()
        for start in range(0, len(sound), 800):
            stream.push(sound[start : start + 800])
            if start % 3200 == 0:
                stream.predict()
        return stream.finish()

    def predict_pending() -> None:
        while not done.is_set():
            live.predict(live.pending())

    with ThreadPoolExecutor(8) as pool:
        predictors = [pool.submit(predict_pending) for _ in range(2)]
        finished = list(pool.map(client, sounds))
        done.set()
        for predictor in predictors:
            predictor.result()
    for sound, prediction in zip(sounds, finished, strict=True):
        assert same_bits(prediction, recognizer.predict([Waveform(sound)])[0])


def test_a_push_does_not_wait_for_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveRecognizer(RECOGNIZERS["lstm"])
    stream, began, go_on = live.open(), Event(), Event()
    decoder = live.decoder

    class Slow:
        def advance(self, inputs: list[StreamInput], *, provisional: bool) -> Interim:
            began.set()
            assert go_on.wait(60)
            return decoder.advance(inputs, provisional=provisional)

    monkeypatch.setattr(live, "decoder", Slow())
    stream.push(voice(0.4))
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(stream.predict)
        assert began.wait(60)
        stream.push(voice(0.2))
        assert stream.pending_s == pytest.approx(0.2)
        go_on.set()
        assert answering.result().end_s == pytest.approx(0.4)
    assert stream.predict().end_s == pytest.approx(0.6)


def test_a_stream_of_another_recognizer_is_refused() -> None:
    one, other = (LiveRecognizer(RECOGNIZERS["lstm"]) for _ in range(2))
    with pytest.raises(StreamingError, match="another recognizer"):
        one.predict([other.open()])


def test_an_untrained_recognizer_is_refused() -> None:
    with pytest.raises(TrainingError, match="is not trained"):
        LiveRecognizer(TrainedRecognizer())


@pytest.mark.parametrize(
    "wrong", [{"longest_s": 0}, {"longest_s": np.inf}, {"gain_tolerance_db": -1.0}], ids=str
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(StreamingError, match=f"{name} = "):
        LiveSettings(**wrong)  # type: ignore[arg-type]


def test_causal_trunks_decode_a_frame_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a constant gain, the net decodes new frames only."""
    live = LiveRecognizer(RECOGNIZERS["lstm"], LiveSettings(provisional=False))
    n_frames, process = [], live.decoder._net.process  # type: ignore[attr-defined]

    def counted(frames: Floats, *rest: object, **words: object) -> object:
        n_frames.append(len(frames))
        return process(frames, *rest, **words)

    monkeypatch.setattr(live.decoder._net, "process", counted)  # type: ignore[attr-defined]
    stream, samples = live.open(), voice(3)
    for start in range(0, len(samples), 4000):
        stream.push(samples[start : start + 4000])
        stream.predict()
    assert sum(n_frames) == round((stream.latest.duration_s - 0.015) * 100)


@pytest.mark.parametrize("kind", RECOGNIZERS)
def test_several_are_finished_together_with_errors_in_their_places(kind: str) -> None:
    recognizer = RECOGNIZERS[kind]
    live, sounds = LiveRecognizer(recognizer), [voice(0.5 + 0.2 * n, n) for n in range(3)]
    sounds[1:1] = [np.zeros(0, np.float32), np.zeros(9000, np.float32), hiss(0.2)]
    streams = [live.open(f"number {n}") for n in range(len(sounds))]
    for stream, sound in zip(streams, sounds, strict=True):
        stream.push(sound)
    outcomes = live.finish(streams)
    for outcome, stream, sound in zip(outcomes, streams, sounds, strict=True):
        assert stream.has_ended
        if outcome.error is not None:
            assert stream.name in str(outcome.error)
        else:
            (expected,) = recognizer.predict([Waveform(sound)])
            assert (outcome.name, outcome.label) == (stream.name, expected.label)
            assert outcome.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert [o.error is not None for o in outcomes] == [False, True, True, False, False, False]
    assert [o.label == NO_SPEECH for o in outcomes] == [False] * 3 + [True] + [False] * 2
    assert live.finish([]) == []
    with pytest.raises(StreamingError, match="ended"):
        live.finish(streams)
