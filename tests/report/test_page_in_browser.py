"""The report in a browser: requests, layout, contrast, sorting, downloads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.report.runs import NOTE, full_run
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.export import latex
from voxaffect.report.page import html_page, sections
from voxaffect.report.table import Cell, Section, Table, named_tables
from voxaffect.report.text import ABSENT

WIDE, PHONE = 1280, 390
Open = Callable[..., Page]

# Elements with their own text whose contrast with the background is below 4.5.
FAINT_TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (color, below) => {
    canvas.fillStyle = below; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return `rgb(${canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).join()})`;
  };
  const luminance = (color) => {
    const [r, g, b] = color.match(/\\d+/g).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => element === null ? "rgb(255,255,255)"
    : over(getComputedStyle(element).backgroundColor, paper(element.parentElement));
  const ink = (element) => element.closest("svg") ? getComputedStyle(element).fill
    : getComputedStyle(element).color;
  const drawnOn = (element) => element.closest("svg[aria-label^=Confusion]");
  return Array.from(document.body.querySelectorAll("*"))
    .filter((element) => element.checkVisibility() && !drawnOn(element))
    .filter((element) => Array.from(element.childNodes)
      .some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()))
    .map((element) => {
      const below = paper(element);
      const [a, b] = [over(ink(element), below), below].map(luminance);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.trim()];
    })
    .filter(([contrast]) => contrast < 4.5);
}"""
OUTSIDE = """() => Array.from(document.body.querySelectorAll("*"))
  .filter((element) => element.checkVisibility() && !element.closest("svg, .skip, .status"))
  .filter((element) => !element.parentElement.closest(".scroll, pre"))
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => element.outerHTML.slice(0, 99))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(written: list[Path]) -> Path:
    return written[0]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages in separate contexts; fail on console messages and requests."""
    contexts = []
    problems: list[str] = []

    def log_message(message: ConsoleMessage) -> None:
        problems.append(message.text)

    def check_request(request: Request) -> None:
        if not request.url.startswith(("file:", "blob:")) or request.failure:
            problems.append(f"requested {request.url}")

    def opened(path: Path, width: int = WIDE, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", log_message)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", check_request)
        page.on("requestfailed", check_request)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")


def made_page(folder: Path, table: Table, note: str = "") -> Path:
    path = folder / "page.html"
    run = Run({}, (), {}, note=note)
    path.write_text(html_page(run, (), (Section("made", "Made", tables=(table,)),), ()), "utf-8")
    return path


def rows(texts: Sequence[tuple[str, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(text) for text in row) for row in texts)


SORTED = Table(
    title="Sorted",
    columns=("Fold", "UA", "n", "p"),
    rows=rows(
        [
            ("b/10", ".500 ± .010", "1,200", "< .001"),
            ("b/9", "1.000", "90", ".001"),
            ("a/1", ABSENT, "300", ABSENT),
            ("c/2", ".499*", ABSENT, "\N{MINUS SIGN}.400"),
            ("mean", ".100", "7", "9"),
        ]
    ),
    n_last=1,
)


def heads(page: Page) -> list[str]:
    return page.locator("#made-1 tbody th").all_inner_texts()


def test_page_makes_no_requests(open_page: Open, report: Path) -> None:
    page = open_page(report)
    loaded = "performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert page.evaluate(loaded) == []
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_foreign_scripts_do_not_run(browser: Browser, tmp_path: Path) -> None:
    path = made_page(tmp_path, SORTED)
    foreign = "<script>document.title = 'foreign'</script></body>"
    path.write_text(path.read_text("utf-8").replace("</body>", foreign), "utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.title() != "foreign"


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_page_does_not_overflow(open_page: Open, report: Path, width: int) -> None:
    page = open_page(report, width)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(open_page: Open, report: Path, scheme: str) -> None:
    page = open_page(report, color_scheme=scheme)
    unfold(page)
    assert page.evaluate(FAINT_TEXTS) == []


def test_checks_find_low_contrast_and_overflow(open_page: Open, tmp_path: Path) -> None:
    path = made_page(tmp_path, SORTED)
    planted = "<p style='color: #888'>faint</p><p style='min-width: 101vw'>wide</p></main>"
    path.write_text(path.read_text("utf-8").replace("</main>", planted), "utf-8")
    page = open_page(path)
    assert [text for _, text in page.evaluate(FAINT_TEXTS)] == ["faint"]
    assert [element[-8:] for element in page.evaluate(OUTSIDE)] == ["wide</p>"]


def test_links_have_targets_and_contents_list_all_sections(open_page: Open, report: Path) -> None:
    page = open_page(report)
    missing = """() => Array.from(document.querySelectorAll("a, use"))
      .map((link) => link.getAttribute("href") || link.getAttribute("xlink:href"))
      .filter((to) => !to.startsWith("#") || !document.getElementById(to.slice(1)))"""
    assert page.evaluate(missing) == []
    targets = page.locator(".contents a").evaluate_all("links => links.map((a) => a.hash.slice(1))")
    assert targets == page.locator("main section").evaluate_all("parts => parts.map((p) => p.id)")


@pytest.mark.parametrize(
    ("column", "up"),
    [
        ("Fold", ["a/1", "b/9", "b/10", "c/2"]),
        ("UA", ["c/2", "b/10", "b/9", "a/1"]),
        ("n", ["b/9", "a/1", "b/10", "c/2"]),
        ("p", ["c/2", "b/10", "b/9", "a/1"]),
    ],
)
def test_click_sorts_and_keeps_absent_values_and_sums_last(
    open_page: Open, tmp_path: Path, column: str, up: list[str]
) -> None:
    page = open_page(made_page(tmp_path, SORTED))
    button = page.get_by_role("button", name=column, exact=True)
    button.click()
    assert heads(page) == [*up, "mean"]
    button.click()
    n_there = 4 if column == "Fold" else 3
    assert heads(page) == [*up[:n_there][::-1], *up[n_there:], "mean"]
    button.click()
    assert heads(page) == ["b/10", "b/9", "a/1", "c/2", "mean"]


def test_keyboard_sorts_and_order_is_announced(open_page: Open, tmp_path: Path) -> None:
    page = open_page(made_page(tmp_path, SORTED))
    page.get_by_role("button", name="Fold", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert heads(page)[0] == "c/2"
    page.keyboard.press("Space")
    assert heads(page)[0] == "b/9"
    head = page.locator("th[aria-sort]")
    assert [head.inner_text(), head.get_attribute("aria-sort")] == [
        "UA",
        "descending",
    ]
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_grouped_rows_are_not_sortable(open_page: Open, tmp_path: Path) -> None:
    grouped = Table("Sets", ("Left out", "Set"), rows([("emodb", "train"), ("", "test")]))
    page = open_page(made_page(tmp_path, grouped))
    assert page.locator("thead button").count() == 0


def test_long_table_is_filtered_by_words(open_page: Open, report: Path) -> None:
    page = open_page(report)
    unfold(page)
    table = page.locator("#folds-1")
    table.get_by_role("searchbox").fill("EMODB/a svm")
    assert table.locator("tbody tr:visible").count() == 1
    assert table.get_by_role("status").inner_text() == "1 of 45"


def test_downloads_equal_the_written_files(open_page: Open, report: Path) -> None:
    page = open_page(report)
    for name in ("results.csv", "report.json", "tables.tex"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name).click()
        assert saved.value.suggested_filename == name
        assert Path(saved.value.path()).read_bytes() == (report.parent / name).read_bytes()


def test_latex_is_copied_or_shown_without_clipboard(open_page: Open, report: Path) -> None:
    run = full_run()
    name, table = next(named_tables(sections(run, Summary(run), ())))
    page = open_page(report, permissions=["clipboard-read", "clipboard-write"])
    page.locator(f"[data-latex={name}]").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == latex(name, table, NOTE) + "\n"
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.locator("[data-latex=cross-1]").click()
    page.locator("#cross-1 pre").wait_for()
    assert "\\label{tab:cross-1}" in page.evaluate("getSelection().toString()")


def test_color_scheme_is_the_systems_until_chosen(open_page: Open, report: Path) -> None:
    page = open_page(report, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Show in light colors").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    page.reload()
    assert page.evaluate(ground) == dark


def test_contents_collapse_on_a_phone(open_page: Open, report: Path) -> None:
    page = open_page(report, PHONE)
    link = page.locator(".contents a", has_text="Across corpora")
    assert not link.is_visible()
    page.locator(".contents summary").click()
    link.click()
    assert page.url.endswith("#cross")
    assert not link.is_visible()


def test_page_is_readable_without_scripts(open_page: Open, report: Path) -> None:
    page = open_page(report, PHONE, java_script_enabled=False)
    assert page.locator(".contents a").first.is_visible()
    assert page.locator("button:visible").count() == 0
    page.locator("#folds summary").click()
    assert page.locator("#folds-1 tbody tr:visible").count() == 45


def test_print_is_light_and_reduced_motion_is_respected(open_page: Open, report: Path) -> None:
    page = open_page(report, color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".contents, .tool").first.is_visible()
