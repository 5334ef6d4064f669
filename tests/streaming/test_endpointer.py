from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.streaming.recognizers import hiss, voice
from voxaffect.errors import ConfigError, FeatureError
from voxaffect.streaming.endpointer import DetectedUtterance, Endpointer, EndpointSettings

Floats = NDArray[np.float32]
RATE = 16_000


def cut(
    samples: Floats, size: int, endpointer: Endpointer | None = None
) -> list[DetectedUtterance]:
    """Utterances, each in one piece."""
    endpointer = endpointer or Endpointer()
    found = []
    for start in range(0, len(samples), size):
        found += endpointer.push(samples[start : start + size])
    return joined([*found, *endpointer.finish()])


def joined(found: list[DetectedUtterance]) -> list[DetectedUtterance]:
    utterances: list[DetectedUtterance] = []
    for part in found:
        if not utterances or utterances[-1].ended:
            utterances.append(part)
        else:
            before = utterances[-1]
            samples = np.concatenate([before.samples, part.samples])
            utterances[-1] = DetectedUtterance(samples, before.start_s, part.ended)
    return utterances


def speech_and_pauses(*parts: float, level: float = 0.1, noise: float = 1e-3) -> Floats:
    """Alternating pauses and speech, of given seconds, in white noise."""
    pieces = [
        voice(seconds, n, level) if n % 2 else np.zeros(round(seconds * RATE), np.float32)
        for n, seconds in enumerate(parts)
    ]
    samples = np.concatenate(pieces)
    return samples + hiss(len(samples) / RATE, level=noise)


def spans(found: list[DetectedUtterance]) -> list[tuple[float, float]]:
    return [(p.start_s, p.start_s + len(p.samples) / RATE) for p in found]


def test_utterances_begin_and_end_where_somebody_speaks() -> None:
    found = spans(cut(speech_and_pauses(1.0, 1.5, 1.0, 0.8, 2.0), 1600))
    edge = EndpointSettings().edge_s
    expected = [(1.0 - edge, 2.5 + edge), (3.5 - edge, 4.3 + edge)]
    assert np.abs(np.array(found) - expected).max() < 0.06


@pytest.mark.parametrize(("level", "noise"), [(0.5, 1e-5), (0.1, 0.005), (0.01, 1e-4)])
def test_level_and_noise_matter_little(level: float, noise: float) -> None:
    found = spans(cut(speech_and_pauses(1.2, 1.5, 1.0, level=level, noise=noise), 4000))
    assert len(found) == 1
    assert found[0] == pytest.approx((1.05, 2.85), abs=0.15)


def test_a_stream_may_begin_with_speech_and_end_in_it() -> None:
    (found,) = cut(speech_and_pauses(0.0, 1.73), 800)
    assert found.ended
    assert found.start_s == pytest.approx(0, abs=0.1)
    assert found.start_s + len(found.samples) / RATE == pytest.approx(1.73, abs=0.01)


def test_a_short_pause_ends_nothing() -> None:
    assert len(cut(speech_and_pauses(1.0, 0.8, 0.3, 0.8, 1.0), 1600)) == 1


def test_the_end_is_reported_as_soon_as_the_pause_is_over() -> None:
    endpointer, samples = (
        Endpointer(EndpointSettings(hangover_s=0.4)),
        speech_and_pauses(1.0, 1.0, 1.5),
    )
    for end in range(160, len(samples), 160):
        if any(part.ended for part in endpointer.push(samples[end - 160 : end])):
            break
    assert end / RATE == pytest.approx(2.4 + 0.1, abs=0.13)


SOUND = speech_and_pauses(0.7, 0.9, 0.8, 0.4, 0.9, 0.6)


@settings(deadline=None, max_examples=6)
@given(st.integers(150, 30_000))
def test_utterances_do_not_depend_on_the_size_of_pushes(size: int) -> None:
    found, expected = (cut(SOUND, n) for n in (size, 1600))
    assert spans(found) == spans(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def test_an_utterance_is_a_stretch_of_the_stream() -> None:
    for part in cut(SOUND, 1600):
        start = round(part.start_s * RATE)
        np.testing.assert_array_equal(part.samples, SOUND[start : start + len(part.samples)])


@pytest.mark.parametrize(
    "noise",
    [
        np.zeros(5 * RATE, np.float32),
        hiss(5, level=0.1),
        np.concatenate([hiss(2, level=1e-3), hiss(1, level=0.1), hiss(2, level=1e-3)]),
        np.concatenate([hiss(2), voice(0.1), hiss(2)]),
    ],
    ids=["silence", "hiss", "a rustle", "a click"],
)
def test_noise_is_not_an_utterance(noise: Floats) -> None:
    endpointer = Endpointer()
    assert cut(noise, 1600, endpointer) == []
    assert endpointer._held.end - endpointer._held.first < 3 * RATE


def test_speech_without_a_pause_is_cut_where_it_is_too_long() -> None:
    settings = EndpointSettings(longest_s=2.0)
    found = cut(speech_and_pauses(1.0, 5.0, 1.0), 1600, Endpointer(settings))
    assert all(len(p.samples) / RATE < 2.4 for p in found)
    times = spans(found)
    assert len(times) == 3
    for (_, end), (start, _) in pairwise(times):
        assert start == pytest.approx(end, abs=0.1)


def test_memory_does_not_grow() -> None:
    endpointer = Endpointer()
    for n in range(12):
        endpointer.push(speech_and_pauses(0.5, 1.0))
        assert endpointer._held.end - endpointer._held.first < 3 * RATE
        assert endpointer._vad._samples.size < RATE, n


@pytest.mark.parametrize(
    "wrong", [{"hangover_s": 0.0}, {"hangover_s": 5.0}, {"voiced_s": np.nan}, {"longest_s": 0.3}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name} = "):
        EndpointSettings(**wrong)


def test_float64_samples_are_refused() -> None:
    with pytest.raises(FeatureError, match="float64"):
        Endpointer().push(np.zeros(100))  # type: ignore[arg-type]
