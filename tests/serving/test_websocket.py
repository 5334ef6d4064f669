"""Which bytes are processed in the event loop: those that cannot block it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.recognizers import DNN, random_recognizer
from voxaffect.serving.websocket import FAR_S, SMALL_BYTES, AudioDecoder, StreamOptions
from voxaffect.streaming.online import LiveRecognizer, LiveSettings

LIVE = LiveRecognizer(random_recognizer(DNN), LiveSettings(longest_s=FAR_S + 5))


def decoder_of(options: StreamOptions, live: LiveRecognizer = LIVE) -> AudioDecoder:
    return AudioDecoder(live, options, 3600.0, live.recognizer)


def test_little_pcm_is_quick_and_much_is_not() -> None:
    decoder = decoder_of(StreamOptions(encoding="pcm_s16le"))
    assert decoder.is_quick(bytes(SMALL_BYTES))
    assert not decoder.is_quick(bytes(SMALL_BYTES + 1))


def test_nothing_is_quick_where_utterances_are_short() -> None:
    """The first piece may end an utterance, too."""
    decoder = decoder_of(
        StreamOptions(encoding="pcm_s16le", rate=1_000),
        LiveRecognizer(LIVE.recognizer, LiveSettings(longest_s=5)),
    )
    piece = b"\1\0" * (SMALL_BYTES // 2)
    assert not decoder.is_quick(piece)
    assert decoder.push(piece)
    decoder.drop()


@pytest.mark.parametrize(
    "options",
    [StreamOptions(encoding="container"), StreamOptions(encoding="pcm_s16le", utterances=True)],
    ids=["container", "pauses"],
)
def test_containers_and_pauses_are_never_quick(options: StreamOptions) -> None:
    decoder = decoder_of(options)
    assert not decoder.is_quick(b"\0\0")
    decoder.drop()


@settings(max_examples=10, deadline=None)
@given(rate=st.sampled_from([1_000, 8_000, 16_000, 44_100]), seed=st.integers(0, 99))
def test_no_utterance_ends_in_what_is_quick(rate: int, seed: int) -> None:
    """Here one ends every FAR_S + 5 seconds."""
    decoder = decoder_of(StreamOptions(encoding="pcm_s16le", rate=rate))
    draw = np.random.default_rng(seed)
    sound = draw.integers(-999, 999, round(2.5 * FAR_S * rate)).astype("<i2").tobytes()
    n_ended = at = 0
    while at < len(sound):
        piece = sound[at : at + 2 * int(draw.integers(1, SMALL_BYTES // 2))]
        at += len(piece)
        quick = decoder.is_quick(piece)
        ended = decoder.push(piece)
        assert not (quick and ended)
        n_ended += len(ended)
    decoder.drop()
    assert n_ended
