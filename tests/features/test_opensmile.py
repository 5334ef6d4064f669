from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.speech import vowel
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.opensmile import (
    UTTERANCE_SETS,
    WINDOW_S,
    OpenSmile,
    OpenSmileFunctionals,
    SetName,
)

SIZES: dict[SetName, int] = {"eGeMAPSv02": 25, "GeMAPSv01b": 18, "ComParE_2016": 65, "emobase": 26}


def speech_like(n_samples: int, seed: int = 0) -> Waveform:
    """Pulses at 125 Hz in noise."""
    x = np.random.default_rng(seed).normal(0, 0.01, n_samples)
    x[::128] += 0.5
    return Waveform(x.astype(np.float32), f"clip {seed}")


@pytest.mark.parametrize("name", WINDOW_S)
@pytest.mark.parametrize("n_samples", [960, 1119, 1120, 16_000, 30_372])
def test_a_recording_has_its_complete_frames(name: SetName, n_samples: int) -> None:
    smile = OpenSmile(name)
    (values,) = smile.extract([speech_like(n_samples)])
    assert values.dtype == np.float32
    assert values.shape == (smile.grid.n_frames(n_samples), SIZES[name])
    assert len(smile.names) == SIZES[name]
    assert np.isfinite(values).all()


def test_frames_are_at_the_positions_of_the_grid() -> None:
    smile = OpenSmile()
    x = np.random.default_rng(0).normal(0, 1e-4, 32_000).astype(np.float32)
    x[16_000:] *= 3000
    loudness = smile.extract([Waveform(x)])[0][:, smile.names.index("Loudness_sma3")]
    first_loud = int(np.flatnonzero(loudness > loudness.max() / 10)[0])
    # a frame's spectrum is that of its first 20 ms, and a neighbor on either side is mixed in
    assert 16_000 - 320 - 160 <= first_loud * smile.grid.hop_samples <= 16_000


def test_values_do_not_depend_on_the_batch_or_the_process() -> None:
    smile = OpenSmile("GeMAPSv01b")
    waveforms = [speech_like(n, n) for n in (4000, 9000, 2000)]
    together = smile.extract(waveforms)
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(smile.extract)(waveforms)])
    for waveform, one, other in zip(waveforms, together, there, strict=True):
        np.testing.assert_array_equal(one, smile.extract([waveform])[0])
        np.testing.assert_array_equal(one, other)


def test_frames_are_stored_and_nothing_is_written_next_to_the_audio(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    soundfile.write(audio / "a.wav", vowel(8000), 16_000)
    store = FeatureStore(tmp_path / "store", OpenSmile())
    utterance = Utterance("c/a", "c", audio / "a.wav", "", "c/?")
    features = store.extract([utterance]).features
    assert features["c/a"].shape == (OpenSmile().grid.n_frames(8000), 25)
    assert [path.name for path in audio.iterdir()] == ["a.wav"]


def test_sets_have_settings_of_their_own() -> None:
    assert OpenSmile("emobase").settings() != OpenSmile("GeMAPSv01b").settings()


def test_a_short_recording_and_an_unknown_set_are_refused() -> None:
    with pytest.raises(AudioError, match=r"clip 0: .* at least 60 ms"):
        OpenSmile().extract([speech_like(959)])
    with pytest.raises(FeatureError, match="'eGeMAPS' is unknown; use one of eGeMAPSv02"):
        OpenSmile("eGeMAPS")  # type: ignore[arg-type]


def test_a_missing_library_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
        OpenSmile().settings()


WIDTHS = {"egemaps": 88, "compare": 6373}


@pytest.mark.parametrize("name", UTTERANCE_SETS)
@pytest.mark.parametrize("n_samples", [960, 8000])
def test_functionals_are_one_row_per_utterance(name: str, n_samples: int) -> None:
    (values,) = UTTERANCE_SETS[name].extract([speech_like(n_samples)])
    assert values.dtype == np.float32
    assert values.shape == (1, WIDTHS[name])
    assert len(UTTERANCE_SETS[name].names) == WIDTHS[name]
    assert np.isfinite(values).all()


def test_mean_loudness_is_that_of_the_loudness_contour() -> None:
    waveform = speech_like(16_000)
    egemaps = OpenSmileFunctionals("eGeMAPSv02")
    mean = egemaps.extract([waveform])[0][0, egemaps.names.index("loudness_sma3_amean")]
    frames = OpenSmile("eGeMAPSv02")
    loudness = frames.extract([waveform])[0][:, frames.names.index("Loudness_sma3")]
    assert mean == pytest.approx(loudness.mean(), rel=0.03)  # a frame or so apart at the end


def test_functionals_do_not_depend_on_the_batch() -> None:
    egemaps = UTTERANCE_SETS["egemaps"]
    waveforms = [speech_like(n, n) for n in (4000, 9000, 2000)]
    for waveform, row in zip(waveforms, egemaps.extract(waveforms), strict=True):
        np.testing.assert_array_equal(row, egemaps.extract([waveform])[0])


def test_functionals_are_stored_in_their_own_folder(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", vowel(8000), 16_000)
    utterance = Utterance("c/a", "c", tmp_path / "a.wav", "", "c/?")
    stores = [
        FeatureStore(tmp_path / "store", OpenSmile()),
        FeatureStore(tmp_path / "store", UTTERANCE_SETS["egemaps"]),
    ]
    rows = [store.extract([utterance]).features["c/a"] for store in stores]
    assert rows[1].shape == (1, 88)
    assert stores[0].folder != stores[1].folder


def test_a_recording_shorter_than_the_window_has_no_functionals() -> None:
    with pytest.raises(AudioError, match=r"clip 0: .* at least 60 ms"):
        UTTERANCE_SETS["egemaps"].extract([speech_like(959)])


def test_a_non_finite_functional_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        feature_names = ("mean", "slope")

        def process_signal(self, *_: Any) -> pd.DataFrame:
            return pd.DataFrame([[1.0, np.nan]])

    monkeypatch.setattr(OpenSmileFunctionals, "_smile", lambda self: Broken())
    broken = OpenSmileFunctionals("eGeMAPSv02")
    with pytest.raises(
        AudioError,
        match="clip: openSMILE's slope of eGeMAPSv02 is not finite; leave",
    ):
        broken.extract([Waveform(np.zeros(16_000, np.float32), "clip")])


def test_a_missing_library_is_named_for_functionals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    for call in (
        UTTERANCE_SETS["compare"].settings,
        lambda: UTTERANCE_SETS["egemaps"].extract([speech_like(8000)]),
    ):
        with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
            call()
