"""For whom the systems of a run work: all groups and all speakers, by protocol and system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.groups.groups import N_DRAWS, SEED, Grouping, grouping
from voxaffect.evaluation.groups.kinds import kinds_of, speakers_of
from voxaffect.evaluation.groups.speakers import SpeakerSpread, speaker_spread
from voxaffect.evaluation.groups.tally import Answers, Tally
from voxaffect.evaluation.measures.resampling import speaker_weights
from voxaffect.evaluation.scores.by_system import by_system


@dataclass(frozen=True)
class GroupScores:
    """Everything about the groups of a run, by protocol and system.

    Args:
        groupings: those with more than one group.
        speakers: one a protocol and system.
    """

    groupings: tuple[Grouping, ...]
    speakers: tuple[SpeakerSpread, ...]

    def of(self, protocol: str) -> GroupScores:
        """Those of one protocol."""
        return GroupScores(
            tuple(g for g in self.groupings if g.protocol == protocol),
            tuple(s for s in self.speakers if s.protocol == protocol),
        )


def group_scores(run: Run) -> GroupScores | None:
    """Scores of all groups, None where a run has no results or does not know its utterances.

    Raises:
        ArtefactError: a result is of an utterance that the run does not describe.
    """
    if not run.utterances or not run.results:
        return None
    facts = list(run.utterances.values())
    row_of = {id_: row for row, id_ in enumerate(run.utterances)}
    kinds, speakers = kinds_of(facts), speakers_of(facts)
    groupings: list[Grouping] = []
    spreads: list[SpeakerSpread] = []
    for (protocol, system), results in by_system(run.results).items():
        answers = Answers.of(results, row_of)
        voices = [speakers.groups[g] for g in np.unique(speakers.members[answers.rows])]
        weights = speaker_weights(voices, N_DRAWS, SEED)
        groupings += (
            grouping(protocol, system, kind, Tally.of(answers, speakers.members, kind), weights)
            for kind in kinds
            if np.unique(kind.members[answers.rows]).size > 1
        )
        spreads.append(speaker_spread(protocol, system, speakers, answers))
    return GroupScores(tuple(groupings), tuple(spreads))
