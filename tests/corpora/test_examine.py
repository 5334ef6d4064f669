from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio.films import film
from tests.audio.spheres import pcm, sphere
from tests.corpora.recordings import record
from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.corpora import examine as module
from voxaffect.corpora.corpus import Utterance, utterance_id
from voxaffect.corpora.examine import Examined, examine
from voxaffect.errors import AudioError

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 8_000)
BOTH = pytest.mark.parametrize("samples", [True, False], ids=["samples", "headers"])


def utterance(path: Path, start_s: float = 0.0, end_s: float | None = None) -> Utterance:
    return Utterance(
        id=utterance_id("mine", PurePath(path.name), start_s, end_s),
        corpus="mine",
        path=path,
        label="joy",
        speaker="mine/1",
        start_s=start_s,
        end_s=end_s,
    )


def encoded(
    samples: Sequence[float] | NDArray[np.floating],
    rate_hz: int = 16_000,
    kind: str = "WAV",
    subtype: str | None = None,
) -> bytes:
    file = io.BytesIO()
    sf.write(file, np.asarray(samples), rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def one(path: Path, start_s: float = 0.0, end_s: float | None = None) -> Examined:
    (examined,) = examine([utterance(path, start_s, end_s)])
    return examined


def kinds(examined: Examined) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.is_fault) for problem in examined.problems]


UNREADABLE = {
    "empty": b"",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "text": b"not audio" * 99,
    "truncated": encoded(NOISE)[:9_000],
    "truncated SPHERE": sphere(pcm(NOISE), 16_000, count=9_000),
    "shorten": sphere(b"ajkg", 16_000, coding="pcm,embedded-shorten-v2.00", count=9),
    "too many channels": encoded(np.zeros((800, 17))),
    "impossible rate": encoded(NOISE, 900),
    "truncated film": film(NOISE, 16_000, "avi")[:9_000],
}
"""What headers, or a film's sound, tell; what only samples tell is in `DAMAGED`."""

DAMAGED = {
    "not finite": encoded([0.1, np.nan] * 400, subtype="FLOAT"),
    "broken off": encoded(np.tile(NOISE, 100), kind="FLAC")[:-2_000],
}


class TestOneFault:
    @BOTH
    def test_missing(self, tmp_path: Path, samples: bool) -> None:
        (gone,) = examine([utterance(tmp_path / "gone.wav")], samples=samples)
        assert kinds(gone) == [("missing", True)]
        assert (gone.duration_s, gone.content) == (0.0, None)

    @BOTH
    @pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
    def test_unreadable_is_what_decode_refuses_in_its_words(
        self, tmp_path: Path, content: bytes, samples: bool
    ) -> None:
        path = write(tmp_path / "a.wav", content)
        (examined,) = examine([utterance(path)], samples=samples)
        with pytest.raises(AudioError) as refusal:
            decode(path)
        assert kinds(examined) == [("unreadable", True)]
        assert examined.problems[0].detail == str(refusal.value)
        assert examined.problems[0].path == "mine/a"
        assert (examined.duration_s, examined.content) == (0.0, None)

    @pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
    def test_damage_that_no_header_tells(self, tmp_path: Path, content: bytes) -> None:
        path = write(tmp_path / "a.wav", content)
        with pytest.raises(AudioError) as refusal:
            decode(path)
        assert one(path).problems[0].detail == str(refusal.value)
        (by_header,) = examine([utterance(path)], samples=False)
        assert not by_header.problems

    @BOTH
    @pytest.mark.parametrize("start_s", [3.0, -1.0])
    def test_a_segment_outside_its_file(
        self, tmp_path: Path, start_s: float, samples: bool
    ) -> None:
        path = record(tmp_path / "a.wav")
        (examined,) = examine([utterance(path, start_s)], samples=samples)
        assert kinds(examined) == [("unreadable", True)]

    @BOTH
    @pytest.mark.parametrize(("n_samples", "is_short"), [(0, True), (399, True), (400, False)])
    def test_shorter_than_a_frame(
        self, tmp_path: Path, n_samples: int, is_short: bool, samples: bool
    ) -> None:
        path = write(tmp_path / "a.wav", encoded(np.full(n_samples, 0.1)))
        (examined,) = examine([utterance(path)], samples=samples)
        assert kinds(examined) == ([("too short", True)] if is_short else [])

    @pytest.mark.parametrize(("level", "is_silent"), [(0.0, True), (9e-6, True), (2e-5, False)])
    def test_silence(self, tmp_path: Path, level: float, is_silent: bool) -> None:
        path = write(tmp_path / "a.wav", encoded([level, -level] * 800, subtype="FLOAT"))
        assert kinds(one(path)) == ([("silent", True)] if is_silent else [])

    @pytest.mark.parametrize(("n_clipped", "is_clipped"), [(10, False), (11, True)])
    def test_clipping_of_more_than_a_hundredth(
        self, tmp_path: Path, n_clipped: int, is_clipped: bool
    ) -> None:
        path = write(tmp_path / "a.wav", encoded([1.0] * n_clipped + [0.1] * (1_000 - n_clipped)))
        assert kinds(one(path)) == ([("clipped", False)] if is_clipped else [])

    @pytest.mark.parametrize("level", [0.9989, 0.9991])
    def test_full_scale_is_that_of_a_waveform(self, tmp_path: Path, level: float) -> None:
        path = write(tmp_path / "a.wav", encoded([level, -level] * 800, subtype="FLOAT"))
        assert bool(one(path).problems) == bool(decode(path).clipped_share())

    def test_clipping_is_heard_at_the_rate_of_the_recording(self, tmp_path: Path) -> None:
        square = np.sign(np.sin(2 * np.pi * 9_000 * np.arange(48_000) / 48_000 + 0.1))
        path = write(tmp_path / "a.wav", encoded(square, 48_000))
        assert decode(path).clipped_share() == 0  # its one partial below 8 kHz is none
        assert kinds(one(path)) == [("clipped", False)]

    @BOTH
    def test_limits(self, tmp_path: Path, samples: bool) -> None:
        limits = DecodeLimits(max_duration_s=0.05)
        (examined,) = examine(
            [utterance(record(tmp_path / "a.wav"))], samples=samples, limits=limits
        )
        assert "more than the limit of 0.05 s" in examined.problems[0].detail


class TestDuration:
    @BOTH
    @given(
        n_samples=st.integers(
            6, 4_000
        ),  # of fewer, resampling may leave none, which decode refuses
        rate_hz=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000]),
    )
    @settings(max_examples=20, deadline=None)
    def test_at_any_rate_a_recording_is_too_short_where_decode_has_no_frame(
        self, tmp_path_factory: pytest.TempPathFactory, samples: bool, n_samples: int, rate_hz: int
    ) -> None:
        path = tmp_path_factory.mktemp("any") / "a.wav"
        write(path, encoded(np.full(n_samples, 0.1), rate_hz))
        (examined,) = examine([utterance(path)], samples=samples)
        assert examined.duration_s == pytest.approx(n_samples / rate_hz)
        n_at_16_khz = n_samples * 16_000 / rate_hz
        if abs(n_at_16_khz - 399.5) > 0.5:  # where rounding does not decide
            assert bool(examined.problems) == (decode(path).samples.size < 400)

    @BOTH
    @pytest.mark.parametrize("kind", ["FLAC", "AIFF", "CAF", "NIST", "OGG"])
    def test_of_every_format(self, tmp_path: Path, kind: str, samples: bool) -> None:
        path = write(tmp_path / "a.any", encoded(NOISE, kind=kind))
        (examined,) = examine([utterance(path)], samples=samples)
        assert (examined.duration_s, examined.problems) == (0.5, ())

    @BOTH
    @pytest.mark.parametrize("container", ["avi", "mov", "matroska"])
    def test_of_films(self, tmp_path: Path, container: str, samples: bool) -> None:
        path = write(tmp_path / "a.avi", film(NOISE, 16_000, container))
        whole, part = examine(
            [utterance(path), utterance(path, start_s=0.1, end_s=0.3)], samples=samples
        )
        assert whole.duration_s == 0.5
        assert part.duration_s == pytest.approx(0.2)
        assert not whole.problems + part.problems


class TestContent:
    def test_is_of_the_sound_whatever_the_format(self, tmp_path: Path) -> None:
        wav = one(record(tmp_path / "a.wav"))
        flac = one(record(tmp_path / "b.flac"))
        other = one(record(tmp_path / "c.wav", seed=1))
        assert wav.content == flac.content
        assert wav.content != other.content

    def test_of_a_film_is_that_of_its_sound(self, tmp_path: Path) -> None:
        avi = one(write(tmp_path / "a.avi", film(NOISE, 48_000, "avi")))
        pcm_16 = np.round(NOISE * 32_767).astype(np.int16)
        file = io.BytesIO()
        sf.write(file, pcm_16, 48_000, format="WAV")
        assert one(write(tmp_path / "a.wav", file.getvalue())).content == avi.content

    def test_two_channels_of_one_sound_are_that_sound(self, tmp_path: Path) -> None:
        mono = one(write(tmp_path / "a.wav", encoded(NOISE)))
        stereo = one(write(tmp_path / "b.wav", encoded(np.stack([NOISE, NOISE], axis=1))))
        assert mono.content == stereo.content

    def test_a_segment_has_that_of_the_same_samples_in_a_file(self, tmp_path: Path) -> None:
        session = write(tmp_path / "a.wav", encoded(np.tile(NOISE, 30)))  # of several blocks
        part = one(session, start_s=0.25, end_s=14.75)
        cut = one(write(tmp_path / "b.wav", encoded(np.tile(NOISE, 30)[4_000:236_000])))
        assert part.content == cut.content
        assert part.duration_s == cut.duration_s == 14.5

    def test_of_headers_is_told_only_of_files_that_are_alike(self, tmp_path: Path) -> None:
        a, b = (record(tmp_path / name, duration_s=1.0) for name in ("a.wav", "b.wav"))
        other = record(tmp_path / "c.wav", seed=1, duration_s=1.0)
        flac = record(tmp_path / "d.flac", duration_s=1.0)
        examined = examine([utterance(p) for p in (a, b, other, flac)], samples=False)
        contents = [each.content for each in examined]
        assert contents[0] == contents[1] is not None
        assert contents[2:] == [None, None]

    def test_files_that_only_seem_alike_are_read_whole(self, tmp_path: Path) -> None:
        same_middle = np.tile(NOISE, 2)
        a = write(tmp_path / "a.wav", encoded(same_middle))
        same_middle[:5] = 0.5
        b = write(tmp_path / "b.wav", encoded(same_middle))
        first, second = examine([utterance(a), utterance(b)], samples=False)
        assert None not in {first.content, second.content}
        assert first.content != second.content

    def test_of_headers_tells_segments_apart(self, tmp_path: Path) -> None:
        a, b = (record(tmp_path / name, duration_s=1.0) for name in ("a.wav", "b.wav"))
        parts = [utterance(p, s, s + 0.3) for p in (a, b) for s in (0.0, 0.5)]
        contents = [each.content for each in examine(parts, samples=False)]
        assert contents[:2] == contents[2:]
        assert contents[0] != contents[1]


def test_segments_are_judged_by_themselves(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", encoded(np.concatenate([NOISE, np.zeros(8_000)])))
    loud, silent = one(path, end_s=0.5), one(path, start_s=0.5, end_s=1.0)
    assert not loud.problems
    assert kinds(silent) == [("silent", True)]


@BOTH
def test_a_long_recording_is_never_held_whole(tmp_path: Path, samples: bool) -> None:
    quiet = np.random.default_rng(0).integers(-99, 99, (2_000_000, 2)).astype(np.int16)
    path = tmp_path / "a.wav"
    sf.write(path, quiet, 48_000)  # 16 MB as float32
    tracemalloc.start()
    (examined,) = examine([utterance(path)], samples=samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert examined.duration_s == pytest.approx(41.667, abs=1e-3)
    assert peak < 4e6


@BOTH
def test_processes_change_nothing_and_progress_reaches_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: bool
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    all_of_them = [utterance(record(tmp_path / f"{n}.wav", n % 7)) for n in range(20)]
    all_of_them.append(utterance(tmp_path / "gone.wav"))
    told: list[tuple[int, int]] = []
    alone = examine(all_of_them, samples=samples)
    shared = examine(
        all_of_them, samples=samples, n_jobs=2, progress=lambda *done: told.append(done)
    )
    assert shared == alone
    assert [each.utterance for each in shared] == all_of_them
    assert told == [(n, 21) for n in range(3, 22, 3)]


@BOTH
def test_no_utterances_are_no_work(samples: bool) -> None:
    assert examine([], samples=samples, n_jobs=4) == []
