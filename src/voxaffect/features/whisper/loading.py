"""Loaded encoders, which all extractors of a process share."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

import torch

from voxaffect.features.whisper.encoder import Encoder
from voxaffect.features.whisper.precision import PRODUCTS, Precision
from voxaffect.features.whisper.shapes import Size
from voxaffect.features.whisper.sources import find_weights
from voxaffect.features.whisper.weights import load_weights


class LoadedEncoder:
    """An encoder, and the digest of its weights."""

    def __init__(self, encoder: Encoder, digest: str) -> None:
        self.encoder = encoder
        self.digest = digest


_lock = Lock()
_loaded: WeakValueDictionary[tuple[object, ...], LoadedEncoder] = WeakValueDictionary()


def load_encoder(
    size: Size, layer: int, source: Path | None, precision: Precision, device: str
) -> LoadedEncoder:
    """The encoder's first layers; loaded once as long as an extractor in the process holds it.

    Raises:
        FeatureError: its weights are missing, damaged or another model's.
    """
    key = (size, layer, source and source.absolute(), precision, device)
    with _lock:
        if (found := _loaded.get(key)) is None:
            # Tensors made in inference mode could not be trained later.
            with torch.inference_mode(mode=False), torch.no_grad():
                weights = load_weights(find_weights(size, source), size, layer)
                encoder = Encoder(weights.shape, weights.state, layer, PRODUCTS[precision])
            found = LoadedEncoder(encoder.to(device).eval(), weights.digest)
            _loaded[key] = found
        return found
