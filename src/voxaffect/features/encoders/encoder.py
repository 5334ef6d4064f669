"""Hidden states of a self-supervised encoder that lies in a local folder.

wav2vec 2.0, HuBERT, WavLM, data2vec-audio and the encoder of Whisper, as the library transformers
(the extra `ssl`) saves them. Nothing is ever fetched: a folder that lacks something is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.encoders.folder import EncoderFolder
from voxaffect.features.encoders.kinds import KINDS, Kind, Layer
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lengths import refuse_short

VERSION = 1
"""Raised whenever a definition changes, so that stored features are computed anew."""


@dataclass(frozen=True)
class Encoder:
    """Hidden states of one layer of a pretrained encoder, or their mean over all layers.

    An utterance's states depend on its neighbours in a batch by rounding alone. Where a store
    computes in several processes, each of them loads the model.

    Args:
        folder: the model's: `config.json`, `preprocessor_config.json`, weights as safetensors.
        layer: what a layer gives, 0 being the input of the first; `last`, what the model gives; or
            `mean`, that of all layers and of the input of the first.
        device: where PyTorch computes.

    Raises:
        FeatureError: the layer is neither a number from 0 nor one of the two words.
    """

    folder: Path
    layer: Layer = "last"
    device: str = "cpu"

    def __post_init__(self) -> None:
        is_number = isinstance(self.layer, int) and self.layer >= 0
        if not is_number and self.layer not in {"last", "mean"}:
            raise FeatureError(
                f"layer {self.layer!r} of an encoder: use a number from 0, 'last' or 'mean'"
            )

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process loads the model itself."""
        kept = {*(f.name for f in fields(self)), "names", "grid", "_digest"}
        return {name: value for name, value in self.__dict__.items() if name in kept}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """`hidden_1` and so on, as many as a hidden state has components."""
        return tuple(f"hidden_{k}" for k in range(1, self._kind.width(self._config) + 1))

    @cached_property
    def grid(self) -> FrameGrid:
        """What the model's strides make of time: every 20 ms in all published models."""
        return self._kind.grid(self._config)

    def settings(self) -> Mapping[str, object]:
        """What the model is, by its content and not by its place, and the layer.

        Raises:
            FeatureError: the folder holds no model that can be used, or transformers is missing.
        """
        return {
            "extractor": "encoder",
            "version": VERSION,
            "kind": self._config.model_type,
            "model": self._digest,
            "layer": self.layer,
        }

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Hidden states of every waveform, float32 (T, F) each.

        Raises:
            AudioError: a waveform is shorter than one frame.
            FeatureError: the folder holds no model that can be used, or transformers is missing.
        """
        refuse_short(waveforms, self.grid)
        model, hearing = self._loaded
        samples = [waveform.samples for waveform in waveforms]
        return self._kind.states(model, hearing, samples, self.layer)

    @property
    def _files(self) -> EncoderFolder:
        return EncoderFolder(self.folder)

    @cached_property
    def _digest(self) -> str:
        return self._files.digest()

    @cached_property
    def _config(self) -> Any:
        """The model's own settings, those that this file can serve.

        Raises:
            FeatureError: the model is of a kind that is not known here, or has no such layer.
        """
        config = self._files.config()
        if config.model_type not in KINDS or getattr(config, "add_adapter", False):
            raise FeatureError(
                f"{self.folder}: holds a model of the kind {config.model_type!r} that has no "
                f"plain hidden states; use one of {', '.join(KINDS)}, without an adapter"
            )
        n_layers = KINDS[config.model_type].n_layers(config)
        if isinstance(self.layer, int) and self.layer > n_layers:
            raise FeatureError(
                f"{self.folder}: has layers 0 to {n_layers}, but layer {self.layer} is asked for"
            )
        return config

    @property
    def _kind(self) -> Kind:
        return KINDS[self._config.model_type]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The model, and what prepares samples for it.

        Raises:
            FeatureError: one of them is missing, damaged or not the other's.
        """
        hearing = self._files.hearing()
        if not self._kind.fits(self._config, hearing):
            raise FeatureError(
                f"{self.folder}: preprocessor_config.json ({type(hearing).__name__}) does not "
                "belong to the model beside it; copy both from where the model was published"
            )
        model = self._kind.encoder(self._files.model())
        return model.to(self.device).eval(), hearing
