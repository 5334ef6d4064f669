"""Uploads: request bodies, written as they arrive to files without a name.

Such a file is unlinked from the beginning, so that nothing is left of it however the program ends.
The client's name for it is only displayed, never used as a path.
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
"""Content types of a raw body; the last is curl's default for --data-binary."""

FIELD = "file"
NAME = "recording"
NAME_CHARACTERS = 120
WRITE_BYTES = 1 << 18
"""Bytes that are written at once, by another thread."""

ENVELOPE_BYTES = 1 << 16
"""Bytes that a form may need for boundaries and headers."""

DISCARD_S = 1.0
"""How long a body beyond the limit is read and discarded."""


@dataclass(frozen=True)
class Upload:
    """An uploaded recording: an open file, and the client's name for it, for display."""

    file: BinaryIO
    name: str

    @property
    def path(self) -> Path:
        """Path by which decoders can open it while it is open here."""
        return Path(f"/dev/fd/{self.file.fileno()}")

    def close(self) -> None:
        """Close and so delete it."""
        self.file.close()


async def receive(request: Request, limits: Limits) -> Upload:
    """Receive the body of a request.

    Raises:
        ServiceError: it is too large or too slow, of an unsupported content type, or a form without
            a recording.
        ClientDisconnect: the client has disconnected.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _from_form(request, limits)
    if kind in BINARY or kind.startswith(KINDS):
        return await _raw(request, limits)
    raise ServiceError(
        415,
        "unsupported_content_type",
        f"unsupported content type {visible(kind)[:NAME_CHARACTERS]!r}; send the recording as "
        f"audio/*, video/*, application/octet-stream, or as {FORM} in the field {FIELD!r}",
    )


async def _raw(request: Request, limits: Limits) -> Upload:
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 closed with the upload
    buffer = bytearray()
    try:
        async for chunk in _chunks(request, limits, limits.max_bytes):
            buffer += chunk
            if len(buffer) >= WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(buffer))
                buffer.clear()
        file.write(buffer)
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
            422, "bad_form", f"the form cannot be parsed ({fault.message}); correct it"
        ) from fault
    found = form.get(FIELD)
    if not isinstance(found, UploadFile):
        await form.close()
        raise ServiceError(
            422, "no_file", f"the form has no file in the field {FIELD!r}; add the recording there"
        )
    found.file.fileno()  # moves it from memory to disk
    found.file.flush()
    return Upload(found.file, display_name(found.filename or ""))


def display_name(name: str) -> str:
    """The last part of a client's file name, on one line, shortened."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return visible(last)[:NAME_CHARACTERS] or NAME


async def _chunks(request: Request, limits: Limits, most: int) -> AsyncGenerator[bytes, None]:
    """A body as it arrives, within the limits of time and of `most` bytes."""
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.upload_s
    stream, n_bytes = request.stream(), 0
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most:
        if "expect" not in request.headers:  # else nothing is sent before it is asked for
            await _discard(stream)
        raise _too_large(limits)
    while True:
        left_s = until - loop.time()
        try:
            async with asyncio.timeout(min(limits.idle_s, left_s)):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise ServiceError(
                408,
                "upload_too_slow",
                f"no data for {limits.idle_s:g} s, or more than {limits.upload_s:g} s in all; "
                "upload again over a faster connection",
                {"Connection": "close"},
            ) from None
        if chunk is None:
            return
        n_bytes += len(chunk)
        if n_bytes > most:
            await _discard(stream)
            raise _too_large(limits)
        yield chunk


async def _discard(stream: AsyncGenerator[bytes, None]) -> None:
    """Read a little more: a client that is cut off while sending may not receive the response."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_S):
            async for _ in stream:
                pass


def _too_large(limits: Limits) -> ServiceError:
    return ServiceError(
        413,
        "body_too_large",
        f"the body exceeds {limits.max_bytes} bytes; compress the recording or split it",
        {"Connection": "close"},
    )
