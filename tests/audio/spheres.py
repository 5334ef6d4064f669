"""NIST SPHERE files, written by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 1_024


def sphere(
    data: bytes,
    rate_hz: int,
    *,
    n_channels: int = 1,
    n_bytes: int = 2,
    coding: str = "pcm",
    count: int | None = None,
) -> bytes:
    """SPHERE file whose header announces all samples, or `count`."""
    n_samples = len(data) // (n_bytes * n_channels) if count is None else count
    lines = [
        f"NIST_1A\n{HEADER_BYTES:7d}",
        f"channel_count -i {n_channels}",
        f"sample_count -i {n_samples}",
        f"sample_rate -i {rate_hz}",
        f"sample_n_bytes -i {n_bytes}",
        f"sample_byte_format -s{n_bytes} {'01'[:n_bytes]}",
        f"sample_sig_bits -i {8 * n_bytes}",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head\n",
    ]
    return "\n".join(lines).encode().ljust(HEADER_BYTES) + data


def pcm(samples: NDArray[np.floating]) -> bytes:
    """Little-endian 16-bit PCM of samples within -1 to 1; channels of (n_samples, 2) alternate."""
    return np.round(samples * 32_767).astype("<i2").tobytes()
