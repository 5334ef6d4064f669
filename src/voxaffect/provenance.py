"""What results depend on besides data and settings: versions, hardware and threads.

Holds no timestamps, so that two runs from the same seed write the same files.
"""

import os
import platform
from importlib.metadata import version

import torch
from threadpoolctl import threadpool_info

from voxaffect.version import __version__

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "soundfile", "soxr", "joblib")


def versions() -> dict[str, str]:
    """Versions of voxaffect, Python and the numeric libraries, and the machine."""
    return {
        "voxaffect": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def numeric_environment(device: str = "cpu") -> dict[str, str | int]:
    """Instruction set, threads and device (PyTorch's name): they set the last bits of sums."""
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    kind = torch.device(device).type
    return {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "blas_threads": max(blas, default=1),
        "device": torch.cuda.get_device_name(device) if kind == "cuda" else kind,
    }
