"""Tiny encoders with random weights, saved like published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

TINY: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 8,
}
BY_LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
RAW: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2", BY_LAYER),
    "wav2vec2, group norm": ("Wav2Vec2", {}),
    "hubert": ("Hubert", BY_LAYER),
    "hubert, group norm": ("Hubert", {}),
    "wavlm": ("WavLM", BY_LAYER),
    "wavlm, group norm": ("WavLM", {}),
    "data2vec-audio": ("Data2VecAudio", {}),
}
KIND_NAMES = tuple(RAW)


def save_encoder(kind: str, folder: Path, seed: int = 0) -> Path:
    """Save a tiny model of a kind and its preprocessor."""
    transformers.utils.logging.disable_progress_bar()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _raw(kind)
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def _raw(kind: str) -> Any:
    name, more = RAW[kind]
    config = getattr(transformers, f"{name}Config")(**TINY, **more)
    return getattr(transformers, f"{name}Model")(config)
