"""Utterances equal segments of the file, and an hour takes the memory of minutes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.streaming.recordings import FakeRecognizer, opened, with_pauses
from voxaffect.audio.decode import AudioStream, decode, open_recording
from voxaffect.audio.rumble import without_rumble
from voxaffect.audio.vad import track_of
from voxaffect.errors import AudioError, NoSpeechError
from voxaffect.recognizer.prediction import Prediction, no_speech
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.simulation.plans import write_film
from voxaffect.streaming.batch import predict_each
from voxaffect.streaming.segments import activity_track, cut_segments, timeline
from voxaffect.streaming.spans import Span


def refuse(fault: AudioError) -> None:
    raise AssertionError(fault)


def written(path: Path, rate_hz: int) -> Path:
    samples, _ = with_pauses(4, pause_s=1.0)
    at_rate = soxr.resample(samples, 16_000, rate_hz)
    if path.suffix == ".avi":
        write_film(path, np.round(at_rate * 32_767).astype(np.int16)[:, None], rate_hz)
    else:
        soundfile.write(path, np.stack([at_rate, at_rate], axis=1), rate_hz)
    return path


@pytest.mark.parametrize(
    ("name", "rate_hz"), [("a.wav", 16_000), ("a.flac", 44_100), ("a.avi", 22_050)]
)
def test_an_utterance_has_the_samples_of_the_segment_of_its_times(
    tmp_path: Path, name: str, rate_hz: int
) -> None:
    path = written(tmp_path / name, rate_hz)
    recognizer = FakeRecognizer()
    found = timeline(
        partial(predict_each, recognizer), partial(open_recording, path), on_fault=refuse
    )
    assert len(found.utterances) == len(recognizer.seen) == 4
    for spoken, seen in zip(found.utterances, recognizer.seen, strict=True):
        segment = decode(path, start_s=spoken.interval_s[0], end_s=spoken.end_s)
        np.testing.assert_array_equal(seen.samples, segment.normalized().samples)


def test_block_size_does_not_change_the_activity_track(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = with_pauses(2, pause_s=0.5)
    expected = track_of(without_rumble(samples.astype(np.float32)))
    monkeypatch.setattr("voxaffect.features.frames.MIN_PUSH_SAMPLES", 5_000)
    with opened(samples) as recording:
        track = activity_track(recording)
    assert track.duration_s == expected.duration_s
    np.testing.assert_allclose(track.voicing, expected.voicing, atol=1e-4)
    np.testing.assert_allclose(track.level_db, expected.level_db, atol=1e-2)


def test_spans_that_touch_or_share_a_block_are_cut_exactly() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 200_000).astype(np.float32)
    spans = [Span(0.0, 1.0), Span(1.0, 4.5), Span(4.6, 4.7), Span(9.0, 12.5)]
    with opened(samples) as recording:
        for span, cut in zip(spans, cut_segments(recording, spans), strict=True):
            first, end = round(span.start_s * 16_000), round(span.end_s * 16_000)
            np.testing.assert_array_equal(cut.samples, samples[first:end])


def test_an_error_in_one_utterance_does_not_stop_the_others() -> None:
    class RefusesFirst(FakeRecognizer):
        def predict(self, recordings):  # type: ignore[no-untyped-def]
            if any(recording.name.startswith("made#0.") for recording in recordings):
                raise AudioError("made#0: is silent")
            return super().predict(recordings)

    samples, truth = with_pauses(3, pause_s=0.9)
    faults: list[AudioError] = []
    found = timeline(
        partial(predict_each, RefusesFirst()), partial(opened, samples), on_fault=faults.append
    )
    assert [str(fault) for fault in faults] == ["made#0: is silent"]
    assert len(found.utterances) == len(truth) - 1


def test_a_recording_without_speech_is_refused() -> None:
    with pytest.raises(NoSpeechError, match="made: no speech found; check that somebody speaks"):
        timeline(
            partial(predict_each, FakeRecognizer()),
            partial(opened, np.zeros(80_000)),
            on_fault=refuse,
        )


def test_what_turns_out_to_be_no_speech_is_left_out() -> None:
    class HearsNone(FakeRecognizer):
        def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
            several = [waveform_of(recording, self.limits) for recording in recordings]
            return [no_speech(one.name, one.duration_s) for one in several]

    class HearsNoneAtFirst(HearsNone):
        def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
            found = zip(
                super().predict(recordings), FakeRecognizer().predict(recordings), strict=True
            )
            return [silent if "#0." in silent.name else other for silent, other in found]

    samples, truth = with_pauses(3, pause_s=0.9)
    hears, once = partial(predict_each, HearsNoneAtFirst()), partial(opened, samples)
    assert len(timeline(hears, once, on_fault=refuse).utterances) == len(truth) - 1
    with pytest.raises(NoSpeechError):
        timeline(partial(predict_each, HearsNone()), once, on_fault=refuse)


def test_memory_does_not_grow_with_the_recording() -> None:
    samples, truth = with_pauses(4, pause_s=1.0)
    n_times = 60  # a quarter of an hour; 60 MB of samples

    @contextmanager
    def tiled():  # type: ignore[no-untyped-def]
        blocks = (samples.astype(np.float32) for _ in range(n_times))
        yield AudioStream("tiled", 16_000, None, blocks)

    class Forgetful(FakeRecognizer):
        def predict(self, recordings):  # type: ignore[no-untyped-def]
            answers = super().predict(recordings)
            self.seen.clear()
            return answers

    once = partial(opened, samples)
    timeline(
        partial(predict_each, Forgetful()), once, on_fault=refuse
    )  # tables and compiled loops are made
    tracemalloc.start()
    try:
        found = timeline(partial(predict_each, Forgetful()), tiled, on_fault=refuse)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.utterances) == n_times * len(truth)
    assert found.track.duration_s > 720
    assert peak < 30e6
