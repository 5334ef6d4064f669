"""What a client says first: what its bytes mean, and how it wants to be heard."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from voxaffect.audio.pcm import PcmFormat
from voxaffect.errors import AudioError
from voxaffect.serving.refusal import Refusal


class Hello(BaseModel):
    """The first message of a live stream, a JSON object.

    Args:
        encoding: 16-bit integers or 32-bit floats, the low byte first; or a file as a browser's
            MediaRecorder writes it piece by piece: WebM, Matroska, Ogg or fragmented MP4.
        rate: sample rate of PCM in Hz; a container tells its own.
        channels: interleaved channels of PCM; they are averaged.
        utterances: whether pauses end utterances; else all is one, or several where it is longer
            than the service hears as one.
        token: for clients that cannot send headers, such as browsers.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    encoding: Literal["pcm_s16le", "pcm_f32le", "container"]
    rate: int = 16_000
    channels: int = 1
    utterances: bool = False
    token: str | None = None

    def pcm(self) -> PcmFormat:
        """What the bytes mean, where they are PCM.

        Raises:
            AudioError: no sound can be like that.
        """
        return PcmFormat(self.rate, self.encoding.removeprefix("pcm_"), self.channels)


def parse_hello(text: str | None) -> Hello:
    """Read the first message.

    Raises:
        Refusal: it is none, or means nothing.
    """
    if text is None:
        raise Refusal(422, "bad_hello", "the first message is binary; say hello in JSON first")
    try:
        hello = Hello.model_validate_json(text)
        if hello.encoding != "container":
            hello.pcm()
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        message = f"the hello cannot be used ({where}: {first['msg']}); correct it"
        raise Refusal(422, "bad_hello", message) from fault
    except AudioError as fault:
        raise Refusal(422, "bad_hello", str(fault)) from fault
    return hello
