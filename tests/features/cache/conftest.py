"""Seven short recordings and a feature store for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.features.cache.levels import Levels, make_utterances
from voxaffect.corpora.corpus import Utterance
from voxaffect.features.cache.cache import FeatureStore


@pytest.fixture
def utterances(tmp_path: Path) -> list[Utterance]:
    return make_utterances(tmp_path / "audio")


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store", Levels())
