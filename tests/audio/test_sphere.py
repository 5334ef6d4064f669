from __future__ import annotations

import numpy as np
import pytest

from tests.audio.spheres import pcm, sphere
from voxaffect.audio.decode import decode
from voxaffect.errors import AudioError

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 4_000)
WHOLE = sphere(pcm(NOISE), 16_000)


def test_pcm_is_read() -> None:
    np.testing.assert_allclose(decode(WHOLE).samples, NOISE, atol=1e-4)


def test_two_channels_are_averaged() -> None:
    stereo = np.stack([NOISE, np.zeros_like(NOISE)], axis=1)
    heard = decode(sphere(pcm(stereo), 16_000, n_channels=2)).samples
    np.testing.assert_allclose(heard, NOISE / 2, atol=1e-4)


def test_mu_law_is_read() -> None:
    # ITU-T G.711: codes 0x80 and 0x00 are the largest positive and negative sample, 32,124.
    heard = decode(sphere(b"\x80\x00" * 400, 16_000, n_bytes=1, coding="ulaw")).samples
    np.testing.assert_allclose(heard, np.tile([32_124, -32_124], 400) / 32_768, atol=1e-6)


def refused(content: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message) as refusal:
        decode(content, name="cc_001.sph")
    assert str(refusal.value).startswith("cc_001.sph: ")


@pytest.mark.parametrize("coding", ["pcm,embedded-shorten-v2.00", "ulaw,embedded-shorten-v1.09"])
def test_compressed_samples_are_refused_with_how_to_convert_them(coding: str) -> None:
    compressed = sphere(b"ajkg\x02" + bytes(range(250)), 22_050, coding=coding, count=9_999)
    refused(compressed, r"compressed with shorten-v[12]\.0\d; convert it with `sph2pipe -f wav")


def test_fewer_samples_than_announced_are_refused() -> None:
    refused(WHOLE[:-10], "is truncated, 7990 bytes of sound where the header announces 8000")


def test_more_bytes_than_announced_do_no_harm() -> None:
    assert decode(WHOLE + bytes(4)).samples.size >= NOISE.size


@pytest.mark.parametrize(("right", "wrong"), [(b"   1024", b"   10z4"), (b"-i 4000", b"-i 4x00")])
def test_a_damaged_header_is_refused(right: bytes, wrong: bytes) -> None:
    refused(WHOLE.replace(right, wrong), "has a damaged SPHERE header, '[14].*' is no number")


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    header = b"NIST_1A\n" + b"9" * 8 + b"sample_count -i " + b"9" * 5_000 + b"\nend_head\n"
    refused(header, "has a damaged SPHERE header, '9{18}' is no number")


@pytest.mark.parametrize(
    ("n_bytes", "message"),
    [(8, "damaged SPHERE header"), (12, "no audio that can be read"), (400, "truncated, 0 bytes")],
)
def test_a_header_that_breaks_off_is_refused(n_bytes: int, message: str) -> None:
    refused(WHOLE[:n_bytes], message)
