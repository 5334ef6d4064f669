from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.features.encoders.tiny import save_encoder
from voxaffect.errors import ArtefactError
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.encoders.encoder import Encoder
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.log_mel import LogMel
from voxaffect.features.open_smile import OpenSmile
from voxaffect.features.own import OwnFeatures
from voxaffect.features.sets import extractor_of, whereabouts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder("hubert", tmp_path_factory.mktemp("encoder"))


def read_back(extractor: FrameExtractor) -> FrameExtractor:
    """What a header makes of an extractor."""
    written = json.dumps([dict(extractor.settings()), whereabouts(extractor)])
    return extractor_of(*json.loads(written))


@pytest.mark.parametrize(
    "extractor",
    [
        LowLevelDescriptors(),
        LowLevelDescriptors(FrameGrid(0.03, 0.015), PitchSettings(floor_hz=60.0), log_f0=True),
        LogMel(n_mels=23),
        OpenSmile("emobase"),
    ],
    ids=str,
)
def test_settings_lead_back_to_their_extractor(extractor: FrameExtractor) -> None:
    assert read_back(extractor) == extractor


@pytest.mark.parametrize("layer", [1, "last", "mean"])
def test_an_encoder_is_found_where_the_card_says(folder: Path, layer: int | str) -> None:
    encoder = Encoder(folder, layer)  # type: ignore[arg-type]
    assert read_back(encoder) == encoder
    assert extractor_of(encoder.settings(), whereabouts(encoder), "cpu") == encoder


def test_an_encoder_that_has_moved_or_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    encoder = Encoder(shutil.copytree(folder, tmp_path / "model"))
    settings, card = dict(encoder.settings()), whereabouts(encoder)
    with pytest.raises(ArtefactError, match=r"encoder that lay in None"):
        extractor_of(settings, {})
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ArtefactError, match=r"is not there; load it with .*Encoder"):
        extractor_of(settings, card)
    save_encoder("hubert", tmp_path / "model", seed=1)
    with pytest.raises(ArtefactError, match="another encoder than the one that lies in"):
        extractor_of(settings, card)


def test_a_function_of_ones_own_cannot_be_read_back() -> None:
    own = OwnFeatures(lambda x: np.zeros((1, 1), np.float32), ("a",), FrameGrid(), "1")
    with pytest.raises(ArtefactError, match=r"of the kind 'own', which no file holds"):
        read_back(own)


def test_settings_of_another_version_are_refused() -> None:
    settings = {**LogMel().settings(), "warp": 1.1}
    with pytest.raises(ArtefactError, match=r"other frame features .*warp"):
        extractor_of(settings, {})
