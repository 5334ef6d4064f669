"""A model in a local folder, read without the network and without running anything in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from voxaffect.errors import FeatureError

SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")
WEIGHTS = "model*.safetensors"
DIGITS = 16

NEVER_USED = "masked_spec_embed"
"""Stands for masked frames in training; some published weights lack it."""


@dataclass(frozen=True)
class EncoderFolder:
    """What a folder of transformers says and holds.

    Args:
        path: the folder.
    """

    path: Path

    def digest(self) -> str:
        """SHA-256 of the files that decide what the model computes, 16 hex digits."""
        self._refuse_unsafe()
        files = [self.path / name for name in SETTINGS] + sorted(self.path.glob(WEIGHTS))
        digests = hashlib.sha256()
        with self._reading():
            for path in (path for path in files if path.is_file()):
                with path.open("rb") as file:
                    digests.update(hashlib.file_digest(file, "sha256").digest())
        return digests.hexdigest()[:DIGITS]

    def config(self) -> Any:
        """The model's own settings.

        Raises:
            FeatureError: the folder holds no model, or weights that only a pickle holds.
        """
        self._refuse_unsafe()
        with self._reading():
            return _library().AutoConfig.from_pretrained(
                self.path, local_files_only=True, trust_remote_code=False
            )

    def hearing(self) -> Any:
        """What prepares samples for the model.

        Raises:
            FeatureError: the folder does not say.
        """
        with self._reading():
            return _library().AutoFeatureExtractor.from_pretrained(
                self.path, local_files_only=True, trust_remote_code=False
            )

    def model(self) -> Any:
        """The model in float32.

        Raises:
            FeatureError: weights are missing, damaged or of another model.
        """
        with self._reading(), _quiet():
            model, found = _library().AutoModel.from_pretrained(
                self.path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        lacking = sorted(key for key in found["missing_keys"] if not key.endswith(NEVER_USED))
        if lacking:
            raise FeatureError(
                f"{self.path}: weights lack {lacking[0]} and {len(lacking) - 1} more; copy the "
                "folder again from where the model was published"
            )
        return model

    def _refuse_unsafe(self) -> None:
        if not (self.path / "config.json").is_file():
            raise FeatureError(
                f"{self.path}: holds no model (config.json is missing); give the folder into which "
                "one was saved or copied"
            )
        if not any(self.path.glob(WEIGHTS)):
            raise FeatureError(
                f"{self.path}: holds no weights as safetensors, and pickles such as "
                "pytorch_model.bin can run code and are not read; save the model as safetensors"
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as fault:
            reason = str(fault).strip().partition("\n")[0]
            raise FeatureError(
                f"{self.path}: the model cannot be read ({reason}); copy the whole folder again "
                "from where it was published"
            ) from fault


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's bar and list of unused weights, which are none of the user's."""
    logging = _library().utils.logging
    verbosity, had_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bar:
            logging.enable_progress_bar()


def _library() -> Any:
    try:
        import transformers  # noqa: PLC0415
    except ImportError as fault:
        raise FeatureError(
            f"self-supervised encoders need the library transformers ({fault}); "
            "install it with: pip install 'voxaffect[ssl]'"
        ) from fault
    return transformers
