from __future__ import annotations

from tests.evaluation.corpora import several, utterance
from voxaffect.evaluation.robustness.conditions import talkers_of
from voxaffect.evaluation.splits.draws import by_speaker

UTTERANCES, _ = several("emodb", "urdu")


def test_talkers_are_different_other_speakers() -> None:
    speakers = by_speaker(UTTERANCES)
    for u in UTTERANCES:
        talkers = talkers_of(u, speakers, 6, seed=0)
        assert len(talkers) == 6
        assert len({t.speaker for t in talkers} - {u.speaker}) == 6
    assert len({t.corpus for u in UTTERANCES for t in talkers_of(u, speakers, 6, 0)}) == 2


def test_talkers_depend_on_utterance_and_seed_and_not_on_order() -> None:
    u, speakers = UTTERANCES[0], by_speaker(UTTERANCES)
    again = by_speaker(reversed(UTTERANCES))
    assert talkers_of(u, speakers, 6, 0) == talkers_of(u, again, 6, 0)
    drawn = {talkers_of(v, speakers, 6, seed) for v in UTTERANCES[:2] for seed in (0, 1)}
    assert len(drawn) == 4


def test_few_talkers_repeat_and_a_single_unknown_speaker_has_none() -> None:
    two = [utterance("emodb", who, n) for who in "ab" for n in range(9)]
    talkers = talkers_of(two[0], by_speaker(two), 6, 0)
    assert [t.speaker for t in talkers] == ["emodb/b"] * 6
    assert len(set(talkers)) > 1
    unknown = [utterance("calls", "?", n) for n in range(9)]
    assert talkers_of(unknown[0], by_speaker(unknown), 6, 0) == ()
