"""Power and mel spectra of frames, and log-mel features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, refuse_short
from voxaffect.features.packing import AudioChunk, PackedAudio, analyze_in_batches
from voxaffect.features.runtime import torch_threads


def mel(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Mel scale `1127 ln(1 + f / 700)`.

    >>> float(mel(1000.0).round(2))
    999.99
    """
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0))


def mel_triangles(n_fft: int, n_mels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Mel filter bank (n_fft / 2 + 1, n_mels): triangles of height 1, linear in mel.

    They are equally spaced from the first's lower to the last's upper edge.
    """
    bins = mel(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE_HZ))
    centers, spacing = np.linspace(mel(low_hz), mel(high_hz), n_mels + 2, retstep=True)
    distance = np.abs(bins[:, None] - centers[1:-1]) / spacing
    return np.asarray(np.maximum(0.0, 1.0 - distance))


def transform_size(n_samples: int) -> int:
    """FFT size for `n_samples`: the next power of two."""
    return 1 << (n_samples - 1).bit_length()


def power_spectrum(frames: Tensor, n_points: int | None = None) -> Tensor:
    """Power spectrum, float32 (..., n / 2 + 1), of frames zero-padded to `n_points`.

    Computed from real and imaginary parts: `abs` of a complex tensor takes several times as long.
    """
    real, imaginary = torch.view_as_real(torch.fft.rfft(frames, n_points)).square_().unbind(-1)
    return real + imaginary


def magnitude_spectrum(frames: Tensor) -> Tensor:
    """Magnitude spectrum, float32 (..., n / 2 + 1), of frames float32 (..., n).

    On a CPU NumPy takes the square roots, correctly rounded. PyTorch takes MKL's: a seventh of
    them is off by the last bit, and which ones depends on the CPU's vendor.
    """
    power = power_spectrum(frames)
    if power.device.type != "cpu":
        return power.sqrt_()
    roots = power.numpy()
    np.sqrt(roots, out=roots)
    return power


VERSION = 1  # to be increased when a definition changes, so that stored features are recomputed
POWER_FLOOR = 1e-6  # of a band before the logarithm; speech at -26 dB has about 1


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram extractor, of `n_mels` bands from `low_hz` to `high_hz`.

    A frame's values do not depend on other utterances in the batch. The device is PyTorch's, `cpu`
    or `cuda`.

    Raises:
        FeatureError: there is no band, a band holds no FFT bin, or frequencies are out of order.
    """

    grid: FrameGrid = FrameGrid()
    n_mels: int = 40
    low_hz: float = 20.0
    high_hz: float = SAMPLE_RATE_HZ / 2
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ / 2:
            raise FeatureError(
                f"mel bands from {self.low_hz:g} to {self.high_hz:g} Hz are out of range; choose "
                f"low_hz < high_hz within 0 to {SAMPLE_RATE_HZ / 2:g} Hz"
            )
        if self.n_mels < 1 or not self._bands().any(axis=0).all():
            raise FeatureError(
                f"{self.n_mels} mel bands from {self.low_hz:g} to {self.high_hz:g} Hz: choose at "
                f"least 1, and few enough that each contains an FFT bin ({self._n_fft} points)"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """`log_mel_1`, `log_mel_2` ..., from low to high."""
        return tuple(f"log_mel_{k}" for k in range(1, self.n_mels + 1))

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values; the device does not."""
        return {
            "extractor": "log-mel",
            "version": VERSION,
            "grid": asdict(self.grid),
            "n_mels": self.n_mels,
            "low_hz": float(self.low_hz),
            "high_hz": float(self.high_hz),
        }

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Log-mel spectra of each waveform, float32 (T, n_mels); AudioError if one has no frame."""
        refuse_short(waveforms, self.grid)
        recordings = [waveform.samples for waveform in waveforms]
        parts: list[list[NDArray[np.float32]]] = [[] for _ in waveforms]
        spectra = analyze_in_batches(recordings, self.grid, 0, self.device, self._spectra)
        for number, _, values in spectra:
            parts[number].append(values)
        return [np.concatenate(part) for part in parts]

    def _spectra(self, chunks: Sequence[AudioChunk]) -> list[NDArray[np.float32]]:
        packed = PackedAudio.pack(chunks, self.grid, 0, self.device)
        window = torch.hann_window(self.grid.window_samples, device=self.device)
        bands = torch.from_numpy(self._bands()).float().to(self.device)
        parts = []
        with torch_threads(1):
            for rows in packed.blocks():
                samples = packed.frame_samples(rows)
                frames = samples.unfold(0, self.grid.window_samples, self.grid.hop_samples)
                power = power_spectrum(frames * window, self._n_fft) @ bands
                parts.append(power.clamp_min_(POWER_FLOOR).log_().cpu())
        values = torch.cat(parts).numpy()
        return [values[rows] for rows in packed.parts]

    def _bands(self) -> NDArray[np.float64]:
        return mel_triangles(self._n_fft, self.n_mels, self.low_hz, self.high_hz)

    @property
    def _n_fft(self) -> int:
        return transform_size(self.grid.window_samples)
