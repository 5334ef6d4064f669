"""Which bytes are taken at once: those that cannot keep an event loop waiting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.recognizers import DNN, drawn
from voxaffect.serving.websocket import FAR_S, LITTLE_BYTES, AudioDecoder, StreamOptions
from voxaffect.streaming.online import LiveRecognizer, LiveSettings

LIVE = LiveRecognizer(drawn(DNN), LiveSettings(longest_s=FAR_S + 5))


def ear(hello: StreamOptions, live: LiveRecognizer = LIVE) -> AudioDecoder:
    return AudioDecoder(live, hello, 3600.0, live.recognizer)


def test_a_little_pcm_is_taken_at_once_and_much_is_not() -> None:
    hearing = ear(StreamOptions(encoding="pcm_s16le"))
    assert hearing.takes_at_once(bytes(LITTLE_BYTES))
    assert not hearing.takes_at_once(bytes(LITTLE_BYTES + 1))


def test_nothing_is_taken_at_once_where_utterances_are_short() -> None:
    """The first piece, too, may end one, though none has begun."""
    hearing = ear(
        StreamOptions(encoding="pcm_s16le", rate=1_000),
        LiveRecognizer(LIVE.recognizer, LiveSettings(longest_s=5)),
    )
    piece = b"\1\0" * (LITTLE_BYTES // 2)
    assert not hearing.takes_at_once(piece)
    assert hearing.push(piece)
    hearing.drop()


@pytest.mark.parametrize(
    "hello",
    [StreamOptions(encoding="container"), StreamOptions(encoding="pcm_s16le", utterances=True)],
    ids=["which waits for a decoder", "which looks for pauses"],
)
def test_what_takes_time_is_never_taken_at_once(hello: StreamOptions) -> None:
    hearing = ear(hello)
    assert not hearing.takes_at_once(b"\0\0")
    hearing.drop()


@settings(max_examples=10, deadline=None)
@given(rate=st.sampled_from([1_000, 8_000, 16_000, 44_100]), seed=st.integers(0, 99))
def test_no_utterance_ends_with_what_is_taken_at_once(rate: int, seed: int) -> None:
    """Ends are waited for, and there is one every FAR_S + 5 seconds here."""
    hearing = ear(StreamOptions(encoding="pcm_s16le", rate=rate))
    draw = np.random.default_rng(seed)
    sound = draw.integers(-999, 999, round(2.5 * FAR_S * rate)).astype("<i2").tobytes()
    n_ended = at = 0
    while at < len(sound):
        piece = sound[at : at + 2 * int(draw.integers(1, LITTLE_BYTES // 2))]
        at += len(piece)
        at_once = hearing.takes_at_once(piece)
        ended = hearing.push(piece)
        assert not (at_once and ended)
        n_ended += len(ended)
    hearing.drop()
    assert n_ended
