from __future__ import annotations

import itertools

import torch

from voxaffect.model.seeds import Stream, generator


def drawn(seed: int, stream: Stream) -> list[float]:
    return torch.rand(4, generator=generator(seed, stream)).tolist()


def test_each_seed_and_each_purpose_has_a_stream_of_its_own() -> None:
    seeds = (0, 1, 2, 3, 2**40)
    streams = [tuple(drawn(*which)) for which in itertools.product(seeds, Stream)]
    assert len(set(streams)) == len(seeds) * len(Stream)


def test_the_same_purpose_of_the_same_seed_is_the_same_stream() -> None:
    assert all(drawn(7, stream) == drawn(7, stream) for stream in Stream)


def test_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    drawn(3, Stream.ORDER)
    assert torch.equal(before, torch.random.get_rng_state())
