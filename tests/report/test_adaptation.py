from __future__ import annotations

import numpy as np

from voxaffect.evaluation.scores.before_after import BeforeAfter, before_after
from voxaffect.report.adaptation import adaptation_tables


def found(n_speakers: int) -> BeforeAfter:
    """Everybody is neutral and happy; before, all was called neutral."""
    truth = np.tile([0, 1], n_speakers)
    speakers = np.repeat([f"s{n}" for n in range(n_speakers)], 2)
    return before_after(truth, np.zeros_like(truth), truth, speakers)


def test_scores_before_and_after_stand_beside_their_gain() -> None:
    whole, speakers = adaptation_tables(found(7))
    assert [cell.text for cell in whole.rows[0]] == ["UA, all answers", ".500", "1.000", "+.500"]
    assert [cell.text for cell in whole.rows[2]] == ["recall of happy", ".000", "1.000", "+1.000"]
    assert len(speakers.rows) == 7
    assert whole.notes[1] == ("Of 7 speakers 7 gain and 0 lose (Wilcoxon signed-rank, p = .016).")


def test_few_speakers_are_said_to_show_nothing() -> None:
    assert "so few cannot show" in adaptation_tables(found(3))[0].notes[1]
