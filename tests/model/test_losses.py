from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from voxaffect.model.losses import (
    balanced_weights,
    frame_targets,
    masked_cross_entropy,
    multitask_loss,
)
from voxaffect.taxonomy import MISSING


def test_every_frame_bears_its_utterances_label_and_padding_bears_none() -> None:
    wanted = frame_targets(torch.tensor([2, MISSING]), torch.tensor([3, 2]), 4)
    assert wanted.tolist() == [[2, 2, 2, MISSING], [MISSING] * 4]


def test_uniform_scores_cost_the_logarithm_of_the_number_of_classes() -> None:
    loss = masked_cross_entropy(torch.zeros(2, 3, 4), torch.tensor([[0, 1, 2], [3, 0, 1]]))
    assert loss.item() == pytest.approx(math.log(4))


def test_masked_frames_have_neither_loss_nor_gradient() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    targets = torch.tensor([[0, 1, MISSING], [MISSING, MISSING, MISSING]])
    loss = masked_cross_entropy(logits, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, cross_entropy(logits[0, :2], targets[0, :2]))
    assert logits.grad is not None
    assert logits.grad[0, 2].abs().sum() == 0
    assert logits.grad[1].abs().sum() == 0


def test_a_task_without_any_label_costs_nothing() -> None:
    loss = masked_cross_entropy(torch.randn(1, 2, 4), torch.full((1, 2), MISSING))
    assert loss.item() == 0.0


def test_class_weights_are_those_of_the_reference() -> None:
    logits, targets = torch.randn(2, 3, 4), torch.tensor([[0, 1, 2], [3, 0, 1]])
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0])
    expected = cross_entropy(logits.flatten(0, 1), targets.flatten(), weights)
    torch.testing.assert_close(masked_cross_entropy(logits, targets, weights), expected)


def test_the_total_is_the_weighted_sum_of_the_tasks() -> None:
    logits = {"emotion": torch.randn(2, 3, 4), "gender": torch.randn(2, 3, 2)}
    targets = {"emotion": torch.tensor([1, 2]), "gender": torch.tensor([MISSING, 1])}
    lengths = torch.tensor([3, 2])
    parts = [
        multitask_loss(logits, targets, lengths, {task: 1.0}) for task in ("emotion", "gender")
    ]
    total = multitask_loss(logits, targets, lengths, {"emotion": 1.0, "gender": 0.1})
    torch.testing.assert_close(total, parts[0] + 0.1 * parts[1])


def test_balanced_weights_give_each_present_class_the_same_mass() -> None:
    targets = torch.tensor([0, 0, 1, MISSING, 3])
    frames = torch.tensor([10, 30, 5, 100, 15])
    weights = balanced_weights(targets, frames, 4)
    mass = torch.tensor([40.0, 5.0, 0.0, 15.0]) * weights
    torch.testing.assert_close(mass, torch.tensor([20.0, 20.0, 0.0, 20.0]))
