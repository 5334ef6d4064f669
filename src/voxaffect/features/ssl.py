"""Hidden states of a self-supervised encoder that lies in a local folder.

wav2vec 2.0, HuBERT, WavLM, data2vec-audio and the encoder of Whisper, as the library transformers
(the extra `ssl`) saves them. Nothing is ever fetched: a folder that lacks something is refused.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, refuse_short

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


Layer = int | Literal["last", "mean"]
Samples = NDArray[np.float32]

BATCH_SAMPLES = 32 * SAMPLE_RATE_HZ
"""Most samples of a batch, padding counted: attention over more gains no speed on a CPU."""

WHISPER_HOP = 320
"""Samples a state: a hop of the spectrum, 160, times the stride of the second convolution."""


class EncoderFamily(Protocol):
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
class WaveformEncoderFamily:
    """Convolutions on samples, then a transformer: wav2vec 2.0 and what came of it.

    Padding behind a mask changes nothing, but for two designs: a normalization over time in the
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


class WhisperEncoderFamily:
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

FAMILIES: Mapping[str, EncoderFamily] = {
    "wav2vec2": WaveformEncoderFamily(),
    "hubert": WaveformEncoderFamily(),
    "wavlm": WaveformEncoderFamily(),
    "data2vec-audio": WaveformEncoderFamily(stacked_positions=True),
    "whisper": WhisperEncoderFamily(),
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


VERSION = 1
"""Raised whenever a definition changes, so that stored features are computed anew."""


@dataclass(frozen=True)
class SpeechEncoder:
    """Hidden states of one layer of a pretrained encoder, or their mean over all layers.

    An utterance's states depend on its neighbors in a batch by rounding alone. Where a store
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
        if config.model_type not in FAMILIES or getattr(config, "add_adapter", False):
            raise FeatureError(
                f"{self.folder}: holds a model of the kind {config.model_type!r} that has no "
                f"plain hidden states; use one of {', '.join(FAMILIES)}, without an adapter"
            )
        n_layers = FAMILIES[config.model_type].n_layers(config)
        if isinstance(self.layer, int) and self.layer > n_layers:
            raise FeatureError(
                f"{self.folder}: has layers 0 to {n_layers}, but layer {self.layer} is asked for"
            )
        return config

    @property
    def _kind(self) -> EncoderFamily:
        return FAMILIES[self._config.model_type]

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
