from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import Samples, noise, silence, speech, tone, waveforms
from tests.export.stages import SAMPLES, Runner
from voxaffect.audio.decode import decode
from voxaffect.audio.rumble import without_rumble as rumble_in_python
from voxaffect.audio.speech import Speech, sound_of, speech_of
from voxaffect.audio.speech import digital_silence as silence_in_python
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, NoSpeechError
from voxaffect.export.graph import Op, Value
from voxaffect.export.speech import digital_silence, spoken, without_rumble

SHORTEST = 400

found = Runner(lambda op, x: tuple(spoken(op, x, SHORTEST)), SAMPLES)
silent = Runner(digital_silence, SAMPLES)


def in_python(samples: Samples) -> tuple[AudioError | None, Speech | None]:
    try:
        return None, speech_of(Waveform(samples))
    except AudioError as fault:
        return fault, None


def assert_equal(samples: Samples) -> None:
    """Spans and usability as in Python, and samples to rounding."""
    given, spans, seconds, sound, usable = found(samples)
    refusal, expected = in_python(samples)
    _, expected_sound = sound_of(samples)
    rounding = 1e-6 * max(1e-3, np.abs(samples).max())
    np.testing.assert_allclose(sound, expected_sound, rtol=0, atol=rounding)
    if expected is None:
        assert not usable
        assert not given.any()
        assert seconds == 0 if isinstance(refusal, NoSpeechError) else np.isnan(seconds)
        return
    np.testing.assert_array_equal(spans, expected.spans)
    n_samples = expected.waveform.samples.size
    assert seconds == pytest.approx(n_samples / SAMPLE_RATE_HZ, rel=1e-6)
    assert usable == (n_samples >= SHORTEST)
    if usable:
        np.testing.assert_allclose(given, expected.waveform.samples, rtol=0, atol=1e-6)


@pytest.mark.parametrize("waveform", waveforms(), ids=lambda waveform: waveform.name)
def test_speech_agrees_with_python(waveform: Waveform) -> None:
    assert_equal(waveform.samples)


def test_an_offset_hum_and_other_levels_agree() -> None:
    said = speech(2, 6)
    for other in (said + 0.02, said + 0.05 * tone(50.0, len(said)), 3e-4 * said, 100 * said):
        assert_equal(other.astype(np.float32))


def test_real_speech_agrees(real_corpora: Path) -> None:
    files = sorted(path for path in real_corpora.rglob("*") if path.suffix in {".flac", ".wav"})
    for path in files[:: len(files) // 40]:
        assert_equal(decode(path).samples)


PIECES = st.one_of(
    st.builds(silence, st.integers(1, 4_000)),
    st.builds(lambda level, n: np.full(n, level), st.floats(-0.1, 0.1), st.integers(1, 900)),
    st.builds(
        lambda seed, n, level: level * noise(seed, n),
        st.integers(0, 99),
        st.integers(1, 9_000),
        st.sampled_from([1e-5, 1e-3, 1.0]),
    ),
    st.builds(tone, st.floats(40, 700), st.integers(1, 4_000)),
    st.builds(
        lambda seed, start, n: speech(seed, 3)[start : start + n],
        st.integers(0, 7),
        st.integers(0, 9_000),
        st.integers(1, 20_000),
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, max_size=6), st.floats(1e-4, 2), st.sampled_from([0.0, 0.01, -0.2]))
def test_speech_of_concatenated_sounds_agrees(
    pieces: list[Samples], level: float, offset: float
) -> None:
    joined = np.concatenate([speech(1), *pieces])
    assert_equal((level * joined + offset).astype(np.float32))


@pytest.mark.parametrize(
    "samples",
    [
        noise(0, 1),
        noise(0, 399),
        np.zeros(1),
        np.zeros(20_000),
        np.full(20_000, 0.1),
        noise(0, 20_000) * 9e-5,
        noise(0, 20_000),
    ],
    ids=["a sample", "short", "a zero", "zeros", "constant", "all but silent", "noise"],
)
def test_what_holds_no_speech_agrees(samples: Samples) -> None:
    assert_equal(samples.astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.1e6])
def test_what_is_no_sample_is_not_usable(value: float) -> None:
    """Python refuses these before it looks for speech, and a recording without samples."""
    samples = speech(0)
    samples[7] = value
    for refused in (samples, samples[:0]):
        given, spans, seconds, _, usable = found(refused)
        assert np.isnan(seconds)
        assert not usable
        assert not given.any()
        assert given.size >= SHORTEST
        assert spans.shape[1] == 2


VALUES = [0.0, -0.0, 1e-4, -1e-4, 3e-3, 0.1, -0.1]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(VALUES), st.sampled_from([1, 2, 3, 39, 40, 41, 159, 160, 161])),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_digital_silence_agrees_with_python(
    runs: list[tuple[float, int]], alternating: list[bool]
) -> None:
    """Runs of one value, of which some alternate so that they are no dropouts."""
    pieces = [
        np.full(n, value) * np.where(np.arange(n) % 2 & is_alternating, -1, 1)
        for (value, n), is_alternating in zip(runs, alternating, strict=False)
    ]
    samples = np.concatenate([*pieces, [0.0, 0.0]]).astype(np.float32)
    np.testing.assert_array_equal(silent(samples)[0], silence_in_python(samples))


def filtered(op: Op, samples: Value) -> Value:
    return without_rumble(op, samples)[0]


def test_rumble_is_removed_as_in_python() -> None:
    run = Runner(filtered, SAMPLES)
    for samples in (speech(0) + 0.1, noise(1, 1), noise(1, 160), noise(1, 161), tone(50.0, 5_000)):
        sound = samples.astype(np.float32)
        (given,) = run(sound)
        expected = rumble_in_python(sound)
        assert given.size == -(-sound.size // 160) * 160
        np.testing.assert_allclose(given[: sound.size], expected, rtol=0, atol=3e-7)
        assert not given[sound.size :].any()
    assert not run(np.zeros(0, np.float32))[0].any()
