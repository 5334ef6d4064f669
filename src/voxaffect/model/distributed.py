"""One net on several processes, as `torchrun` starts them; without it, the one process there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from voxaffect.model.multitask import MultiTaskNet


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the other processes while it lasts, if `torchrun` has started several.

    Args:
        device: where the net is trained; decides how gradients travel.
    """
    if not distributed.is_torchelastic_launched():
        yield
        return
    is_cuda = torch.device(device).type == "cuda"
    if is_cuda:
        torch.cuda.set_device(distributed.get_node_local_rank())
    distributed.init_process_group("nccl" if is_cuda else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """This process's rank, and how many there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The first process does what follows; the others when it is done, and find its work there."""
    rank, world = place()
    if world > 1 and rank > 0:
        distributed.barrier()
    yield
    if world > 1 and rank == 0:
        distributed.barrier()


def summed(value: Tensor) -> Tensor:
    """Sum over all processes, without a gradient."""
    if place()[1] > 1:
        distributed.all_reduce(value)
    return value


def shared(net: MultiTaskNet) -> MultiTaskNet | DistributedDataParallel:
    """The net, whose gradients become the mean over all processes if there are several."""
    return DistributedDataParallel(net) if place()[1] > 1 else net
