"""A timeline's picture tells names and times, is the same twice, and takes any length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.report.predictions.made import made
from voxaffect.recognizer.prediction import no_speech
from voxaffect.report.figures.timeline import MOST_POINTS, draw_timeline, envelope

SAID = [made(start_s=0.5, end_s=2.0), made(label="unsure", start_s=2.5, end_s=3.0)]
LEVEL_DB = np.random.default_rng(0).normal(-40, 10, 400)


def test_every_class_has_its_name_and_line() -> None:
    svg = draw_timeline("a<b>\n.wav", SAID, LEVEL_DB, 4.0, ".svg").decode()
    for words in ("n  neutral", "a  angry", "time in seconds", r"a&lt;b&gt;\n.wav"):
        assert words in svg
    assert svg == draw_timeline("a<b>\n.wav", SAID, LEVEL_DB, 4.0, ".svg").decode()


def test_segments_without_speech_have_no_probabilities_to_draw() -> None:
    silent = replace(no_speech("a.wav", 1.0), start_s=3.0, end_s=4.0)
    unsure = replace(SAID[1], threshold=0.9)
    assert b"<svg" in draw_timeline("a.wav", [*SAID, unsure, silent], LEVEL_DB, 4.0, ".svg")


def test_a_png_is_one() -> None:
    assert draw_timeline("a.wav", SAID, LEVEL_DB, 4.0, ".png").startswith(b"\x89PNG")


@pytest.mark.parametrize("n_frames", [3, MOST_POINTS, 360_000])
def test_an_envelope_keeps_the_loudest_and_the_length(n_frames: int) -> None:
    level_db = np.full(n_frames, -60.0)
    level_db[n_frames // 2] = -20
    times, amplitude = envelope(level_db, n_frames / 100)
    assert times.size <= MOST_POINTS
    assert times[amplitude.argmax()] == pytest.approx(n_frames / 200, abs=n_frames / 1e3)
    assert amplitude.max() == 1
