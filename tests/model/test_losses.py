from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from voxaffect.model.losses import balanced_weights, frame_mass, inside, row_weights, task_losses
from voxaffect.taxonomy import MISSING


def loss(logits: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor | None = None) -> Tensor:
    """The loss (S,) of one task."""
    of_class = None if weights is None else {"emotion": weights}
    return task_losses({"emotion": logits}, {"emotion": targets}, lengths, of_class)[:, 0]


def by_the_library(
    logits: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor | None = None
) -> Tensor:
    """One net's loss: every frame bears its utterance's label, padding bears none."""
    n_frames = logits.shape[0]
    wanted = [
        torch.where(torch.arange(n_frames) < n, target, MISSING)
        for n, target in zip(lengths.tolist(), targets, strict=True)
    ]
    labels = torch.stack(wanted, 1)  # (T, B)
    if (labels == MISSING).all():
        return torch.tensor(0.0)
    return cross_entropy(
        logits.flatten(0, 1), labels.flatten(), weight=weights, ignore_index=MISSING
    )


def test_the_frames_of_a_row_are_inside_and_padding_is_not() -> None:
    counted = inside(torch.tensor([[3, 0, 2]]), 4)
    assert counted[0].T.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]


def test_every_frame_bears_its_utterances_label_and_weight() -> None:
    targets = torch.tensor([[2, MISSING], [0, 1]])
    assert row_weights(targets).tolist() == [[1, 0], [1, 1]]
    weights = row_weights(targets, torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert weights.tolist() == [[3, 0], [4, 5]]
    assert frame_mass(weights, torch.tensor([[2, 9], [1, 3]])).tolist() == [6, 19]


def test_uniform_scores_cost_the_logarithm_of_the_number_of_classes() -> None:
    lengths, targets = torch.tensor([[3, 2]]), torch.tensor([[0, 3]])
    assert loss(torch.zeros(1, 3, 2, 4), targets, lengths).item() == pytest.approx(math.log(4))


@given(
    n_frames=st.integers(1, 6),
    n_rows=st.integers(1, 5),
    n_nets=st.integers(1, 3),
    is_weighted=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_losses_and_gradients_are_those_of_the_library_net_by_net(
    n_frames: int, n_rows: int, n_nets: int, is_weighted: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_nets, n_frames, n_rows, 4, generator=generator, requires_grad=True)
    targets = torch.randint(MISSING, 4, (n_nets, n_rows), generator=generator)
    lengths = torch.randint(0, n_frames + 1, (n_nets, n_rows), generator=generator)
    weights = 0.1 + torch.rand(n_nets, 4, generator=generator) if is_weighted else None
    found = loss(logits, targets, lengths, weights)
    own = [None] * n_nets if weights is None else list(weights)
    expected = torch.stack(
        [by_the_library(*net) for net in zip(logits, targets, lengths, own, strict=True)]
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(found.sum(), [logits])
    if expected.requires_grad:
        (wanted,) = torch.autograd.grad(expected.sum(), [logits])
        torch.testing.assert_close(slope, wanted, rtol=1e-5, atol=1e-6)
    else:
        assert slope.abs().sum() == 0


def test_masked_frames_have_neither_loss_nor_gradient() -> None:
    logits = torch.randn(1, 3, 2, 4, requires_grad=True)
    targets, lengths = torch.tensor([[1, MISSING]]), torch.tensor([[2, 3]])
    found = loss(logits, targets, lengths)
    found.sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found[0], cross_entropy(logits[0, :2, 0], torch.tensor([1, 1])))
    assert logits.grad is not None
    assert logits.grad[0, 2, 0].abs().sum() == 0
    assert logits.grad[0, :, 1].abs().sum() == 0


def test_a_task_without_any_label_costs_nothing() -> None:
    found = loss(torch.randn(1, 2, 1, 4), torch.full((1, 1), MISSING), torch.tensor([[2]]))
    assert found.item() == 0.0


def test_tasks_come_in_the_order_of_their_scores_each_on_its_own_labels() -> None:
    logits = {"gender": torch.randn(1, 3, 2, 2), "emotion": torch.randn(1, 3, 2, 4)}
    targets = {"emotion": torch.tensor([[1, 2]]), "gender": torch.tensor([[MISSING, 1]])}
    lengths = torch.tensor([[3, 2]])
    expected = [by_the_library(logits[t][0], targets[t][0], lengths[0]) for t in logits]
    torch.testing.assert_close(task_losses(logits, targets, lengths), torch.stack(expected)[None])


def test_parts_of_a_batch_divided_by_the_whole_mass_add_up_to_its_loss() -> None:
    """What several processes compute of one batch is its mean, however unequal their shares."""
    logits = {"emotion": torch.randn(1, 5, 7, 4)}
    targets = {"emotion": torch.tensor([[0, 1, MISSING, 3, 2, 1, 0]])}
    lengths = torch.tensor([[5, 1, 3, 2, 4, 5, 1]])
    mass = frame_mass(row_weights(targets["emotion"]), lengths)
    parts = [
        task_losses(
            {"emotion": logits["emotion"][:, :, rank::3]},
            {"emotion": targets["emotion"][:, rank::3]},
            lengths[:, rank::3],
            over_processes=lambda _: mass,
        )
        for rank in range(3)
    ]
    torch.testing.assert_close(sum(parts), task_losses(logits, targets, lengths))


def test_balanced_weights_give_each_present_class_the_same_mass() -> None:
    targets = torch.tensor([0, 0, 1, MISSING, 3])
    frames = torch.tensor([10, 30, 5, 100, 15])
    weights = balanced_weights(targets, frames, 4)
    mass = torch.tensor([40.0, 5.0, 0.0, 15.0]) * weights
    torch.testing.assert_close(mass, torch.tensor([20.0, 20.0, 0.0, 20.0]))
