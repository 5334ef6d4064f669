"""What a file with the weights of Whisper's encoder is: tensors by name, each read when asked for.

They are rounded to float16, in which OpenAI published them all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from torch import Tensor

from voxaffect.errors import FeatureError
from voxaffect.features.whisper.shapes import EncoderShape

AGAIN = "copy the file again from where it was published"


class WeightFile(Protocol):
    """Tensors of an encoder by the names of `tensor_groups`."""

    name: str  # for errors

    def shape(self) -> EncoderShape:
        """Sizes, by the tensors that there are."""

    def tensor(self, name: str) -> Tensor:
        """A tensor, float16; FeatureError if it is missing, damaged or quantized."""


def model_files(folder: Path) -> list[Path]:
    """Files with a model's weights, several if its safetensors are split; empty if there are none.

    Links to files that were deleted are none.
    """
    for name in ("model.bin", "model.safetensors"):
        if (folder / name).is_file():
            return [folder / name]
    return sorted(path for path in folder.glob("model-*.safetensors") if path.is_file())


def to_float16(values: Tensor, name: str, file: str) -> Tensor:
    """Values rounded to float16."""
    if not values.is_floating_point():
        raise FeatureError(
            f"{file}: {name} is {str(values.dtype).removeprefix('torch.')}; use a file whose "
            "weights are float16 or float32"
        )
    return values.half()


def no_whisper(file: str, lacks: str) -> FeatureError:
    """Error of a file that lacks what a model of Whisper has."""
    return FeatureError(
        f"{file}: is not a model of Whisper (it lacks {lacks}); name a file of whisper-base or "
        "another size"
    )
