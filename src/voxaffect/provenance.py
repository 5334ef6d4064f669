"""What a number rests on beside data and settings: versions, the processor, threads.

Nothing here tells the time: what is made twice from the same seed is the same twice.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import torch
from threadpoolctl import threadpool_info

import voxaffect

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "soundfile", "soxr", "joblib")


def versions() -> dict[str, str]:
    """Versions of this program and of what its numbers rest on, and the machine."""
    return {
        "voxaffect": voxaffect.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def numeric_environment(device: str = "cpu") -> dict[str, str | int]:
    """Who adds numbers up, and so in which order: it decides the last bits of a sum.

    Args:
        device: where a net computes, by PyTorch's name.
    """
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "blas_threads": max(blas, default=1),
        "device": _device_name(torch.device(device)),
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
