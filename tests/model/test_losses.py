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
    WEIGHTINGS,
    GradNormWeighting,
    Kind,
    TaskWeighting,
    UncertaintyWeighting,
    balanced_weights,
    frame_mask,
    task_losses,
)
from voxaffect.taxonomy import MISSING

PAPER, WITHOUT_ONE = torch.tensor([1.0, 0.1, 0.1]), torch.tensor([1.0, 0.0, 0.3])
LOSSES = torch.tensor([1.2, 0.7, 0.5])
each_start = pytest.mark.parametrize("weights", [PAPER, WITHOUT_ONE], ids=["paper", "one is 0"])


def test_fixed_weights_are_the_papers_sum_and_nothing_is_learned() -> None:
    made = TaskWeighting(PAPER, 1.5)
    assert made(LOSSES, ()).item() == pytest.approx(1.2 + 0.1 * 0.7 + 0.1 * 0.5)
    assert list(made.parameters()) == []


def slopes(made: UncertaintyWeighting, losses: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(made(losses, ()), [made.log_variance])
    return slope


@each_start
def test_uncertainty_begins_at_the_fixed_weights(weights: Tensor) -> None:
    losses = LOSSES.clone().requires_grad_()
    (found,) = torch.autograd.grad(UncertaintyWeighting(weights, 1.5)(losses, ()), [losses])
    torch.testing.assert_close(found, weights)


@each_start
def test_uncertainty_costs_and_slopes_are_those_of_the_formula(weights: Tensor) -> None:
    made = UncertaintyWeighting(weights, 1.5)
    s = -weights.log()
    cost = torch.where(weights > 0, (-s).exp() * LOSSES + s / 2, 0.0).sum()
    torch.testing.assert_close(made(LOSSES, ()), cost)
    expected = torch.where(weights > 0, 0.5 - (-s).exp() * LOSSES, 0.0)
    torch.testing.assert_close(slopes(made, LOSSES), expected)


@each_start
def test_uncertainty_settles_where_a_tasks_weight_is_half_its_losss_inverse(
    weights: Tensor,
) -> None:
    made = UncertaintyWeighting(weights, 1.5)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        made(LOSSES, ()).backward()
        optimizer.step()
    found, known = (-made.log_variance.detach()).exp(), weights > 0
    torch.testing.assert_close(found[known], 1 / (2 * LOSSES[known]), rtol=1e-2, atol=0)
    assert not made.log_variance[~known].any()


def test_a_batch_without_labels_of_a_task_leaves_its_uncertainty() -> None:
    made = UncertaintyWeighting(PAPER, 1.5)
    losses = torch.tensor([1.2, 0.0, 0.5])
    assert slopes(made, losses)[1] == 0
    assert slopes(made, losses)[0] == slopes(made, LOSSES)[0]


@pytest.mark.parametrize("kind", WEIGHTINGS)
def test_a_loss_that_is_not_a_number_shows(kind: Kind) -> None:
    made, shared = WEIGHTINGS[kind](PAPER, 1.5), torch.ones(3, requires_grad=True)
    total = made(LOSSES * shared * torch.tensor([math.nan, 1.0, 1.0]), [shared])
    assert total.isnan()


class Tasks:
    """Losses that are linear in the shared weights: L_k = c_k + a_k . w, so |dL_k| = |a_k|."""

    def __init__(self, *sizes: float) -> None:
        directions = torch.randn(len(sizes), 5, generator=torch.Generator().manual_seed(0))
        self.sizes = torch.tensor(sizes)
        self._slopes = self.sizes[:, None] * directions / directions.norm(dim=1, keepdim=True)
        self.shared = torch.zeros(5, requires_grad=True)

    def losses(self, values: Tensor) -> Tensor:
        """Losses of given values, and of the sizes of gradient."""
        found: Tensor = values + self._slopes @ self.shared
        return found


def pull(made: GradNormWeighting, tasks: Tasks, values: Tensor) -> Tensor:
    made.weights.grad = None
    made(tasks.losses(values), [tasks.shared])
    assert made.weights.grad is not None
    return made.weights.grad


def test_gradnorm_draws_every_tasks_gradient_to_their_mean() -> None:
    """At first all tasks have trained alike; the norms are 2, 0.4 and 0.1, their mean 0.8333."""
    found = pull(GradNormWeighting(PAPER, 1.5), Tasks(2.0, 4.0, 1.0), torch.ones(3))
    torch.testing.assert_close(found, torch.tensor([2.0, -4.0, -1.0]))


@pytest.mark.parametrize(
    ("weights", "first", "now"),
    [
        ([1.0, 0.4, 0.3], [1.0, 2.0, 3.0], [0.9, 0.2, 2.5]),
        ([0.5, 0.5, 1.0], [2.0, 1.0, 0.5], [0.4, 0.9, 0.4]),
    ],
)
def test_gradnorm_pulls_as_the_derivative_of_its_cost_with_the_target_held(
    weights: list[float], first: list[float], now: list[float]
) -> None:
    begin, before, after = (torch.tensor(values) for values in (weights, first, now))
    made, tasks = GradNormWeighting(begin, 0.7), Tasks(2.0, 1.0, 3.0)
    pull(made, tasks, before)
    found = pull(made, tasks, after)
    ratio, norms = (after / before).double(), tasks.sizes.double()
    target = (begin * norms).mean() * (ratio / ratio.mean()) ** 0.7

    def cost(shift: Tensor) -> Tensor:
        return ((begin + shift) * norms - target).abs().sum()

    step = 1e-5
    for k in range(3):
        shift = torch.zeros(3, dtype=torch.float64)
        shift[k] = step
        slope = (cost(shift) - cost(-shift)) / (2 * step)
        assert found[k].item() == pytest.approx(slope.item(), rel=1e-4)


@pytest.mark.parametrize("asymmetry", [0.0, 1.5])
def test_gradnorm_gives_a_slow_task_more_if_asymmetric(asymmetry: float) -> None:
    """Equal gradients; the second task's loss has fallen less."""
    made, tasks = GradNormWeighting(torch.ones(2), asymmetry), Tasks(1.0, 1.0)
    pull(made, tasks, torch.ones(2))
    made.weights.data = torch.tensor([1.0, 1.0 + 1e-4])  # past rounding of equal norms
    found = pull(made, tasks, torch.tensor([0.2, 0.9]))
    assert found.sign().tolist() == ([1.0, -1.0] if asymmetry else [-1.0, 1.0])


@each_start
def test_gradnorm_brings_the_norms_together_and_keeps_the_sum(weights: Tensor) -> None:
    made, tasks = GradNormWeighting(weights, 1.5), Tasks(2.0, 4.0, 1.0)
    optimizer, known = torch.optim.Adam(made.parameters(), lr=2e-3), weights > 0
    for _ in range(400):
        pull(made, tasks, torch.ones(3))
        optimizer.step()
        pull(made, tasks, torch.ones(3))
        torch.testing.assert_close(made.weights.detach().sum(), weights.sum())
        assert (made.weights[known] > 0).all()
        assert not made.weights[~known].any()
    norms = (made.weights.detach() * tasks.sizes)[known]
    torch.testing.assert_close(norms / norms.mean(), torch.ones(len(norms)), rtol=0.05, atol=0)


def test_gradnorm_leaves_out_tasks_without_labels_or_weight() -> None:
    unlabeled = torch.tensor([1.0, 0.0, 1.0])
    found = pull(GradNormWeighting(PAPER, 1.5), Tasks(2.0, 4.0, 1.0), unlabeled)
    torch.testing.assert_close(found, torch.tensor([2.0, 0.0, -1.0]))  # norms 2 > 0.1
    found = pull(GradNormWeighting(WITHOUT_ONE, 1.5), Tasks(1.0, 9.0, 3.0), torch.ones(3))
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, -3.0]))  # norms 1 > 0.9


def test_gradnorm_counts_from_the_first_batch_that_has_labels() -> None:
    made, tasks = GradNormWeighting(torch.ones(2), 1.0), Tasks(1.0, 1.0)
    pull(made, tasks, torch.tensor([4.0, 0.0]))
    pull(made, tasks, torch.tensor([2.0, 3.0]))
    assert made.first_losses.tolist() == [4.0, 3.0]


def test_gradnorm_weighs_by_its_weights_and_trains_the_net_alone() -> None:
    made, tasks = GradNormWeighting(PAPER, 1.5), Tasks(2.0, 4.0, 1.0)
    total = made(tasks.losses(LOSSES), [tasks.shared])
    torch.testing.assert_close(total, (PAPER * LOSSES).sum())
    assert made.weights.grad is not None
    before = made.weights.grad.clone()
    total.backward()
    assert torch.equal(made.weights.grad, before)
    assert tasks.shared.grad is not None


def test_gradnorm_weights_stay_positive() -> None:
    made = GradNormWeighting(torch.tensor([1.0, 0.1]), 1.5)
    with torch.no_grad():
        made.weights.copy_(torch.tensor([1.3, -0.2]))
    pull(made, Tasks(1.0, 1.0), torch.ones(2))
    assert 0 < made.weights[1] <= MIN_WEIGHT
    assert made.weights.sum().item() == pytest.approx(1.1)


def loss(logits: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor | None = None) -> Tensor:
    """The loss of one task."""
    of_class = None if weights is None else {"emotion": weights}
    return task_losses({"emotion": logits}, {"emotion": targets}, lengths, of_class)[0]


def row_by_row(
    logits: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The loss over the frames of all rows with a label, gathered without padding."""
    rows = [b for b, target in enumerate(targets.tolist()) if target != MISSING and lengths[b]]
    if not rows:
        return torch.tensor(0.0)
    scores = torch.cat([logits[: int(lengths[b]), b] for b in rows])
    labels = torch.cat([targets[b].expand(int(lengths[b])) for b in rows])
    return cross_entropy(scores, labels, weight=weights)


def test_the_frames_of_a_row_are_inside_and_padding_is_not() -> None:
    inside = frame_mask(torch.tensor([3, 0, 2]), 4)
    assert inside.int().T.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]


def test_uniform_scores_cost_the_logarithm_of_the_number_of_classes() -> None:
    lengths, targets = torch.tensor([3, 2]), torch.tensor([0, 3])
    assert loss(torch.zeros(3, 2, 4), targets, lengths).item() == pytest.approx(math.log(4))


@given(
    n_frames=st.integers(1, 6),
    n_rows=st.integers(1, 5),
    is_weighted=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_losses_and_gradients_are_those_of_the_frames_that_count(
    n_frames: int, n_rows: int, is_weighted: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_frames, n_rows, 4, generator=generator, requires_grad=True)
    targets = torch.randint(MISSING, 4, (n_rows,), generator=generator)
    lengths = torch.randint(0, n_frames + 1, (n_rows,), generator=generator)
    weights = 0.1 + torch.rand(4, generator=generator) if is_weighted else None
    found, expected = (way(logits, targets, lengths, weights) for way in (loss, row_by_row))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(found, [logits])
    if expected.requires_grad:
        (wanted,) = torch.autograd.grad(expected, [logits])
        torch.testing.assert_close(slope, wanted, rtol=1e-5, atol=1e-6)
    else:
        assert slope.abs().sum() == 0


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_masked_frames_have_neither_loss_nor_gradient() -> None:
    logits = noise(3, 2, 4).requires_grad_()
    targets, lengths = torch.tensor([1, MISSING]), torch.tensor([2, 3])
    found = loss(logits, targets, lengths)
    found.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, cross_entropy(logits[:2, 0], torch.tensor([1, 1])))
    assert logits.grad is not None
    assert logits.grad[2, 0].abs().sum() == 0
    assert logits.grad[:, 1].abs().sum() == 0


def test_a_task_without_any_label_costs_nothing() -> None:
    found = loss(noise(2, 1, 4), torch.full((1,), MISSING), torch.tensor([2]))
    assert found.item() == 0.0


def test_tasks_come_in_the_order_of_their_scores_each_on_its_own_labels() -> None:
    logits = {"gender": noise(3, 2, 2), "emotion": noise(3, 2, 4)}
    targets = {"emotion": torch.tensor([1, 2]), "gender": torch.tensor([MISSING, 1])}
    lengths = torch.tensor([3, 2])
    expected = [row_by_row(logits[t], targets[t], lengths) for t in logits]
    torch.testing.assert_close(task_losses(logits, targets, lengths), torch.stack(expected))


def test_parts_of_a_batch_divided_by_the_whole_mass_add_up_to_its_loss() -> None:
    """What several processes compute of one batch is its mean, however unequal their shares."""
    logits = {"emotion": noise(5, 7, 4)}
    targets = {"emotion": torch.tensor([0, 1, MISSING, 3, 2, 1, 0])}
    lengths = torch.tensor([5, 1, 3, 2, 4, 5, 1])
    mass = lengths[targets["emotion"] != MISSING].sum().float()
    parts = [
        task_losses(
            {"emotion": logits["emotion"][:, rank::3]},
            {"emotion": targets["emotion"][rank::3]},
            lengths[rank::3],
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
