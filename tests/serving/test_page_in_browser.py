"""The page in a real browser: files, microphone, layout, requests."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, Request, WebSocket, expect, sync_playwright

from tests.report.test_page_in_browser import FAINT_TEXTS, OUTSIDE, PHONE, WIDE
from tests.serving.running import running
from tests.serving.speech import HISS, MUSIC, clip, wav
from tests.serving.test_security import TOKEN
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.settings import Limits, ServingSettings

Open = Callable[..., Page]
HAPPY = clip(41)

COLUMNS = """(() => {
  const frames = document.getElementById("frames");
  const { width, height } = frames;
  const line = frames.getContext("2d").getImageData(0, Math.floor(height / 2), width, 1).data;
  const color = (x) => line.slice(4 * x, 4 * x + 3).join();
  return Array.from({ length: width }, (_, x) => (line[4 * x + 3] ? color(x) : ""));
})()"""
"""Colors along the middle of the frames' picture, empty where there are none."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, whose microphone plays the happy clip again and again."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no chromium to look at the page with: apt install chromium")
    microphone = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    soundfile.write(microphone, HAPPY.samples, 16_000, subtype="PCM_16")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found,
            args=[
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(recognizer: TrainedRecognizer) -> Iterator[str]:
    with running(recognizer, ServingSettings(port=0, limits=Limits(burst=1000))) as address:
        yield address


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances with pauses between them."""
    path = tmp_path_factory.mktemp("recording") / "talk.wav"
    spoken = [np.pad(clip(seed).samples, (4_000, 12_000)) for seed in (40, 41, 42, 43)]
    path.write_bytes(wav(np.concatenate(spoken)))
    return path


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Open]:
    """Opens the page; fails on errors in the console or requests to other hosts."""
    contexts = []
    problems: list[str] = []

    def opened(width: int = WIDE, address: str = url, **options: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            permissions=["microphone"],
            reduced_motion="reduce",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        allowed = (address, f"blob:{address}", address.replace("http", "ws"))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))

        def note(asked: Request | WebSocket) -> None:
            if not asked.url.startswith(allowed):
                problems.append(asked.url)

        page.on("request", note)
        page.on("websocket", note)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in problems if "responded with a status of 4" not in one] == []


def shown(page: Page, place: str = "#bars") -> dict[str, str]:
    rows = page.locator(f"{place} .bar").all()
    return {row.get_attribute("data-name") or "": _value(row.inner_text()) for row in rows}


def _value(text: str) -> str:
    return text.rsplit("\n", maxsplit=1)[-1].replace("\N{NO-BREAK SPACE}", "")


def until(page: Page, expression: str) -> None:
    """Wait in Python: the page's policy forbids the page to wait for code that comes as text."""
    end = time.monotonic() + 120
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def upload(page: Page, recording: Path) -> None:
    page.locator("#model").get_by_text("voxaffect").wait_for()
    page.set_input_files("#file", recording)
    page.locator("#result").wait_for()


def test_a_file_s_prediction_is_the_service_s(open_page: Open, url: str, recording: Path) -> None:
    page = open_page()
    upload(page, recording)
    whole = httpx2.post(f"{url}/v1/predict", content=recording.read_bytes(), timeout=60).json()
    assert page.locator("#label").inner_text().lower() == whole["emotion"]
    assert shown(page) == {k: f"{round(100 * p)}%" for k, p in whole["probabilities"].items()}
    rows = page.locator("#utterances tbody tr td:nth-child(3)").all_inner_texts()
    cut = httpx2.post(
        f"{url}/v1/predict?timeline=1", content=recording.read_bytes(), timeout=60
    ).json()
    assert rows == [utterance["emotion"] for utterance in cut["utterances"]]
    assert rows[1:] == ["happy", "sad", "angry"]


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_speech_is_said_large_and_no_probability_is_shown(
    open_page: Open, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "hiss.wav"
    path.write_bytes(wav(HISS.samples))
    page = open_page(width)
    upload(page, path)
    assert page.locator("#label").inner_text() == "No speech"
    assert page.locator("#sentence").inner_text().startswith("Too little of it is speech. Check")
    for place in ("#shares", "#bars", "#subtasks", "#frames", "#legend", "#utterances"):
        assert not page.locator(place).is_visible()
    assert "%" not in page.locator("#result").inner_text()
    assert page.locator("#now").inner_text() == "no speech"
    size = page.evaluate("parseFloat(getComputedStyle(document.getElementById('label')).fontSize)")
    assert size >= 36
    with page.expect_download() as saved:
        page.get_by_role("button", name="WebVTT captions").click()
    assert Path(saved.value.path()).read_text().endswith("no speech\n")


def test_unsure_is_said_large_with_its_reason_and_everything_else_is_gray(
    open_page: Open, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "music.wav"
    path.write_bytes(wav(MUSIC.samples))
    whole = httpx2.post(f"{url}/v1/predict", content=path.read_bytes(), timeout=60).json()
    page = open_page()
    upload(page, path)
    assert page.locator("#label").inner_text() == "Unsure"
    reason = page.locator("#sentence").inner_text()
    assert reason.lower() == f"{whole['reason']}."
    assert whole["reason"] not in page.locator("#warnings li").all_inner_texts()
    assert page.locator("#shares-title").inner_text() == "Emotion, not reliable"
    assert shown(page) == {k: f"{round(100 * p)}%" for k, p in whole["probabilities"].items()}
    fills = "[...document.querySelectorAll('#bars .fill')].map(e => getComputedStyle(e).background)"
    assert len({*page.evaluate(fills)}) == 1
    assert page.locator("#now").inner_text().startswith("unsure: music-like")
    gray = "getComputedStyle(document.querySelector('#strip span')).backgroundColor"
    assert page.evaluate(gray) == "rgb(153, 153, 153)"
    assert {*page.evaluate(COLUMNS)} <= {"153,153,153", ""}


def test_frames_of_speech_stand_at_their_times(open_page: Open, recording: Path) -> None:
    page = open_page()
    upload(page, recording)
    columns = page.evaluate(COLUMNS)
    assert len({*columns} - {""}) >= 3
    with soundfile.SoundFile(recording) as file:
        duration_s = file.frames / file.samplerate
    first = clip(40).duration_s + 0.25  # and then a pause of a second
    pause = columns[int((first + 0.1) / duration_s * len(columns)) :][: len(columns) // 40]
    assert not any(pause)
    assert any(columns[: int(first / duration_s * len(columns))])


def test_playback_by_keyboard(open_page: Open, recording: Path) -> None:
    page = open_page()
    upload(page, recording)
    second = page.locator("#utterances tbody tr").nth(1)
    second.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert second.get_attribute("aria-current") == "true"
    assert page.locator("#now").inner_text().startswith("happy")
    page.get_by_role("slider", name="Position in the recording").focus()
    page.keyboard.press("Home")
    assert page.locator("#clock").inner_text().startswith("0:00.0 of")
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    until(page, "document.getElementById('audio').currentTime > 0.2")
    page.get_by_role("button", name="Pause").click()
    assert float(page.locator("#seek").input_value()) > 0.1


@pytest.mark.parametrize(
    ("button", "form", "name"),
    [
        ("JSON", "json", "talk.json"),
        ("CSV", "csv", "talk.csv"),
        ("Audacity labels", "audacity", "talk.txt"),
        ("WebVTT captions", "vtt", "talk.vtt"),
    ],
)
def test_downloads_are_the_service_s(
    open_page: Open, url: str, recording: Path, button: str, form: str, name: str
) -> None:
    page = open_page()
    upload(page, recording)
    with page.expect_download() as saved:
        page.get_by_role("button", name=button).click()
    assert saved.value.suggested_filename == name
    expected = httpx2.post(
        f"{url}/v1/predict",
        params={"timeline": True, "format": form},
        files={"file": (recording.name, recording.read_bytes())},
        timeout=60,
    )
    # Numbers may differ in their last bits, as the batches of a busy service do.
    texts = Path(saved.value.path()).read_bytes().decode(), expected.text
    number = re.compile(r"\d+\.\d+(?:e-\d+)?")
    assert number.sub("#", texts[0]) == number.sub("#", texts[1])
    numbers = [[float(n) for n in number.findall(text)] for text in texts]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def test_the_microphone_s_final_prediction_is_the_file_s(open_page: Open) -> None:
    page = open_page()
    page.locator("#model").get_by_text("voxaffect").wait_for()
    page.get_by_role("button", name="Record").click()
    page.get_by_text("So far: happy.").wait_for()
    page.wait_for_timeout(3_000)  # less than a whole clip is unlike what the recognizer was taught
    assert shown(page, "#live-bars")["happy"] > "50%"
    page.get_by_role("button", name="Stop").click()
    page.locator("#result").wait_for()
    # Cut and played again and again, it may be unlike the 32 clips of the training.
    assert page.locator("#label").inner_text() in {"Happy", "Unsure"}
    until(page, "'final' in document.getElementById('live').dataset")
    final = json.loads(page.locator("#live").get_attribute("data-final") or "")
    assert shown(page) == {name: f"{round(100 * p)}%" for name, p in final.items()}
    assert max(final, key=lambda name: final[name]) == "happy"


def test_errors_are_shown(open_page: Open, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,")
    page = open_page()
    page.locator("#model").get_by_text("voxaffect").wait_for()
    page.set_input_files("#file", path)
    page.get_by_role("alert").wait_for()
    shown_error = page.get_by_role("alert").inner_text()
    assert shown_error.startswith("letter.txt: is not a readable audio file")


@pytest.mark.parametrize("sound", ["talk", "music", "hiss"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_nothing_overflows_and_all_text_stands_out(
    open_page: Open, recording: Path, tmp_path: Path, width: int, scheme: str, sound: str
) -> None:
    page = open_page(width, color_scheme=scheme)
    if sound != "talk":
        recording = tmp_path / f"{sound}.wav"
        recording.write_bytes(wav({"music": MUSIC, "hiss": HISS}[sound].samples))
    upload(page, recording)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(FAINT_TEXTS) == []


def test_every_control_has_a_name_and_a_visible_focus(open_page: Open, recording: Path) -> None:
    page = open_page()
    upload(page, recording)
    page.locator("body").press("Tab")
    for _ in range(12):
        seen = page.evaluate(
            """() => {
              const here = document.activeElement;
              const ring = [here, here.parentElement].map((e) => getComputedStyle(e).outlineStyle);
              return [here.tagName, ring.includes("solid")];
            }"""
        )
        assert seen[1] or seen[0] == "BODY", seen
        page.keyboard.press("Tab")
    for role in ("button", "slider"):
        for control in page.get_by_role(role).all():
            expect(control).to_have_accessible_name(re.compile(r"\S"))


def test_a_token_is_requested(
    open_page: Open, recognizer: TrainedRecognizer, recording: Path
) -> None:
    settings = ServingSettings(port=0, token=TOKEN, limits=Limits(burst=1000))
    with running(recognizer, settings) as address:
        page = open_page(address=address)
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.get_by_role("button", name="Continue").click()
        upload(page, recording)
        page.get_by_role("button", name="Record").click()
        page.get_by_text("So far:").wait_for()
        page.get_by_role("button", name="Stop").click()
        page.locator("#result").wait_for()
