"""Uploads: request bodies, written as they arrive to files without a name.

Such a file is unlinked from the beginning, so that nothing is left of it however the program ends.
The client's name for it is only displayed, never used as a path.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import PurePosixPath, PureWindowsPath
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from voxaffect.report.predictions.formats import visible
from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.settings import Limits

FORM = "multipart/form-data"
BINARY = ("", "application/octet-stream", "application/ogg", "application/x-www-form-urlencoded")
"""Content types of a raw body; the last is curl's default for --data-binary."""

FIELD, NAME, NAME_CHARACTERS = "file", "recording", 120
MEMORY_BYTES = 1 << 18  # of a raw body; a longer one is written to a file by another thread
ENVELOPE_BYTES = 1 << 16  # bytes that a form may need for boundaries and headers


async def receive(request: Request, limits: Limits) -> UploadFile:
    """Receive the body of a request: an open file on disk, and a name for display.

    Raises `ServiceError` where it is too large, too slow, of an unsupported type or has no
    recording; `ClientDisconnect` where the client has disconnected.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        upload = await _from_form(request, limits)
    elif kind in BINARY or kind.startswith(("audio/", "video/")):
        upload = await _raw(request, limits)
    else:
        message = (
            f"unsupported content type {visible(kind)[:NAME_CHARACTERS]!r}; send the recording as "
            f"audio/*, video/*, application/octet-stream, or as {FORM} in the field {FIELD!r}"
        )
        raise ServiceError(415, "unsupported_content_type", message)
    upload.file.fileno()  # moves it from memory to disk
    upload.file.flush()
    return upload


async def _raw(request: Request, limits: Limits) -> UploadFile:
    file = cast(BinaryIO, SpooledTemporaryFile(MEMORY_BYTES))  # noqa: SIM115 closed with the upload
    upload = UploadFile(file, filename=NAME)
    try:
        async for chunk in _chunks(request, limits, limits.max_bytes):
            await upload.write(chunk)
    except BaseException:
        file.close()
        raise
    return upload


async def _from_form(request: Request, limits: Limits) -> UploadFile:
    chunks = _chunks(request, limits, limits.max_bytes + ENVELOPE_BYTES)
    try:
        form = await MultiPartParser(request.headers, chunks, max_files=1, max_fields=8).parse()
    except MultiPartException as fault:
        message = f"the form cannot be parsed ({fault.message}); correct it"
        raise ServiceError(422, "bad_form", message) from fault
    found = form.get(FIELD)
    if not isinstance(found, UploadFile):
        await form.close()
        message = f"the form has no file in the field {FIELD!r}; add the recording there"
        raise ServiceError(422, "no_file", message)
    # The last part of the client's name, on one line, shortened.
    last = PureWindowsPath(PurePosixPath(found.filename or "").name).name
    found.filename = visible(last)[:NAME_CHARACTERS] or NAME
    return found


async def _chunks(request: Request, limits: Limits, most: int) -> AsyncGenerator[bytes, None]:
    """A body as it arrives, within the limits of time and of `most` bytes."""
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.upload_s
    stream, n_bytes = request.stream(), 0
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most:
        # With `Expect`, nothing is sent before it is asked for.
        raise await _too_large(limits, None if "expect" in request.headers else stream)
    while True:
        try:
            async with asyncio.timeout(min(limits.idle_s, until - loop.time())):
                chunk = await anext(stream, None)
        except TimeoutError:
            message = (
                f"no data for {limits.idle_s:g} s, or more than {limits.upload_s:g} s in all; "
                "upload again over a faster connection"
            )
            close = {"Connection": "close"}
            raise ServiceError(408, "upload_too_slow", message, close) from None
        if chunk is None:
            return
        n_bytes += len(chunk)
        if n_bytes > most:
            raise await _too_large(limits, stream)
        yield chunk


async def _too_large(limits: Limits, stream: AsyncGenerator[bytes, None] | None) -> ServiceError:
    """The error, after reading a little more: a client that is cut off may not receive it."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(1.0):
            while stream is not None and await anext(stream, None) is not None:
                pass
    message = f"the body exceeds {limits.max_bytes} bytes; compress the recording or split it"
    return ServiceError(413, "body_too_large", message, {"Connection": "close"})
