from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import voxaffect.features.store.chunks as module
from tests.features.store.levels import Levels, make_utterance
from voxaffect.audio.decode import DEFAULT_LIMITS
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features import long_recordings
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.store.chunks import Group, chunks, compute_chunk, compute_groups
from voxaffect.features.store.keys import key_of

UTTERANCE = Utterance("c/u", "c", Path("u.wav"), "sad", "c/s")


def keyed(utterances: list[Utterance]) -> dict[bytes, Utterance]:
    return {key_of(u.id): u for u in utterances}


def groups(utterances: list[Utterance]) -> list[Group]:
    return [*compute_groups(keyed(utterances), Levels(), DEFAULT_LIMITS)]


@pytest.mark.parametrize(("n", "n_jobs"), [(1, 1), (100, 2), (5000, 2), (5000, 64)])
def test_chunks_hold_all_work_in_order_and_leave_some_for_every_worker(n: int, n_jobs: int) -> None:
    work = {key_of(i): replace(UTTERANCE, id=f"c/{i}", end_s=1.0) for i in range(n)}
    cut = [*chunks(work, n_jobs)]
    assert [item for chunk in cut for item in chunk.items()] == [*work.items()]
    assert max(map(len, cut)) <= module.CHUNK_UTTERANCES
    assert len(cut) >= min(n_jobs, n // module.LEAST_UTTERANCES)


def test_long_recordings_make_small_chunks() -> None:
    hours = {key_of(i): replace(UTTERANCE, end_s=3600.0) for i in range(5)}
    assert [len(chunk) for chunk in chunks(hours, 1)] == [1] * 5


def test_groups_hold_so_much_audio_and_their_utterances_in_order(
    utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_S", 0.3)
    made = groups(utterances)
    seconds = [sum(entry.seconds for entry in group.entries) for group in made]
    assert all(length >= 0.3 for length in seconds[:-1])
    assert all(
        length - group.entries[-1].seconds < 0.3
        for length, group in zip(seconds, made, strict=True)
    )
    assert [e.key for group in made for e in group.entries] == [*keyed(utterances)]


def test_groups_change_no_value(
    utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = groups(utterances)
    monkeypatch.setattr(module, "GROUP_S", 0.0)
    alone = [entry for group in groups(utterances) for entry in group.entries]
    assert [e.values.tobytes() for e in alone] == [e.values.tobytes() for e in whole.entries]


def test_one_bad_recording_spoils_no_other(utterances: list[Utterance], tmp_path: Path) -> None:
    short = make_utterance(tmp_path, "short", 160)
    missing = replace(short, id="c/missing", path=tmp_path / "missing.wav")
    (group,) = groups([short, *utterances, missing])
    assert len(group.entries) == len(utterances)
    assert {*group.refused} == {key_of("c/short"), key_of("c/missing")}


def test_a_chunk_of_refused_recordings_leaves_no_file(tmp_path: Path) -> None:
    missing = replace(UTTERANCE, path=tmp_path / "missing.wav")
    report = compute_chunk(keyed([missing]), Levels(), tmp_path / "store", 1)
    assert [*report.refused] == [key_of("c/u")]
    assert [*(tmp_path / "store").iterdir()] == []


def test_what_is_no_feature_ends_the_work(
    utterances: list[Utterance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Levels, "names", ("level",))
    with pytest.raises(FeatureError, match="c/u0: features of shape"):
        compute_chunk(keyed(utterances), Levels(), tmp_path / "store", 1)


def test_long_recordings_are_heard_piece_by_piece_and_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    utterances = []
    for name, seconds in (("short", 0.5), ("long", 3.0), ("after", 0.5)):
        path = tmp_path / f"{name}.wav"
        sf.write(path, 0.1 * rng.standard_normal(round(16_000 * seconds)), 16_000)
        utterances.append(Utterance(name, "c", path, "sad", "c/s"))
    chunk = {bytes([n] * 16): utterance for n, utterance in enumerate(utterances)}
    lld = LowLevelDescriptors()
    whole = [*compute_groups(chunk, lld, DEFAULT_LIMITS)]
    monkeypatch.setattr(long_recordings, "LONG_S", 1.0)
    pieces = [*compute_groups(chunk, lld, DEFAULT_LIMITS)]
    assert [len(group.entries) for group in whole] == [3]
    assert [len(group.entries) for group in pieces] == [2, 1]
    for one, other in zip(whole[0].entries, [e for g in pieces for e in g.entries], strict=True):
        assert one.key == other.key
        assert one.seconds == other.seconds
        np.testing.assert_allclose(one.values, other.values, rtol=1e-5, atol=1e-5)
