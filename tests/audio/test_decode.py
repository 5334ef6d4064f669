from __future__ import annotations

import contextlib
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio.films import film
from voxaffect.audio.decode import DecodeLimits, decode, open_recording, printable
from voxaffect.errors import AudioError

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)


def sine(rate_hz: int, duration_s: float = 1.0, level: float = 0.5) -> NDArray[np.float64]:
    return level * np.sin(2 * np.pi * 440 * np.arange(round(duration_s * rate_hz)) / rate_hz)


def encoded(
    samples: NDArray[np.floating], rate_hz: int, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    file = io.BytesIO()
    sf.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


class TestResampling:
    @pytest.mark.parametrize("rate_hz", RATES_HZ)
    def test_sine_is_preserved_at_every_rate(self, rate_hz: int) -> None:
        decoded = decode(encoded(sine(rate_hz), rate_hz, subtype="FLOAT")).samples
        assert decoded.shape == (16_000,)
        inner = slice(800, -800)  # not the borders, beyond which the resampler assumes silence
        np.testing.assert_allclose(decoded[inner], sine(16_000)[inner], atol=1e-4)

    def test_frequencies_above_8_khz_are_removed_without_aliasing(self) -> None:
        high = 0.5 * np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000)
        decoded = decode(encoded(high, 48_000)).samples[800:-800]
        assert np.abs(decoded).max() < 1e-4

    def test_samples_at_16_khz_are_unchanged(self) -> None:
        noise = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
        assert np.array_equal(decode(encoded(noise, 16_000, subtype="FLOAT")).samples, noise)


class TestFormats:
    @pytest.mark.parametrize(
        ("kind", "subtype", "tolerance"),
        [
            ("WAV", "PCM_U8", 1e-2),
            ("WAV", "PCM_16", 1e-4),
            ("WAV", "PCM_24", 1e-6),
            ("WAV", "PCM_32", 1e-6),
            ("WAV", "FLOAT", 1e-6),
            ("WAV", "DOUBLE", 1e-6),
            ("WAV", "ULAW", 2e-2),
            ("FLAC", "PCM_16", 1e-4),
            ("FLAC", "PCM_24", 1e-6),
            ("AIFF", "PCM_16", 1e-4),
            ("AU", "PCM_16", 1e-4),
            ("CAF", "PCM_16", 1e-4),
            ("NIST", "PCM_16", 1e-4),
            ("OGG", "VORBIS", 5e-2),
        ],
    )
    def test_every_format_decodes_to_the_same_samples(
        self, kind: str, subtype: str, tolerance: float
    ) -> None:
        decoded = decode(encoded(sine(16_000), 16_000, kind, subtype)).samples
        np.testing.assert_allclose(decoded, sine(16_000), atol=tolerance)

    @pytest.mark.parametrize(("kind", "subtype"), [("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
    def test_lossy_formats_keep_pitch_and_level(self, kind: str, subtype: str) -> None:
        decoded = decode(encoded(sine(48_000), 48_000, kind, subtype))
        assert decoded.duration_s == pytest.approx(1.0, abs=0.05)
        assert decoded.rms() == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
        spectrum = np.abs(np.fft.rfft(decoded.samples))
        assert np.argmax(spectrum) / decoded.duration_s == pytest.approx(440, abs=2)

    def test_mp3_with_an_estimated_length_is_read_completely(self) -> None:
        quiet_then_loud = np.concatenate([np.zeros(48_000 * 4), sine(48_000, 4.0)])
        file = io.BytesIO()
        sf.write(file, quiet_then_loud, 48_000, format="MP3", bitrate_mode="VARIABLE")
        whole = file.getvalue()
        without_index = whole[whole.index(b"\xff\xfb", 4) :]
        assert sf.info(io.BytesIO(without_index)).frames != len(quiet_then_loud)
        assert decode(without_index).duration_s == pytest.approx(8.0, abs=0.1)

    def test_bytes_and_file_decode_alike(self, tmp_path: Path) -> None:
        content = encoded(sine(44_100), 44_100)
        (tmp_path / "a.wav").write_bytes(content)
        from_file = decode(tmp_path / "a.wav")
        assert np.array_equal(from_file.samples, decode(content).samples)
        assert from_file.name == str(tmp_path / "a.wav")
        assert decode(content, name="upload").name == "upload"


class TestChannels:
    def test_channels_are_averaged(self) -> None:
        left, right = sine(16_000), np.zeros(16_000)
        decoded = decode(encoded(np.stack([left, right], axis=1), 16_000, subtype="FLOAT")).samples
        np.testing.assert_allclose(decoded, left / 2, atol=1e-7)

    def test_opposite_phases_cancel(self) -> None:
        stereo = np.stack([sine(16_000), -sine(16_000)], axis=1)
        assert decode(encoded(stereo, 16_000, subtype="FLOAT")).rms() == 0.0


class TestSegments:
    noise = np.random.default_rng(1).uniform(-1, 1, 150_000).astype(np.float32)  # > 2 blocks
    content = encoded(noise, 16_000, subtype="FLOAT")

    @given(st.integers(0, 149_999), st.integers(1, 150_000))
    @settings(max_examples=50, deadline=None)
    def test_segment_equals_the_slice_of_the_whole(self, start: int, length: int) -> None:
        stop = min(start + length, 150_000)
        part = decode(self.content, start_s=start / 16_000, end_s=stop / 16_000).samples
        assert np.array_equal(part, self.noise[start:stop])

    @pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
    def test_seeking_in_compressed_formats_is_exact(self, kind: str) -> None:
        content = encoded(self.noise / 2, 16_000, kind)
        whole = decode(content).samples
        part = decode(content, start_s=1.25, end_s=3.5).samples
        np.testing.assert_allclose(part, whole[20_000:56_000], atol=1e-6)

    def test_end_rounded_past_the_file_is_the_end_of_the_file(self) -> None:
        part = decode(self.content, start_s=9.0, end_s=9.4).samples
        assert np.array_equal(part, self.noise[144_000:])

    @pytest.mark.parametrize(
        ("start_s", "end_s"),
        [(-0.1, 1.0), (2.0, 1.0), (0.0, 9.6), (10.0, None), (np.nan, 1.0), (np.inf, None)],
    )
    def test_segment_outside_the_file_is_refused(self, start_s: float, end_s: float | None) -> None:
        with pytest.raises(
            AudioError, match=r"upload: a segment from .* outside .*, which has 9\.375 s"
        ):
            decode(self.content, start_s=start_s, end_s=end_s, name="upload")

    def test_empty_segment_is_refused(self) -> None:
        with pytest.raises(AudioError, match="has no samples"):
            decode(self.content, start_s=1.0, end_s=1.0)


class TestOpenRecording:
    """A recording at its own rate, in blocks."""

    stereo = np.random.default_rng(2).uniform(-1, 1, (150_000, 2)).astype(np.float32)
    content = encoded(stereo, 48_000, subtype="FLOAT")

    def test_blocks_are_the_mean_of_the_channels_at_their_own_rate(self) -> None:
        with open_recording(self.content, name="upload") as recording:
            blocks = list(recording.blocks)
        assert (recording.name, recording.rate_hz, recording.n_samples) == (
            "upload",
            48_000,
            150_000,
        )
        assert len(blocks) > 2
        np.testing.assert_allclose(np.concatenate(blocks), self.stereo.mean(axis=1), atol=1e-7)

    @given(st.floats(0, 3), st.floats(0, 3))
    @settings(max_examples=30, deadline=None)
    def test_number_of_samples_is_that_of_the_blocks(self, one_s: float, other_s: float) -> None:
        start_s, end_s = sorted([one_s, other_s])
        with open_recording(self.content, start_s=start_s, end_s=end_s) as recording:
            assert sum(map(len, recording.blocks)) == recording.n_samples

    @pytest.mark.parametrize(("start", "stop"), [(0, 150_000), (5, 70_000), (140_000, 150_000)])
    def test_segment_of_a_film_is_cut_at_its_own_rate(self, start: int, stop: int) -> None:
        content = film(self.stereo[:, 0], 48_000, "avi")
        with open_recording(content) as whole:
            samples = np.concatenate(list(whole.blocks))
        with open_recording(content, start_s=start / 48_000, end_s=stop / 48_000) as part:
            assert part.n_samples is None
            assert np.array_equal(np.concatenate(list(part.blocks)), samples[start:stop])

    def test_faults_of_the_header_are_raised_on_opening(self) -> None:
        with (
            pytest.raises(AudioError, match="upload: is truncated"),
            open_recording(self.content[:-9], name="upload"),
        ):
            raise AssertionError("it was opened")

    def test_faults_of_samples_are_raised_on_reading(self) -> None:
        spoilt = self.stereo.copy()
        spoilt[100_000] = np.nan
        with open_recording(encoded(spoilt, 48_000, subtype="FLOAT")) as recording:
            assert len(next(recording.blocks)) < 100_000
            with pytest.raises(AudioError, match="sample 100000 is not a finite number"):
                list(recording.blocks)


UNREADABLE = r"is not a readable audio file \(.*\); convert it to WAV or FLAC"


class TestBadFiles:
    """Each fault is an AudioError that begins with the name of the file."""

    def refused(self, path: Path, message: str) -> None:
        with pytest.raises(AudioError, match=message) as refusal:
            decode(path)
        assert str(refusal.value).startswith(f"{path}: ")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", r"is empty \(0 bytes\)"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
            (
                b"These are the minutes of a meeting, not audio.\n" * 9,
                UNREADABLE,
            ),
            (bytes(5_000), UNREADABLE),
            (
                b"RIFF\x24\x00\x00\x00WAVEfmt ",
                UNREADABLE,
            ),
            (encoded(np.zeros(0), 16_000), "has no samples"),
            (encoded(sine(16_000), 16_000)[:16_000], "is truncated, 15956 bytes where .* 32000;"),
            (encoded(sine(16_000), 16_000, "AIFF")[:16_000], "is truncated, "),
            (encoded(sine(16_000), 16_000, "AU")[:16_000], "is truncated, "),
            (encoded(sine(16_000, 60.0), 16_000, "FLAC")[:-2_000], "it ends near .* of 60.00 s"),
            (encoded(sine(16_000), 900), "a sample rate of 900 Hz is outside 1000 to 768000"),
            (encoded(sine(16_000), 1_000_000), "a sample rate of 1000000 Hz"),
            (encoded(np.zeros((800, 17)), 16_000), "has 17 channels, more than the limit of 16"),
            (encoded(np.array([0, np.nan]), 16_000, subtype="FLOAT"), "sample 1 is not a finite"),
            (encoded(np.array([np.inf, 0]), 16_000, subtype="FLOAT"), "sample 0 is not a finite"),
            (encoded(np.array([1e300, 0]), 16_000, subtype="DOUBLE"), "sample 0 is not a finite"),
            (
                encoded(np.array([[np.inf, -np.inf]]), 16_000, subtype="FLOAT"),
                "sample 0 is not a finite",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "file",  # bytes hold the time
    )
    def test_content(self, tmp_path: Path, content: bytes, message: str) -> None:
        path = tmp_path / "bad.wav"
        path.write_bytes(content)
        self.refused(path, message)

    def test_missing(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "gone.wav", "no such file")

    def test_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "is a folder")

    def test_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.wav")
        self.refused(tmp_path / "pipe.wav", "is a pipe or device")

    def test_name_too_long_for_the_file_system(self, tmp_path: Path) -> None:
        self.refused(tmp_path / ("x" * 300 + ".wav"), "cannot be opened")

    def test_raw_samples_have_no_header(self, tmp_path: Path) -> None:
        (tmp_path / "a.raw").write_bytes(bytes(range(256)))
        self.refused(
            tmp_path / "a.raw", "has no header that states its format; convert it to WAV or FLAC"
        )

    def test_flac_of_unknown_length(self, tmp_path: Path) -> None:
        content = bytearray(encoded(sine(16_000), 16_000, "FLAC"))
        content[21] &= 0xF0  # STREAMINFO's 36 bits of total samples
        content[22:26] = bytes(4)
        (tmp_path / "piped.flac").write_bytes(content)
        self.refused(tmp_path / "piped.flac", "has no length in its header")

    def test_name_that_is_not_utf8_can_be_printed(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"gr\xfc\xdfe.wav")
        with pytest.raises(AudioError, match=r"gr.*e\.wav: no such file") as refusal:
            decode(path)
        str(refusal.value).encode("utf-8")
        assert printable(Path(path.name)) == r"gr\xfc\xdfe.wav"


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_wav_written_to_a_pipe_is_not_truncated(size: int) -> None:
    content = bytearray(encoded(sine(16_000), 16_000))
    content[4:8] = content[40:44] = struct.pack("<I", size)
    assert decode(bytes(content)).duration_s == 1.0


class TestLimits:
    def test_each_limit_is_enforced_and_stated(self) -> None:
        content = encoded(sine(16_000), 16_000)
        with pytest.raises(AudioError, match=r"1\.0 s are more than the limit of 0\.5 s"):
            decode(content, limits=DecodeLimits(max_duration_s=0.5))
        with pytest.raises(AudioError, match="has 32044 bytes, more than the limit of 32000"):
            decode(content, limits=DecodeLimits(max_bytes=32_000))

    def test_duration_limit_applies_to_the_segment(self) -> None:
        limits = DecodeLimits(max_duration_s=0.5)
        part = decode(encoded(sine(16_000), 16_000), start_s=0.5, limits=limits)
        assert part.duration_s == 0.5

    @pytest.mark.parametrize("value", [0, -1, float("nan")])
    def test_limits_must_be_positive(self, value: float) -> None:
        with pytest.raises(
            AudioError, match=r"max_duration_s = .* is out of range; use a positive"
        ):
            DecodeLimits(max_duration_s=value)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF"])
def test_damage_anywhere_is_an_audio_error_or_harmless(kind: str) -> None:
    rng = np.random.default_rng(0)
    whole = encoded(rng.uniform(-0.5, 0.5, 4_000), 22_050, kind)
    for _ in range(60):
        damaged = bytearray(whole[: rng.integers(50, len(whole) + 1)])
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        with contextlib.suppress(AudioError):
            assert decode(bytes(damaged)).samples.size > 0
