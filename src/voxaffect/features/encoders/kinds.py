"""How the kinds of encoders take samples, and where their frames lie."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.frames import FrameGrid

Layer = int | Literal["last", "mean"]
Samples = NDArray[np.float32]

BATCH_SAMPLES = 32 * SAMPLE_RATE_HZ
"""Most samples of a batch, padding counted: attention over more gains no speed on a CPU."""

WHISPER_HOP = 320
"""Samples a state: a hop of the spectrum, 160, times the stride of the second convolution."""


class Kind(Protocol):
    """What differs between encoders; `config` and `hearing` are those of transformers."""

    def width(self, config: Any) -> int:
        """Components of a hidden state."""

    def n_layers(self, config: Any) -> int:
        """Layers; there is one hidden state more than that."""

    def grid(self, config: Any) -> FrameGrid:
        """Where its frames lie."""

    def fits(self, config: Any, hearing: Any) -> bool:
        """Whether a preparation of samples is the model's."""

    def encoder(self, model: Any) -> Any:
        """The part of a model that gives the states."""

    def states(
        self, model: Any, hearing: Any, samples: Sequence[Samples], layer: Layer
    ) -> list[Samples]:
        """Hidden states of N waveforms, float32 (T, F) each."""


@dataclass(frozen=True)
class RawKind:
    """Convolutions on samples, then a transformer: wav2vec 2.0 and what came of it.

    Padding behind a mask changes nothing, but for two designs: a normalisation over time in the
    first convolution counts it, and stacked positional convolutions carry it over the border. There
    only utterances of one length share a batch.

    Args:
        stacked_positions: whether several positional convolutions follow each other.
    """

    stacked_positions: bool = False

    def width(self, config: Any) -> int:
        """Components of a hidden state."""
        return int(config.hidden_size)

    def n_layers(self, config: Any) -> int:
        """Layers of the transformer."""
        return int(config.num_hidden_layers)

    def grid(self, config: Any) -> FrameGrid:
        """The convolutions' receptive field and the product of their strides."""
        before = accumulate(config.conv_stride[:-1], mul, initial=1)
        reach = sum((k - 1) * step for k, step in zip(config.conv_kernel, before, strict=True))
        hop = math.prod(config.conv_stride)
        return FrameGrid(window_s=(1 + reach) / SAMPLE_RATE_HZ, hop_s=hop / SAMPLE_RATE_HZ)

    def fits(self, config: Any, hearing: Any) -> bool:  # noqa: ARG002 - the protocol's
        """Whether samples at 16 kHz come out as samples."""
        return bool(
            hearing.sampling_rate == SAMPLE_RATE_HZ and hearing.model_input_names[0] == INPUT
        )

    def encoder(self, model: Any) -> Any:
        """All of it."""
        return model

    def states(
        self, model: Any, hearing: Any, samples: Sequence[Samples], layer: Layer
    ) -> list[Samples]:
        """Hidden states of N waveforms, float32 (T, F) each."""
        grid, config = self.grid(model.config), model.config
        alike = self.stacked_positions or config.feat_extract_norm == "group"
        found: dict[int, Samples] = {}
        for batch in batches([one.size for one in samples], alike=alike):
            prepared = [_prepared(hearing, samples[i]) for i in batch]
            states = self._batch(model, prepared, layer)
            for i, values in zip(batch, states, strict=True):
                found[i] = values[: grid.n_frames(samples[i].size)].cpu().numpy().copy()
        return [found[i] for i in range(len(samples))]

    def _batch(self, model: Any, prepared: list[Tensor], layer: Layer) -> Tensor:
        """Hidden states of one batch, float32 (B, T, F), padding included."""
        padded = torch.nn.utils.rnn.pad_sequence(prepared, batch_first=True)
        lengths = torch.tensor([len(one) for one in prepared])
        mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long()
        is_padded = bool((mask == 0).any())
        with warnings.catch_warnings():
            # WavLM hands PyTorch two masks of different types, which is its own affair.
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            output = model(
                padded.to(model.device),
                attention_mask=mask.to(model.device) if is_padded else None,
                output_hidden_states=True,
            )
        return _chosen(output, layer)


class WhisperKind:
    """The encoder of Whisper, which hears stretches of 30 s, silence after their end.

    A longer recording is cut, and nothing is heard across a cut. State i lies in the middle of the
    frames' beginnings, at i hops, half a hop before the middle that the grid tells.
    """

    def width(self, config: Any) -> int:
        """Components of a hidden state."""
        return int(config.d_model)

    def n_layers(self, config: Any) -> int:
        """Layers of the encoder."""
        return int(config.encoder_layers)

    def grid(self, config: Any) -> FrameGrid:  # noqa: ARG002 - the protocol's
        """20 ms after 20 ms."""
        return FrameGrid(WHISPER_HOP / SAMPLE_RATE_HZ, WHISPER_HOP / SAMPLE_RATE_HZ)

    def fits(self, config: Any, hearing: Any) -> bool:
        """Whether the spectrum has the model's bands and length."""
        stated = (hearing.sampling_rate, getattr(hearing, "n_samples", None), hearing.feature_size)
        stretch = config.max_source_positions * WHISPER_HOP
        return bool(stated == (SAMPLE_RATE_HZ, stretch, config.num_mel_bins))

    def encoder(self, model: Any) -> Any:
        """Without the decoder."""
        return model.get_encoder()

    def states(
        self, model: Any, hearing: Any, samples: Sequence[Samples], layer: Layer
    ) -> list[Samples]:
        """Hidden states of N waveforms, float32 (T, F) each."""
        return [self._states(model, hearing, one, layer) for one in samples]

    def _states(self, model: Any, hearing: Any, samples: Samples, layer: Layer) -> Samples:
        parts = []
        for start in range(0, samples.size, hearing.n_samples):
            stretch = samples[start : start + hearing.n_samples]
            if n_frames := stretch.size // WHISPER_HOP:
                spectrum = hearing(stretch, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
                heard = spectrum["input_features"].to(model.device)
                states = _chosen(model(heard, output_hidden_states=True), layer)
                parts.append(states[0, :n_frames].cpu().numpy())
        return np.concatenate(parts)


INPUT = "input_values"

KINDS: Mapping[str, Kind] = {
    "wav2vec2": RawKind(),
    "hubert": RawKind(),
    "wavlm": RawKind(),
    "data2vec-audio": RawKind(stacked_positions=True),
    "whisper": WhisperKind(),
}
"""By the name that `config.json` gives the kind of a model."""


def batches(n_samples: Sequence[int], *, alike: bool) -> Iterator[list[int]]:
    """Numbers of utterances that are computed at once, of about one length.

    Args:
        n_samples: length of every utterance.
        alike: whether a batch may hold one length only.
    """
    batch: list[int] = []
    for i in sorted(range(len(n_samples)), key=lambda i: n_samples[i]):
        too_many = n_samples[i] * (len(batch) + 1) > BATCH_SAMPLES
        if batch and (too_many or (alike and n_samples[i] != n_samples[batch[0]])):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _prepared(hearing: Any, samples: Samples) -> Tensor:
    """Samples as the model was trained to hear them, float32 (n_samples,)."""
    values = hearing(samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    prepared: Tensor = values[INPUT][0]
    return prepared


def _chosen(output: Any, layer: Layer) -> Tensor:
    """The hidden states that a layer names, float32 (B, T, F)."""
    if layer == "mean":
        return torch.stack(output.hidden_states).mean(dim=0)
    states: Tensor = output.last_hidden_state if layer == "last" else output.hidden_states[layer]
    return states
