"""Log-mel spectra: the logarithm of the power in triangular bands of a Hann-windowed frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lengths import refuse_short
from voxaffect.features.mel import mel_triangles
from voxaffect.features.spectra import power_spectrum, transform_size
from voxaffect.features.tape import Stretch, Tape, observe_all
from voxaffect.features.threads import threads

VERSION = 1
"""Raised whenever a definition changes, so that stored features are computed anew."""

POWER_FLOOR = 1e-6
"""Least power of a band whose logarithm is taken; speech at -26 dB has about 1."""


@dataclass(frozen=True)
class LogMel:
    """Computes log-mel spectra of many utterances at once.

    A frame's values depend on its own utterance alone, whatever else is in the batch.

    Args:
        grid: where the frames lie.
        n_mels: bands.
        low_hz: where the first band begins.
        high_hz: where the last band ends, at most half the sample rate.
        device: where PyTorch computes, `cpu` or `cuda`.

    Raises:
        FeatureError: there is no band, a band holds no bin of the transform, or the frequencies
            are out of order.
    """

    grid: FrameGrid = FrameGrid()
    n_mels: int = 40
    low_hz: float = 20.0
    high_hz: float = SAMPLE_RATE_HZ / 2
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ / 2:
            raise FeatureError(
                f"mel bands from {self.low_hz:g} to {self.high_hz:g} Hz: choose rising frequencies "
                f"from 0 to {SAMPLE_RATE_HZ / 2:g} Hz"
            )
        if self.n_mels < 1 or not self._bands().any(axis=0).all():
            raise FeatureError(
                f"{self.n_mels} mel bands from {self.low_hz:g} to {self.high_hz:g} Hz: choose at "
                f"least one, and so few that each holds a bin of {self._n_fft} points"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """`log_mel_1` and so on, from low to high."""
        return tuple(f"log_mel_{k}" for k in range(1, self.n_mels + 1))

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values."""
        return {
            "extractor": "log-mel",
            "version": VERSION,
            "grid": asdict(self.grid),
            "n_mels": self.n_mels,
            "low_hz": float(self.low_hz),
            "high_hz": float(self.high_hz),
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> LogMel:
        """The extractor whose `settings()` these are, less the version."""
        rest = {k: v for k, v in settings.items() if k not in {"extractor", "version", "grid"}}
        return cls(FrameGrid(**settings["grid"]), **rest)  # type: ignore[arg-type]

    @torch.inference_mode()
    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Spectra of every waveform.

        Args:
            waveforms: N of them, each at least one frame long.

        Returns:
            N arrays, float32 (T, n_mels).

        Raises:
            AudioError: a waveform is shorter than one frame.
        """
        refuse_short(waveforms, self.grid)
        recordings = [waveform.samples for waveform in waveforms]
        parts: list[list[NDArray[np.float32]]] = [[] for _ in waveforms]
        for number, _, values in observe_all(recordings, self.grid, 0, self.device, self._spectra):
            parts[number].append(values)
        return [np.concatenate(part) for part in parts]

    def _spectra(self, stretches: Sequence[Stretch]) -> list[NDArray[np.float32]]:
        """Log powers of the frames of stretches, float32 (T, n_mels) each."""
        tape = Tape.lay(stretches, self.grid, 0, self.device)
        window = torch.hann_window(self.grid.window_samples, device=self.device)
        bands = torch.from_numpy(self._bands()).float().to(self.device)
        parts = []
        with threads(1):
            for rows in tape.blocks():
                samples = tape.frame_samples(rows)
                frames = samples.unfold(0, self.grid.window_samples, self.grid.hop_samples)
                power = power_spectrum(frames * window, self._n_fft) @ bands
                parts.append(power.clamp_min_(POWER_FLOOR).log_().cpu())
        values = torch.cat(parts).numpy()
        return [values[rows] for rows in tape.parts]

    def _bands(self) -> NDArray[np.float64]:
        return mel_triangles(self._n_fft, self.n_mels, self.low_hz, self.high_hz)

    @property
    def _n_fft(self) -> int:
        return transform_size(self.grid.window_samples)
