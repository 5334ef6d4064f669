from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from voxaffect.model.losses import (
    MIN_WEIGHT,
    GradNormWeighting,
    Kind,
    TaskWeighting,
    UncertaintyWeighting,
    balanced_weights,
    frame_mass,
    inside,
    row_weights,
    task_losses,
    weighting,
)
from voxaffect.taxonomy import MISSING

PAPER = torch.tensor([[1.0, 0.1, 0.1], [1.0, 0.0, 0.3]])
LOSSES = torch.tensor([[1.2, 0.7, 0.5], [0.9, 0.6, 2.0]])
KINDS: dict[Kind, type[TaskWeighting]] = {
    "fixed": TaskWeighting,
    "uncertainty": UncertaintyWeighting,
    "gradnorm": GradNormWeighting,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_named(kind: Kind) -> None:
    made = weighting(kind, PAPER, 1.5)
    assert type(made) is KINDS[kind]
    assert torch.equal(made.initial, PAPER)


def test_fixed_weights_are_the_papers_sum_and_nothing_is_learned() -> None:
    made = TaskWeighting(PAPER)
    expected = torch.tensor([1.2 + 0.1 * 0.7 + 0.1 * 0.5, 0.9 + 0.3 * 2.0])
    torch.testing.assert_close(made(LOSSES, ()), expected)
    assert list(made.parameters()) == []


def slopes(made: UncertaintyWeighting, losses: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(made(losses, ()).sum(), [made.log_variance])
    return slope


def test_uncertainty_begins_at_the_fixed_weights() -> None:
    losses = LOSSES.clone().requires_grad_()
    (weights,) = torch.autograd.grad(UncertaintyWeighting(PAPER)(losses, ()).sum(), [losses])
    torch.testing.assert_close(weights, PAPER)


def test_uncertainty_costs_and_slopes_are_those_of_the_formula() -> None:
    made = UncertaintyWeighting(PAPER)
    s = -PAPER.log()
    cost = torch.where(PAPER > 0, (-s).exp() * LOSSES + s / 2, 0.0).sum(1)
    torch.testing.assert_close(made(LOSSES, ()), cost)
    expected = torch.where(PAPER > 0, 0.5 - (-s).exp() * LOSSES, 0.0)
    torch.testing.assert_close(slopes(made, LOSSES), expected)


def test_uncertainty_settles_where_a_tasks_weight_is_half_its_losss_inverse() -> None:
    made = UncertaintyWeighting(PAPER)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        made(LOSSES, ()).sum().backward()
        optimizer.step()
    weights = (-made.log_variance.detach()).exp()
    known = PAPER > 0
    torch.testing.assert_close(weights[known], 1 / (2 * LOSSES[known]), rtol=1e-2, atol=0)
    assert made.log_variance[1, 1] == 0


def test_a_batch_without_labels_of_a_task_says_nothing_of_its_uncertainty() -> None:
    made = UncertaintyWeighting(PAPER)
    losses = LOSSES.clone()
    losses[0, 1] = 0.0
    assert slopes(made, losses)[0, 1] == 0
    torch.testing.assert_close(made(losses, ())[1], made(LOSSES, ())[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_no_number_shows_in_its_net_alone(kind: Kind) -> None:
    made, shared = weighting(kind, PAPER, 1.5), torch.ones(2, 3, requires_grad=True)
    spoilt = torch.tensor([[math.nan, 1.0, 1.0], [1.0, 1.0, 1.0]])
    losses = LOSSES * shared
    total = made(losses * spoilt, [shared])
    assert total.isnan().tolist() == [True, False]
    assert total[1] == weighting(kind, PAPER, 1.5)(losses, [shared])[1]
    made.settle()
    assert all(parameter.isfinite().all() for parameter in made.parameters())


class Tasks:
    """Losses that are linear in the shared weights: L_k = c_k + a_k . w, so |dL_k| = |a_k|."""

    def __init__(self, sizes: list[list[float]]) -> None:
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(len(sizes), len(sizes[0]), 5, generator=generator)
        self.sizes = torch.tensor(sizes)
        self._slopes = self.sizes[..., None] * directions / directions.norm(dim=2, keepdim=True)
        self.shared = torch.zeros(len(sizes), 5, requires_grad=True)

    def losses(self, values: Tensor) -> Tensor:
        """Losses of given values, and of the sizes of gradient."""
        found: Tensor = values + (self._slopes * self.shared[:, None]).sum(2)
        return found


def pull(made: GradNormWeighting, tasks: Tasks, values: Tensor) -> Tensor:
    made.weights.grad = None
    made(tasks.losses(values), [tasks.shared])
    assert made.weights.grad is not None
    return made.weights.grad


def test_gradnorm_draws_every_tasks_gradient_to_their_mean() -> None:
    """At first all tasks have trained alike; the norms are 2, 0.4 and 0.1, their mean 0.8333."""
    made = GradNormWeighting(torch.tensor([[1.0, 0.1, 0.1]]), 1.5)
    found = pull(made, Tasks([[2.0, 4.0, 1.0]]), torch.ones(1, 3))
    torch.testing.assert_close(found, torch.tensor([[2.0, -4.0, -1.0]]))


def test_gradnorm_pulls_as_the_derivative_of_its_cost_with_the_target_held() -> None:
    weights, sizes = torch.tensor([[1.0, 0.4, 0.3], [0.5, 0.5, 1.0]]), [[2.0, 1.0, 3.0]] * 2
    made, tasks = GradNormWeighting(weights, 0.7), Tasks(sizes)
    first = torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 0.5]])
    now = torch.tensor([[0.9, 0.2, 2.5], [0.4, 0.9, 0.4]])
    pull(made, tasks, first)
    found = pull(made, tasks, now)
    ratio = (now / first).double()
    norms = tasks.sizes.double()
    mean = (weights * norms).mean(1, keepdim=True)
    target = mean * (ratio / ratio.mean(1, keepdim=True)) ** 0.7

    def cost(shift: Tensor) -> Tensor:
        return ((weights + shift) * norms - target).abs().sum()

    step = 1e-5
    for s in range(2):
        for k in range(3):
            shift = torch.zeros(2, 3, dtype=torch.float64)
            shift[s, k] = step
            slope = (cost(shift) - cost(-shift)) / (2 * step)
            assert found[s, k].item() == pytest.approx(slope.item(), rel=1e-4)


def test_gradnorm_gives_a_slow_task_more_and_the_more_the_asymmetry() -> None:
    """Equal gradients; the second task's loss has fallen less."""
    for asymmetry, signs in ((1.5, [1.0, -1.0]), (0.0, [0.0, 0.0])):
        made, tasks = GradNormWeighting(torch.ones(1, 2), asymmetry), Tasks([[1.0, 1.0]])
        pull(made, tasks, torch.ones(1, 2))
        found = pull(made, tasks, torch.tensor([[0.2, 0.9]]))
        if asymmetry:
            assert found.sign().tolist() == [signs]
        else:
            assert made.weights.detach().tolist() == [[1.0, 1.0]]


def test_gradnorm_brings_the_norms_together_and_keeps_the_sum() -> None:
    made, tasks = GradNormWeighting(PAPER.clone(), 1.5), Tasks([[2.0, 4.0, 1.0], [1.0, 9.0, 3.0]])
    optimizer = torch.optim.Adam(made.parameters(), lr=2e-3)
    for _ in range(400):
        pull(made, tasks, torch.ones(2, 3))
        optimizer.step()
        made.settle()
        torch.testing.assert_close(made.weights.detach().sum(1), PAPER.sum(1))
        assert (made.weights[PAPER > 0] > 0).all()
        assert made.weights[1, 1] == 0
    norms = made.weights.detach() * tasks.sizes
    for s, k in ((0, [0, 1, 2]), (1, [0, 2])):
        torch.testing.assert_close(
            norms[s, k] / norms[s, k].mean(), torch.ones(len(k)), rtol=0.05, atol=0
        )


def test_gradnorm_leaves_out_tasks_without_labels_or_weight() -> None:
    made, tasks = GradNormWeighting(PAPER.clone(), 1.5), Tasks([[2.0, 4.0, 1.0], [1.0, 9.0, 3.0]])
    found = pull(made, tasks, torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]))
    assert found[0, 1] == found[1, 1] == 0
    expected = torch.tensor([[2.0, 0.0, -1.0], [1.0, 0.0, -3.0]])  # norms 2 > 0.1 and 1 > 0.9
    torch.testing.assert_close(found, expected)


def test_gradnorm_counts_from_the_first_batch_that_has_labels() -> None:
    made, tasks = GradNormWeighting(torch.ones(1, 2), 1.0), Tasks([[1.0, 1.0]])
    pull(made, tasks, torch.tensor([[4.0, 0.0]]))
    pull(made, tasks, torch.tensor([[2.0, 3.0]]))
    assert made.first_losses.tolist() == [[4.0, 3.0]]


def test_gradnorm_weighs_by_its_weights_and_trains_the_net_alone() -> None:
    made, tasks = GradNormWeighting(PAPER.clone(), 1.5), Tasks([[2.0, 4.0, 1.0], [1.0, 9.0, 3.0]])
    losses = tasks.losses(LOSSES)
    total = made(losses, [tasks.shared])
    torch.testing.assert_close(total, (PAPER * LOSSES).sum(1))
    before = None if made.weights.grad is None else made.weights.grad.clone()
    total.sum().backward()
    assert before is not None
    assert torch.equal(made.weights.grad, before)  # type: ignore[arg-type]
    assert tasks.shared.grad is not None


def test_gradnorm_weights_stay_positive() -> None:
    made = GradNormWeighting(torch.tensor([[1.0, 0.1]]), 1.5)
    with torch.no_grad():
        made.weights.copy_(torch.tensor([[1.3, -0.2]]))
    made.settle()
    assert 0 < made.weights[0, 1] <= MIN_WEIGHT
    assert made.weights.sum().item() == pytest.approx(1.1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_weighting_of_some_nets_is_theirs_and_a_copy(kind: Kind) -> None:
    made = weighting(kind, torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3]]), 1.5)
    tasks = Tasks([[1.0, 2.0]] * 3)
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    expected = made(tasks.losses(values), [tasks.shared])[[2, 0]]
    fewer = made.narrowed([2, 0])
    assert made.initial.shape == (3, 2)
    for own, whole in zip(
        (*fewer.buffers(), *fewer.parameters()), (*made.buffers(), *made.parameters()), strict=True
    ):
        assert torch.equal(own, whole[[2, 0]])
        assert own.data_ptr() != whole.data_ptr()
    two = Tasks([[1.0, 2.0]] * 2)
    torch.testing.assert_close(fewer(two.losses(values[[2, 0]]), [two.shared]), expected)


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
