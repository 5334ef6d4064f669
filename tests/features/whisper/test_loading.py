from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from voxaffect.features.whisper.loading import load_encoder
from voxaffect.features.whisper.weights import load_weights


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been read from disk since."""
    found: list[object] = []

    def counted(*words: object) -> object:
        found.append(words[1:])
        return load_weights(*words)  # type: ignore[arg-type]

    monkeypatch.setattr("voxaffect.features.whisper.loading.load_weights", counted)
    return found


def test_threads_share_one_encoder(small: Path, reads: list[object]) -> None:
    with ThreadPoolExecutor(8) as pool:
        loaded = [*pool.map(lambda _: load_encoder("tiny", 2, small, "float32", "cpu"), range(16))]
    assert len({id(each) for each in loaded}) == 1
    assert reads == [("tiny", 2)]


def test_other_weights_layers_and_precisions_are_other_encoders(
    small: Path, reads: list[object]
) -> None:
    loaded = [
        load_encoder("tiny", layer, small, precision, "cpu")
        for layer in (1, 2)
        for precision in ("float32", "int8")
    ]
    assert len({id(each.encoder) for each in loaded}) == len(reads) == 4
    assert len({each.digest for each in loaded}) == 2


def test_an_encoder_that_nobody_holds_is_freed(small: Path, reads: list[object]) -> None:
    loaded = load_encoder("tiny", 1, small, "float32", "cpu")
    assert load_encoder("tiny", 1, small, "float32", "cpu") is loaded
    del loaded
    gc.collect()
    load_encoder("tiny", 1, small, "float32", "cpu")
    assert len(reads) == 2


def test_weights_do_not_need_their_file_once_loaded(small: Path) -> None:
    loaded = load_encoder("tiny", 1, small, "float32", "cpu")
    before = {name: values.clone() for name, values in loaded.encoder.state_dict().items()}
    small.write_bytes(bytes(small.stat().st_size))
    for name, values in loaded.encoder.state_dict().items():
        assert torch.equal(values, before[name])
