from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, torch
from voxaffect.memory import keep_freed_memory
{call}
def step():
    return torch.zeros(64 << 18).sum()  # 64 MiB, taken and given back
for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    """Page faults of ten steps that take and give back the same memory."""
    words = [sys.executable, "-c", SCRIPT.format(call=call)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_kept_memory_faults_less_than_half_as_often() -> None:
    assert faults("keep_freed_memory()") * 2 < faults("")


def test_loading_looks_for_no_garbage_and_leaves_things_as_they_were() -> None:
    code = (
        "import gc; from voxaffect.memory import loading\n"
        "with loading(): assert not gc.isenabled()\n"
        "assert gc.isenabled() and gc.get_freeze_count()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
