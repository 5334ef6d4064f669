"""NIST SPHERE, the format of the LDC's older corpora: what libsndfile overlooks in its header.

A header is ASCII: `NIST_1A`, its own size in bytes, then lines `name -type value` up to `end_head`.
libsndfile reads plain PCM, mu-law and A-law samples behind it. It neither unpacks a coding embedded
in them, such as shorten, nor minds that there are fewer of them than announced.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import BinaryIO

from voxaffect.errors import AudioError

MAGIC = b"NIST_1A\n"
PREAMBLE_BYTES = 16  # the magic and the header's size, `   1024` and a newline
MAX_DIGITS = 18  # of a number that may be meant
SAMPLE_BYTES = ("channel_count", "sample_count", "sample_n_bytes")  # whose product is their size


def check_sphere(stream: BinaryIO, name: str) -> None:
    """Refuse a compressed, truncated or damaged SPHERE file; anything else passes. Rewinds.

    Raises:
        AudioError: its samples cannot be read, or not all of them are there.
    """
    preamble = stream.read(PREAMBLE_BYTES)
    if preamble.startswith(MAGIC):
        size = _number(preamble[len(MAGIC) :].decode("latin-1"), name)
        fields = _fields(stream.read(max(size - PREAMBLE_BYTES, 0)))
        _check_coding(fields, name)
        _check_length(fields, max(stream.seek(0, io.SEEK_END) - size, 0), name)
    stream.seek(0)


def _fields(header: bytes) -> dict[str, str]:
    fields = {}
    for line in header.decode("latin-1").splitlines():
        if line.strip() == "end_head":
            break
        key, _, value = line.partition(" ")
        fields[key] = value.partition(" ")[2].strip()
    return fields


def _check_coding(fields: Mapping[str, str], name: str) -> None:
    _, _, embedded = fields.get("sample_coding", "pcm").partition(",")
    if embedded:
        raise AudioError(
            f"{name}: is a SPHERE file compressed with {embedded.removeprefix('embedded-')}; "
            "convert it with `sph2pipe -f wav IN.sph OUT.wav`"
        )


def _check_length(fields: Mapping[str, str], held: int, name: str) -> None:
    announced = 1
    for key in SAMPLE_BYTES:
        announced *= _number(fields.get(key, "0"), name)
    if held < announced:
        raise AudioError(
            f"{name}: is truncated, {held} bytes of sound where the header announces "
            f"{announced}; copy or download it again"
        )


def _number(text: str, name: str) -> int:
    if not text.strip().isdecimal() or len(text) > MAX_DIGITS:
        said = text.strip()[:MAX_DIGITS]
        raise AudioError(
            f"{name}: has a damaged SPHERE header, {said!r} is no number; copy or download it again"
        )
    return int(text)
