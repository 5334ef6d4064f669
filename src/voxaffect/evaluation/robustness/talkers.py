"""Who speaks in the background: recordings of other speakers, drawn for every utterance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from voxaffect.audio.degrade.degradation import utterance_seed
from voxaffect.corpora.corpus import Utterance

BySpeaker = Mapping[str, Sequence[Utterance]]


def by_speaker(utterances: Iterable[Utterance]) -> BySpeaker:
    """The utterances of each speaker, speakers and utterances sorted by name."""
    speakers: dict[str, list[Utterance]] = {}
    for u in sorted(utterances, key=lambda u: (u.speaker, u.id)):
        speakers.setdefault(u.speaker, []).append(u)
    return speakers


def talkers_of(
    utterance: Utterance, speakers: BySpeaker, n_talkers: int, seed: int
) -> tuple[Utterance, ...]:
    """Recordings of other speakers of any corpus and emotion, of as many speakers as there are.

    All corpora are drawn from, training data too: those voices carry no label. Speakers of unknown
    name in the utterance's own corpus count as its own speaker, and never speak.

    Args:
        utterance: against whose speech they speak.
        speakers: who may speak.
        n_talkers: how many; none where there is no other speaker.
        seed: decides who.
    """
    others = [name for name in speakers if name != utterance.speaker]
    if not others:
        return ()
    rng = np.random.default_rng(utterance_seed(utterance.id, seed))
    order = rng.permutation(len(others))
    names = [others[order[k % len(others)]] for k in range(n_talkers)]
    return tuple(speakers[name][int(rng.integers(len(speakers[name])))] for name in names)
