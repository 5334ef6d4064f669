"""A request's body, taken while it comes, into a file without a name that nobody else can open.

The file is unlinked from its beginning, so that nothing is left of it whatever happens to the
program. What a client calls it is shown again and never is a path.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from voxaffect.report.predictions.formats import visible
from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.settings import Limits

FORM = "multipart/form-data"
KINDS = ("audio/", "video/")
BINARY = ("", "application/octet-stream", "application/ogg", "application/x-www-form-urlencoded")
"""Content types of a raw body; the last is what curl says of --data-binary unless told."""

FIELD = "file"
NAME = "recording"
NAME_CHARACTERS = 120
WRITE_BYTES = 1 << 18
"""Bytes that are written at once, by another thread."""

ENVELOPE_BYTES = 1 << 16
"""What borders and headers of the parts of a form may take."""

DISCARD_S = 1.0
"""How long what comes beyond the limit is read and thrown away."""


@dataclass(frozen=True)
class Upload:
    """What a client sent.

    Args:
        file: open, without a name.
        name: what the client calls it, to be shown.
    """

    file: BinaryIO
    name: str

    @property
    def path(self) -> Path:
        """By which decoders open it as long as it is open here."""
        return Path(f"/dev/fd/{self.file.fileno()}")

    def close(self) -> None:
        """Be done with it: its bytes are gone."""
        self.file.close()


async def receive(request: Request, limits: Limits) -> Upload:
    """Take a body.

    Raises:
        Refusal: it is too large, too slow, no recording by its content type, or a form without one.
        ClientDisconnect: nobody is there any more.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _from_form(request, limits)
    if kind in BINARY or kind.startswith(KINDS):
        return await _raw(request, limits)
    raise ServiceError(
        415,
        "unsupported_content_type",
        f"a body of the content type {visible(kind)[:NAME_CHARACTERS]!r} is no recording; send the "
        f"file as audio/*, video/*, application/octet-stream, or as {FORM} in the field {FIELD!r}",
    )


async def _raw(request: Request, limits: Limits) -> Upload:
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 whoever gets it closes it
    held = bytearray()
    try:
        async for chunk in _chunks(request, limits, limits.max_bytes):
            held += chunk
            if len(held) >= WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(held))
                held.clear()
        file.write(held)
        file.flush()
    except BaseException:
        file.close()
        raise
    return Upload(file, NAME)


async def _from_form(request: Request, limits: Limits) -> Upload:
    chunks = _chunks(request, limits, limits.max_bytes + ENVELOPE_BYTES)
    try:
        form = await MultiPartParser(request.headers, chunks, max_files=1, max_fields=8).parse()
    except MultiPartException as fault:
        raise ServiceError(
            422, "bad_form", f"the form cannot be read ({fault.message}); send it again"
        ) from fault
    found = form.get(FIELD)
    if not isinstance(found, UploadFile):
        await form.close()
        raise ServiceError(
            422, "no_file", f"the form holds no file in the field {FIELD!r}; name the field so"
        )
    return Upload(_on_disk(found), shown_name(found.filename or ""))


def _on_disk(upload: UploadFile) -> BinaryIO:
    """What the form's parser kept in memory or on disk, on disk: it has a number then."""
    file = upload.file
    file.fileno()
    file.flush()
    return file


def shown_name(name: str) -> str:
    """The last part of what a client calls a file, on one line and not too long."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return visible(last)[:NAME_CHARACTERS] or NAME


async def _chunks(request: Request, limits: Limits, most: int) -> AsyncGenerator[bytes, None]:
    """A body as it comes, for as long and as far as it may."""
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.upload_s
    stream, held = request.stream(), 0
    if _announced(request) > most:
        if "expect" not in request.headers:  # else nothing comes before it is asked for
            await _discard(stream)
        raise _too_large(limits)
    while True:
        left_s = until - loop.time()
        try:
            async with asyncio.timeout(min(limits.idle_s, left_s)):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise _too_slow(limits) from None
        if chunk is None:
            return
        held += len(chunk)
        if held > most:
            await _discard(stream)
            raise _too_large(limits)
        yield chunk


async def _discard(stream: AsyncGenerator[bytes, None]) -> None:
    """Let a client say a little more: one that is cut off while it speaks may not hear why."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_S):
            async for _ in stream:
                pass


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(limits: Limits) -> ServiceError:
    return ServiceError(
        413,
        "body_too_large",
        f"the body has more than {limits.max_bytes} bytes; compress the recording or split it",
        {"Connection": "close"},
    )


def _too_slow(limits: Limits) -> ServiceError:
    return ServiceError(
        408,
        "upload_too_slow",
        f"the body stood still for {limits.idle_s:g} s or took more than {limits.upload_s:g} s; "
        "send it again over a faster line",
        {"Connection": "close"},
    )
