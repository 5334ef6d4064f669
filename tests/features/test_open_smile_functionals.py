from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.features.test_open_smile import speech_like
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.open_smile import OpenSmile
from voxaffect.features.open_smile_functionals import UTTERANCE_SETS, OpenSmileFunctionals
from voxaffect.features.store.store import FeatureStore

WIDTHS = {"egemaps": 88, "compare": 6373}


@pytest.mark.parametrize("name", UTTERANCE_SETS)
@pytest.mark.parametrize("n_samples", [960, 8000])
def test_an_utterance_is_one_row(name: str, n_samples: int) -> None:
    (values,) = UTTERANCE_SETS[name].extract([speech_like(n_samples)])
    assert values.dtype == np.float32
    assert values.shape == (1, WIDTHS[name])
    assert len(UTTERANCE_SETS[name].names) == WIDTHS[name]
    assert np.isfinite(values).all()


def test_the_numbers_are_functionals_of_the_set_s_own_descriptors() -> None:
    """eGeMAPS' mean loudness is that of its loudness contour, which the other road computes."""
    waveform = speech_like(16_000)
    egemaps = OpenSmileFunctionals("eGeMAPSv02")
    mean = egemaps.extract([waveform])[0][0, egemaps.names.index("loudness_sma3_amean")]
    frames = OpenSmile("eGeMAPSv02")
    loudness = frames.extract([waveform])[0][:, frames.names.index("Loudness_sma3")]
    assert mean == pytest.approx(loudness.mean(), rel=0.03)  # a frame or so apart at the end


def test_neighbours_do_not_matter() -> None:
    egemaps = UTTERANCE_SETS["egemaps"]
    waveforms = [speech_like(n, n) for n in (4000, 9000, 2000)]
    for waveform, row in zip(waveforms, egemaps.extract(waveforms), strict=True):
        np.testing.assert_array_equal(row, egemaps.extract([waveform])[0])


def test_a_store_keeps_one_frame_an_utterance_in_a_folder_of_its_own(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(8000).samples, 16_000)
    utterance = Utterance("c/a", "c", tmp_path / "a.wav", "", "c/?")
    stores = [
        FeatureStore(tmp_path / "store", OpenSmile()),
        FeatureStore(tmp_path / "store", UTTERANCE_SETS["egemaps"]),
    ]
    rows = [store.extract([utterance]).features["c/a"] for store in stores]
    assert rows[1].shape == (1, 88)
    assert stores[0].folder != stores[1].folder


def test_less_than_a_window_is_refused() -> None:
    with pytest.raises(AudioError, match=r"clip 0: .* at least 60 ms"):
        UTTERANCE_SETS["egemaps"].extract([speech_like(959)])


def test_what_is_no_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        feature_names = ("mean", "slope")

        def process_signal(self, *_: Any) -> pd.DataFrame:
            return pd.DataFrame([[1.0, np.nan]])

    monkeypatch.setattr(OpenSmileFunctionals, "_smile", lambda self: Broken())
    broken = OpenSmileFunctionals("eGeMAPSv02")
    with pytest.raises(AudioError, match="clip: openSMILE's slope of eGeMAPSv02 is no finite"):
        broken.extract([Waveform(np.zeros(16_000, np.float32), "clip")])


def test_without_the_library_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    for call in (
        UTTERANCE_SETS["compare"].settings,
        lambda: UTTERANCE_SETS["egemaps"].extract([speech_like(8000)]),
    ):
        with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
            call()
