"""Self-supervised speech encoders: hidden states of pretrained models in a local folder.

wav2vec 2.0, HuBERT, WavLM and data2vec-audio, as saved by the library transformers (the extra
`ssl`). Nothing is downloaded: an incomplete folder is refused. Whisper is in `features/whisper/`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import Any, Literal

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
VERSION = 1  # to be increased when a definition changes, so that stored features are recomputed
BATCH_SAMPLES = 32 * SAMPLE_RATE_HZ
"""Largest batch in samples, padding included: longer attention is not faster on a CPU."""

INPUT = "input_values"
Layer = int | Literal["last", "mean"]
Samples = NDArray[np.float32]


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turn errors of reading a model into FeatureError."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as fault:
        reason = str(fault).strip().partition("\n")[0]
        raise FeatureError(
            f"{folder}: the model cannot be read ({reason}); copy the whole folder again "
            "from where it was published"
        ) from fault


def _load(folder: Path, auto_class: str, **options: Any) -> Any:
    """Load from a folder that the library transformers has written."""
    with _reading(folder):
        return getattr(_library(), auto_class).from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **options
        )


def _check_files(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise FeatureError(
            f"{folder}: no model found (config.json is missing); give the folder of a saved model"
        )
    if not any(folder.glob(WEIGHTS)):
        raise FeatureError(
            f"{folder}: no safetensors weights found, and pickles such as "
            "pytorch_model.bin can run code and are not read; save the model as safetensors"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Disable the library's progress bar and its list of unused weights."""
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


@dataclass(frozen=True)
class _WaveformEncoderFamily:
    """Convolutions on samples and a transformer: wav2vec 2.0 and its descendants.

    Masked padding changes nothing, unless the first convolution is normalized over time or
    positional convolutions are stacked. With those, only utterances of equal length share a batch.
    """

    stacked_positions: bool = False

    def grid(self, config: Any) -> FrameGrid:
        """Receptive field of the convolutions, and the product of their strides."""
        *strides, hop = accumulate(config.conv_stride, mul, initial=1)
        field = 1 + sum((k - 1) * s for k, s in zip(config.conv_kernel, strides, strict=True))
        return FrameGrid(window_s=field / SAMPLE_RATE_HZ, hop_s=hop / SAMPLE_RATE_HZ)

    def matches(self, preprocessor: Any) -> bool:
        """Whether the preprocessor is the model's."""
        given = preprocessor.sampling_rate, preprocessor.model_input_names[0]
        return bool(given == (SAMPLE_RATE_HZ, INPUT))

    def states(
        self, model: Any, preprocessor: Any, samples: Sequence[Samples], layer: Layer
    ) -> list[Samples]:
        """Hidden states of N waveforms, float32 (T, F) each."""
        grid = self.grid(model.config)
        same_length = self.stacked_positions or model.config.feat_extract_norm == "group"
        options = {"sampling_rate": SAMPLE_RATE_HZ, "return_tensors": "pt"}
        found: dict[int, Samples] = {}
        for batch in batches([one.size for one in samples], same_length=same_length):
            inputs = [preprocessor(samples[i], **options)[INPUT][0] for i in batch]
            for i, values in zip(batch, _padded_states(model, inputs, layer), strict=True):
                found[i] = values[: grid.n_frames(samples[i].size)].cpu().numpy().copy()
        return [found[i] for i in range(len(samples))]


def _padded_states(model: Any, inputs: list[Tensor], layer: Layer) -> Tensor:
    """Hidden states of a batch, float32 (B, T, F), padding included."""
    padded = torch.nn.utils.rnn.pad_sequence(inputs, batch_first=True)
    lengths = torch.tensor([len(one) for one in inputs])
    mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long().to(model.device)
    with warnings.catch_warnings():
        # WavLM itself passes PyTorch two masks of different types.
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
        output = model(
            padded.to(model.device),
            attention_mask=None if mask.all() else mask,
            output_hidden_states=True,
        )
    return _select_layer(output, layer)


FAMILIES: Mapping[str, _WaveformEncoderFamily] = {
    "wav2vec2": _WaveformEncoderFamily(),
    "hubert": _WaveformEncoderFamily(),
    "wavlm": _WaveformEncoderFamily(),
    "data2vec-audio": _WaveformEncoderFamily(stacked_positions=True),
}
"""By `model_type` in `config.json`."""


def batches(n_samples: Sequence[int], *, same_length: bool) -> Iterator[list[int]]:
    """Group utterances of similar length, or of the same, into batches of indices."""
    batch: list[int] = []
    for i in sorted(range(len(n_samples)), key=lambda i: n_samples[i]):
        too_many = n_samples[i] * (len(batch) + 1) > BATCH_SAMPLES
        if batch and (too_many or (same_length and n_samples[i] != n_samples[batch[0]])):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _select_layer(output: Any, layer: Layer) -> Tensor:
    """Hidden states of a layer, float32 (B, T, F)."""
    if layer == "mean":
        return torch.stack(output.hidden_states).mean(dim=0)
    states: Tensor = output.last_hidden_state if layer == "last" else output.hidden_states[layer]
    return states


@dataclass(frozen=True)
class SpeechEncoder:
    """Hidden states of one layer of a pretrained encoder, or their mean over all layers.

    An utterance's states depend on the others in a batch by rounding alone. All but the constructor
    raise FeatureError if the folder has no usable model or transformers is missing.

    Args:
        folder: the model's: `config.json`, `preprocessor_config.json`, weights as safetensors.
        layer: index of the hidden state, 0 being the input of the first layer; `last` for the
            model's output, or `mean` over all hidden states; FeatureError if it is another.
        device: PyTorch's.
    """

    folder: Path
    layer: Layer = "last"
    device: str = "cpu"

    def __post_init__(self) -> None:
        is_number = isinstance(self.layer, int) and self.layer >= 0
        if not is_number and self.layer not in {"last", "mean"}:
            raise FeatureError(
                f"layer {self.layer!r} of an encoder is invalid; use a number from 0, 'last' or "
                "'mean'"
            )

    def __getstate__(self) -> dict[str, object]:
        """Leave out the model: another process loads it."""
        kept = {*(f.name for f in fields(self)), "names", "grid", "_digest"}
        return {name: value for name, value in self.__dict__.items() if name in kept}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """`hidden_1`, `hidden_2` ..., one per component of a hidden state."""
        return tuple(f"hidden_{k}" for k in range(1, int(self._config.hidden_size) + 1))

    @cached_property
    def grid(self) -> FrameGrid:
        """Positions of the hidden states: every 20 ms in all published models."""
        return FAMILIES[self._config.model_type].grid(self._config)

    def settings(self) -> Mapping[str, object]:
        """Type and content of the model, and the layer; not the folder."""
        return {
            "extractor": "encoder",
            "version": VERSION,
            "kind": self._config.model_type,
            "model": self._digest,
            "layer": self.layer,
        }

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Hidden states of each waveform, float32 (T, F); AudioError if one has no frame."""
        refuse_short(waveforms, self.grid)
        model, preprocessor = self._loaded
        samples = [waveform.samples for waveform in waveforms]
        return FAMILIES[self._config.model_type].states(model, preprocessor, samples, self.layer)

    @cached_property
    def _digest(self) -> str:
        """SHA-256 of the files that determine the model's output, 16 hex digits."""
        _check_files(self.folder)
        files = [self.folder / name for name in SETTINGS] + sorted(self.folder.glob(WEIGHTS))
        digests = hashlib.sha256()
        with _reading(self.folder):
            for path in filter(Path.is_file, files):
                with path.open("rb") as file:
                    digests.update(hashlib.file_digest(file, "sha256").digest())
        return digests.hexdigest()[:16]

    @cached_property
    def _config(self) -> Any:
        _check_files(self.folder)
        config = _load(self.folder, "AutoConfig")
        if config.model_type == "whisper":
            raise FeatureError(
                f'{self.folder}: is a model of Whisper; use features.set = "whisper" with it as '
                "the source, in Python WhisperFrames"
            )
        if config.model_type not in FAMILIES or getattr(config, "add_adapter", False):
            raise FeatureError(
                f"{self.folder}: models of the kind {config.model_type!r} or with an adapter are "
                f"not supported; use one of {', '.join(FAMILIES)}, without an adapter"
            )
        if isinstance(self.layer, int) and self.layer > config.num_hidden_layers:
            raise FeatureError(
                f"{self.folder}: layer {self.layer} does not exist; choose 0 to "
                f"{config.num_hidden_layers}"
            )
        return config

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The encoder and its preprocessor."""
        preprocessor = _load(self.folder, "AutoFeatureExtractor")
        if not FAMILIES[self._config.model_type].matches(preprocessor):
            raise FeatureError(
                f"{self.folder}: preprocessor_config.json ({type(preprocessor).__name__}) does not "
                "match the model; copy both from where the model was published"
            )
        with _quiet():
            options = {"use_safetensors": True, "dtype": torch.float32}
            model, info = _load(self.folder, "AutoModel", output_loading_info=True, **options)
        # The embedding of masked frames serves training only; some published models lack it.
        needed = (key for key in info["missing_keys"] if not key.endswith("masked_spec_embed"))
        if missing := sorted(needed):
            raise FeatureError(
                f"{self.folder}: weights lack {missing[0]} and {len(missing) - 1} more; copy the "
                "folder again from where the model was published"
            )
        return model.to(self.device).eval(), preprocessor
