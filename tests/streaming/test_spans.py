"""Utterances between pauses are found at several levels of noise; other sounds are none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.speech import notes
from tests.streaming.recordings import opened, tone, with_pauses
from voxaffect.audio.decode import open_recording
from voxaffect.audio.vad import HOP, ActivityTrack, speech_mask
from voxaffect.audio.vad import track_of as analyzed
from voxaffect.errors import ConfigError
from voxaffect.streaming.segments import activity_track
from voxaffect.streaming.spans import IN_FILES, Span, UtteranceSettings, find_speech

Samples = NDArray[np.floating]


def found_in(samples: Samples) -> list[Span]:
    with opened(samples) as recording:
        return find_speech(activity_track(recording))


def speech_mask_of(samples: Samples) -> NDArray[np.bool_]:
    mask = speech_mask(analyzed(samples.astype(np.float32)))
    return np.repeat(mask, HOP)[: samples.size]


def noise(n: int, color: str) -> Samples:
    """White noise, or pink, of unit power."""
    spectrum = np.fft.rfft(np.random.default_rng(3).normal(size=n))
    if color == "pink":
        spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / 16_000), 50))
    sound: Samples = np.fft.irfft(spectrum, n)
    return sound / np.float64(sound.std())


@pytest.mark.parametrize("color", ["white", "pink"])
@pytest.mark.parametrize(("snr_db", "within_s"), [(60, 0.15), (20, 0.2), (10, 0.4)])
def test_planted_utterances_are_found(snr_db: int, within_s: float, color: str) -> None:
    samples, truth = with_pauses(6, pause_s=1.0)
    speech = np.concatenate([samples[round(a * 16_000) : round(b * 16_000)] for a, b in truth])
    level = np.sqrt(np.mean(speech**2)) * 10 ** (-snr_db / 20)
    found = found_in(samples + level * noise(samples.size, color))
    assert len(found) == len(truth)
    np.testing.assert_allclose(found, truth, atol=within_s)


@pytest.mark.parametrize(("pause_s", "n_found"), [(0.1, 1), (0.3, 1), (0.6, 2), (2.0, 2)])
def test_a_pause_longer_than_the_hangover_ends_an_utterance(pause_s: float, n_found: int) -> None:
    samples, _ = with_pauses(1, pause_s=1.0)
    voice = samples[speech_mask_of(samples)]
    pause = np.zeros(round(pause_s * 16_000))
    assert len(found_in(np.concatenate([pause, voice, pause, voice]))) == n_found


@pytest.mark.parametrize(
    "samples",
    [np.zeros(80_000), 0.1 * noise(80_000, "white"), 0.1 * noise(80_000, "pink"), tone(5.0)],
    ids=["silence", "white noise", "pink noise", "a hum that never ends"],
)
def test_noise_is_not_speech(samples: Samples) -> None:
    assert found_in(samples) == []


def test_music_is_taken_for_speech() -> None:
    """Voicing alone does not distinguish them; the warning `music` does."""
    pause = np.zeros(16_000, np.float32)
    melody = notes((262.0, 330.0, 392.0, 523.0), 0.5)
    (found,) = found_in(np.concatenate([pause, melody, pause]))
    np.testing.assert_allclose(found, (1, 3), atol=0.25)


def test_a_click_is_too_short_and_unvoiced() -> None:
    samples = 1e-4 * noise(48_000, "white")
    samples[20_000:20_400] += 0.5
    assert found_in(samples) == []


def track_of(level_db: Samples, voicing: Samples) -> ActivityTrack:
    duration_s = level_db.size * HOP / 16_000
    return ActivityTrack(level_db.astype(np.float32), voicing.astype(np.float32), duration_s)


def test_long_segments_are_cut_at_the_weakest_frame() -> None:
    level = np.tile(np.repeat([-20.0, -45.0], [20, 5]), 96)  # syllables and closures
    level[:50], level[-50:] = -80, -80
    level[1_090:1_110] = -60  # a pause that is shorter than the hangover
    cut = find_speech(track_of(level, np.ones(2_400)))
    assert len(cut) == 2
    assert cut[0].end_s == cut[1].start_s == pytest.approx(11.0, abs=0.1)


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=30))
def test_utterances_are_ordered_apart_and_of_allowed_length(
    runs: list[tuple[int, bool]],
) -> None:
    loud = np.concatenate([np.full(n, is_loud) for n, is_loud in runs])
    track = track_of(np.where(loud, -20.0, -90.0), loud.astype(float))
    found = find_speech(track)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= edge <= track.duration_s for edge in edges)
    for start_s, end_s in found:
        assert IN_FILES.shortest_s <= end_s - start_s <= IN_FILES.longest_s + 0.03


def test_no_frames_no_speech() -> None:
    assert find_speech(track_of(np.zeros(0), np.zeros(0))) == []


@pytest.mark.parametrize(("name", "value"), [("hangover_s", 0.0), ("longest_s", np.inf)])
def test_settings_out_of_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} = {value}"):
        UtteranceSettings(**{name: value})


def test_clips_of_one_sentence_are_speech_almost_throughout(real_corpora: Path) -> None:
    for path in sorted((real_corpora / "emodb").rglob("*.flac"))[::40]:
        with partial(open_recording, path)() as recording:
            track = activity_track(recording)
        found = find_speech(track)
        assert sum(span.end_s - span.start_s for span in found) > 0.8 * track.duration_s
