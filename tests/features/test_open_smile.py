from __future__ import annotations

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import soundfile

from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.open_smile import WINDOW_S, OpenSmile, SetName
from voxaffect.features.store.store import FeatureStore

SIZES: dict[SetName, int] = {"eGeMAPSv02": 25, "GeMAPSv01b": 18, "ComParE_2016": 65, "emobase": 26}


def speech_like(n_samples: int, seed: int = 0) -> Waveform:
    """Pulses at 125 Hz in noise."""
    x = np.random.default_rng(seed).normal(0, 0.01, n_samples)
    x[::128] += 0.5
    return Waveform(x.astype(np.float32), f"clip {seed}")


@pytest.mark.parametrize("name", WINDOW_S)
@pytest.mark.parametrize("n_samples", [960, 1119, 1120, 16_000, 30_372])
def test_a_recording_has_the_frames_that_lie_whole_inside_it(name: SetName, n_samples: int) -> None:
    smile = OpenSmile(name)
    (values,) = smile.extract([speech_like(n_samples)])
    assert values.dtype == np.float32
    assert values.shape == (smile.grid.n_frames(n_samples), SIZES[name])
    assert len(smile.names) == SIZES[name]
    assert np.isfinite(values).all()


def test_frames_lie_where_the_grid_says() -> None:
    smile = OpenSmile()
    x = np.random.default_rng(0).normal(0, 1e-4, 32_000).astype(np.float32)
    x[16_000:] *= 3000
    loudness = smile.extract([Waveform(x)])[0][:, smile.names.index("Loudness_sma3")]
    first_loud = int(np.flatnonzero(loudness > loudness.max() / 10)[0])
    # a frame's spectrum is that of its first 20 ms, and a neighbour on either side is mixed in
    assert 16_000 - 320 - 160 <= first_loud * smile.grid.hop_samples <= 16_000


def test_neighbours_do_not_matter_and_it_travels_to_another_process() -> None:
    smile = OpenSmile("GeMAPSv01b")
    waveforms = [speech_like(n, n) for n in (4000, 9000, 2000)]
    together = smile.extract(waveforms)
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(smile.extract)(waveforms)])
    for waveform, one, other in zip(waveforms, together, there, strict=True):
        np.testing.assert_array_equal(one, smile.extract([waveform])[0])
        np.testing.assert_array_equal(one, other)


def test_a_store_keeps_them_and_nothing_is_written_beside_the_audio(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    soundfile.write(audio / "a.wav", speech_like(8000).samples, 16_000)
    store = FeatureStore(tmp_path / "store", OpenSmile())
    utterance = Utterance("c/a", "c", audio / "a.wav", "", "c/?")
    features = store.extract([utterance]).features
    assert features["c/a"].shape == (OpenSmile().grid.n_frames(8000), 25)
    assert [path.name for path in audio.iterdir()] == ["a.wav"]


def test_its_settings_make_it_again() -> None:
    smile = OpenSmile("emobase")
    assert OpenSmile.from_settings(smile.settings()) == smile
    assert smile.settings() != OpenSmile("GeMAPSv01b").settings()


def test_less_than_a_frame_and_an_unknown_set_are_refused() -> None:
    with pytest.raises(AudioError, match=r"clip 0: .* at least 60 ms"):
        OpenSmile().extract([speech_like(959)])
    with pytest.raises(FeatureError, match="'eGeMAPS' is unknown; use one of eGeMAPSv02"):
        OpenSmile("eGeMAPS")  # type: ignore[arg-type]


def test_without_the_library_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
        OpenSmile().settings()
