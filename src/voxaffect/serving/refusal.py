"""What a client is told when it gets no answer: a status, a code for programs, a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from voxaffect.errors import AudioError, RecordingLimitError, VoxaffectError

AGAIN_S = 1
"""Seconds after which a client that was refused for want of room may come again."""


class Refusal(VoxaffectError):  # noqa: N818 a client is refused, nothing failed
    """A request that is not answered.

    Args:
        status: of HTTP.
        code: the same for programs, more exactly.
        message: the same for people, in a sentence that says what to do.
        headers: of the response.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def as_json(self) -> str:
        """The body of the response."""
        return json.dumps({"error": {"code": self.code, "message": self.message}}) + "\n"

    def response(self) -> Response:
        """The response itself."""
        return Response(self.as_json(), self.status, self.headers, "application/json")


def of_recording(fault: AudioError) -> Refusal:
    """What is wrong with a recording."""
    if isinstance(fault, RecordingLimitError):
        return Refusal(413, "recording_too_long", str(fault))
    return Refusal(422, "unusable_recording", str(fault))


def busy(code: str, message: str) -> Refusal:
    """There is no room now, and may be soon."""
    return Refusal(503, code, message, {"Retry-After": str(AGAIN_S)})
