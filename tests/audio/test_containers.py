from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from tests.audio.films import film, silent_film
from tests.audio.spheres import pcm, sphere
from voxaffect.audio.containers import CONTAINER_SUFFIXES, container_format
from voxaffect.audio.decode import AUDIO_SUFFIXES, DecodeLimits, decode
from voxaffect.errors import AudioError

NOISE_SPHERE = np.random.default_rng(0).uniform(-0.5, 0.5, 4_000)
WHOLE = sphere(pcm(NOISE_SPHERE), 16_000)


def test_pcm_is_read() -> None:
    np.testing.assert_allclose(decode(WHOLE).samples, NOISE_SPHERE, atol=1e-4)


def test_two_channels_are_averaged() -> None:
    stereo = np.stack([NOISE_SPHERE, np.zeros_like(NOISE_SPHERE)], axis=1)
    decoded = decode(sphere(pcm(stereo), 16_000, n_channels=2)).samples
    np.testing.assert_allclose(decoded, NOISE_SPHERE / 2, atol=1e-4)


def test_mu_law_is_read() -> None:
    # ITU-T G.711: codes 0x80 and 0x00 are the largest positive and negative sample, 32,124.
    decoded = decode(sphere(b"\x80\x00" * 400, 16_000, n_bytes=1, coding="ulaw")).samples
    np.testing.assert_allclose(decoded, np.tile([32_124, -32_124], 400) / 32_768, atol=1e-6)


def refused(content: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message) as refusal:
        decode(content, name="cc_001.sph")
    assert str(refusal.value).startswith("cc_001.sph: ")


@pytest.mark.parametrize("coding", ["pcm,embedded-shorten-v2.00", "ulaw,embedded-shorten-v1.09"])
def test_compressed_samples_are_refused_with_advice(coding: str) -> None:
    compressed = sphere(b"ajkg\x02" + bytes(range(250)), 22_050, coding=coding, count=9_999)
    refused(compressed, r"compressed with shorten-v[12]\.0\d; convert it with `sph2pipe -f wav")


def test_fewer_samples_than_announced_are_refused() -> None:
    refused(WHOLE[:-10], "is truncated, 7990 bytes where the header announces 8000")


def test_more_bytes_than_announced_are_accepted() -> None:
    assert decode(WHOLE + bytes(4)).samples.size >= NOISE_SPHERE.size


@pytest.mark.parametrize(("right", "wrong"), [(b"   1024", b"   10z4"), (b"-i 4000", b"-i 4x00")])
def test_a_damaged_header_is_refused(right: bytes, wrong: bytes) -> None:
    refused(WHOLE.replace(right, wrong), "has a damaged SPHERE header, '[14].*' is not a number")


def test_number_with_thousands_of_digits_is_refused() -> None:
    header = b"NIST_1A\n" + b"9" * 8 + b"sample_count -i " + b"9" * 5_000 + b"\nend_head\n"
    refused(header, "has a damaged SPHERE header, '9{18}' is not a number")


@pytest.mark.parametrize(
    ("n_bytes", "message"),
    [
        (8, "damaged SPHERE header"),
        (12, "is not a readable audio file"),
        (400, "truncated, 0 bytes"),
    ],
)
def test_truncated_header_is_refused(n_bytes: int, message: str) -> None:
    refused(WHOLE[:n_bytes], message)


NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 40_000)


def sine(rate_hz: int, duration_s: float = 1.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(duration_s * rate_hz)) / rate_hz)


class TestContainersDecodeToTheSameSamples:
    @pytest.mark.parametrize("container", ["avi", "mov", "matroska"])
    def test_uncompressed_samples_are_unchanged(self, container: str) -> None:
        decoded = decode(film(NOISE, 16_000, container)).samples
        wav = io.BytesIO()
        sf.write(wav, np.round(NOISE * 32_767).astype(np.int16), 16_000, format="WAV")
        assert np.array_equal(decoded, decode(wav.getvalue()).samples)

    @pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
    def test_at_every_rate(self, rate_hz: int) -> None:
        decoded = decode(film(sine(rate_hz), rate_hz, "avi")).samples
        assert decoded.shape == (16_000,)
        np.testing.assert_allclose(decoded[800:-800], sine(16_000)[800:-800], atol=2e-4)

    @pytest.mark.parametrize(
        ("container", "coding"),
        [("avi", "mp3"), ("mp4", "aac"), ("ipod", "aac"), ("webm", "libopus"), ("mov", "aac")],
    )
    def test_lossy_codings_keep_pitch_and_level(self, container: str, coding: str) -> None:
        decoded = decode(film(sine(48_000, 2.0), 48_000, container, coding))
        assert decoded.duration_s == pytest.approx(2.0, abs=0.06)
        inner = decoded.samples[8_000:-8_000]  # coders pad both ends; MP3 takes 5 % off
        assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)
        spectrum = np.abs(np.fft.rfft(decoded.samples))
        assert np.argmax(spectrum) / decoded.duration_s == pytest.approx(440, abs=2)

    def test_channels_are_averaged(self) -> None:
        stereo = np.stack([sine(16_000), np.zeros(16_000)], axis=1)
        decoded = decode(film(stereo, 16_000, "avi")).samples
        np.testing.assert_allclose(decoded, sine(16_000) / 2, atol=1e-4)

    def test_format_is_recognized_by_first_bytes_not_by_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wav"
        path.write_bytes(film(NOISE, 16_000, "avi"))
        assert decode(path).samples.shape == NOISE.shape
        assert container_format(io.BytesIO(b"RIFF\x24\x00\x00\x00WAVEfmt ")) is None

    def test_films_are_audio_files(self) -> None:
        assert CONTAINER_SUFFIXES < AUDIO_SUFFIXES


class TestSegments:
    content = film(NOISE, 16_000, "avi")

    @pytest.mark.parametrize(("start", "stop"), [(0, 16), (5_000, 9_000), (39_999, 40_000)])
    def test_segment_equals_the_slice_of_the_whole(self, start: int, stop: int) -> None:
        part = decode(self.content, start_s=start / 16_000, end_s=stop / 16_000).samples
        assert np.array_equal(part, decode(self.content).samples[start:stop])

    @pytest.mark.parametrize(
        ("start_s", "end_s"), [(-0.1, 1.0), (2.0, 1.0), (0.0, 2.7), (3.0, None), (np.nan, 1.0)]
    )
    def test_segment_outside_the_film_is_refused(self, start_s: float, end_s: float | None) -> None:
        with pytest.raises(AudioError, match=r"upload: a segment .* is outside the recording"):
            decode(self.content, start_s=start_s, end_s=end_s, name="upload")

    def test_duration_limit_applies_to_the_segment(self) -> None:
        limits = DecodeLimits(max_duration_s=1.0)
        assert decode(self.content, start_s=1.0, end_s=2.0, limits=limits).duration_s == 1.0
        for end_s in (None, 2.5):
            with pytest.raises(AudioError, match="more than the limit of 1 s"):
                decode(self.content, end_s=end_s, limits=limits)


class TestBadContainers:
    def refused(self, content: bytes, message: str) -> None:
        with pytest.raises(AudioError, match=message) as refusal:
            decode(content, name="film.avi")
        assert str(refusal.value).startswith("film.avi: ")

    def test_film_without_audio(self) -> None:
        self.refused(silent_film(), "has no readable audio track; convert its audio to WAV")

    @pytest.mark.parametrize("kept", [0.3, 0.95])
    def test_truncated_avi(self, kept: float) -> None:
        whole = film(NOISE, 16_000, "avi")
        self.refused(whole[: int(kept * len(whole))], "is truncated, .* the header announces")

    def test_streamed_avi_has_no_length(self) -> None:
        whole = bytearray(film(NOISE, 16_000, "avi"))
        whole[4:8] = struct.pack("<I", 0xFFFF_FFFF)
        assert decode(bytes(whole)).samples.shape == NOISE.shape

    def test_truncated_web_recording(self) -> None:
        whole = film(sine(48_000, 2.0), 48_000, "webm", "libopus")
        self.refused(whole[: len(whole) // 2], "it ends near .* s of 2")

    def test_mp4_without_index(self) -> None:
        whole = film(sine(48_000), 48_000, "mp4", "aac")
        self.refused(whole[: len(whole) // 2], "is a damaged container")

    def test_times_far_outside_the_film(self) -> None:
        whole = film(NOISE, 16_000, "avi")
        with pytest.raises(AudioError, match=r"a segment from 1e\+308 s .* is outside the"):
            decode(whole, start_s=1e308)
        assert decode(whole, limits=DecodeLimits(max_duration_s=1e308)).samples.size == NOISE.size

    def test_a_rate_or_channels_beyond_the_limits(self) -> None:
        self.refused(film(NOISE, 900, "avi"), "a sample rate of 900 Hz")
        with pytest.raises(AudioError, match="has 2 channels, more than the limit of 1"):
            decode(
                film(np.stack([NOISE, NOISE], axis=1), 16_000, "avi"),
                limits=DecodeLimits(max_channels=1),
            )

    @pytest.mark.parametrize(
        ("container", "coding"),
        [("avi", "pcm_s16le"), ("avi", "mp3"), ("mp4", "aac"), ("webm", "libopus")],
    )
    def test_damage_anywhere_is_an_audio_error_or_harmless(
        self, container: str, coding: str
    ) -> None:
        rng = np.random.default_rng(0)
        whole = film(NOISE[:9_600], 48_000, container, coding)
        for _ in range(40):
            damaged = bytearray(whole[: rng.integers(50, len(whole) + 1)])
            damaged[rng.integers(len(damaged))] = rng.integers(256)
            with contextlib.suppress(AudioError):
                assert decode(bytes(damaged)).samples.size > 0


def test_metadata_need_not_be_utf8() -> None:
    whole = film(NOISE, 16_000, "mov")
    at = whole.index(b"Lavf")
    assert decode(whole[:at] + b"\xf8\xff\xf8\xff" + whole[at + 4 :]).samples.shape == NOISE.shape
