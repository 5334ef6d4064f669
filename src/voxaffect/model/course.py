"""How far a training is: which epoch is the best so far, and how many may follow."""

from __future__ import annotations

from dataclasses import dataclass, field

from voxaffect.model.settings import Epoch


@dataclass
class Course:
    """The epochs of a training so far, under the rule by which it stops early.

    Args:
        max_epochs: epochs at most.
        patience: epochs without a better dev score before training stops.
        epochs: those that have ended.
        best: number of the best of them, counted from 1; 0 before the first.
    """

    max_epochs: int
    patience: int
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0

    def add(self, epoch: Epoch) -> None:
        """One more epoch has ended."""
        if not self.epochs or _score(epoch) > _score(self.epochs[self.best - 1]):
            self.best = epoch.number
        self.epochs.append(epoch)

    @property
    def left_at_most(self) -> int:
        """Epochs that follow if the dev score goes on getting better."""
        return self.max_epochs - len(self.epochs) if self.left_at_least else 0

    @property
    def left_at_least(self) -> int:
        """Epochs that follow if it gets no better than it is; 0 once training has stopped."""
        waited = len(self.epochs) - self.best
        return max(0, min(self.max_epochs - len(self.epochs), self.patience - waited))

    @property
    def epoch_s(self) -> float:
        """Mean wall time of an epoch, training and dev set; 0 before the first has ended."""
        return sum(epoch.seconds for epoch in self.epochs) / max(len(self.epochs), 1)


def _score(epoch: Epoch) -> tuple[float, float]:
    """The best epoch has the highest dev UA, and among equals the lowest dev loss."""
    return epoch.dev_ua, -epoch.dev_loss
