"""Documents and docstrings: every snippet runs, and every command, file and name exists."""

from __future__ import annotations

import doctest
import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import typer
import typer.core

import voxaffect
import voxaffect.cli.main  # registers the commands
from tests.speech import takes
from voxaffect.cli.app import app
from voxaffect.simulation.plans import PLANS
from voxaffect.simulation.trees import plan_takes, record
from voxaffect.systems.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "voxaffect"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((SOURCE / "recognizer" / "packaged").glob("*/CARD.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "results" not in path.parts),
]
LANGUAGES = {"python", "text", "toml", "json", "ini", "dockerfile", "nginx", ""}
SERVICE = "localhost:8000"
RATE = 16_000


@dataclass(frozen=True)
class Block:
    """Fenced block of a document; `output` is the text block that follows it directly."""

    document: Path
    line: int
    language: str
    code: str
    output: str | None = None


@cache
def blocks(document: Path) -> tuple[Block, ...]:
    """Fenced blocks in order."""
    text = document.read_text("utf-8")
    fences = [*re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)]
    found = []
    for i, fence in enumerate(fences):
        after = fences[i + 1] if i + 1 < len(fences) else None
        adjacent = after is not None and not text[fence.end() : after.start()].strip()
        output = after[2] if after is not None and adjacent and after[1] == "text" else None
        line = text[: fence.start()].count("\n") + 2
        found.append(Block(document, line, fence[1], fence[2], output))
    return tuple(found)


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


WITH_PYTHON = [d for d in DOCUMENTS if any(b.language == "python" for b in blocks(d))]


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files that the documents name, all of simulated speech."""
    folder = tmp_path_factory.mktemp("docs")
    speech = [take.samples for take in takes(9)]
    pause = np.zeros(RATE, np.float32)
    meeting = np.concatenate([speech[1], pause, speech[3], pause, speech[4]])
    files = {"clip.wav": speech[5], "a.wav": speech[0], "b.mp3": speech[1], "meeting.wav": meeting}
    for file, samples in files.items():
        soundfile.write(folder / file, samples, RATE)
    plan = PLANS["emodb"]
    emotions = {"N": "neutral", "F": "happy", "T": "sad", "W": "angry"}
    planned = [take for take in plan_takes(plan, 0, 0.01) if take.label in emotions][:16]
    rows = []
    for i, take in enumerate(planned):
        soundfile.write(folder / f"call{i}.wav", record(plan, (take,), 0).samples, RATE)
        rows.append((f"call{i}.wav", emotions[take.label], take.speaker))
    pd.DataFrame(rows, columns=["path", "emotion", "speaker"]).to_csv(
        folder / "calls.csv", index=False
    )
    voxaffect.load().save(folder / "models" / "open")
    return folder


@pytest.mark.parametrize("document", WITH_PYTHON, ids=name)
def test_python_snippets_run_and_print_what_they_say(
    document: Path, materials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(materials, tmp_path / "docs")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))  # the feature store
    namespace: dict[str, object] = {"__name__": "snippet"}
    with ExitStack() as stack:
        for block in blocks(document):
            if block.language == "python":
                code = block.code
                if SERVICE in code:
                    code = code.replace(SERVICE, stack.enter_context(service()))
                lines = "\n" * (block.line - 1)
                with redirect_stdout(io.StringIO()) as printed:
                    exec(compile(lines + code, str(document), "exec"), namespace)  # noqa: S102
                if block.output is not None:
                    assert_same_output(printed.getvalue(), block.output)


def test_the_table_of_the_readme_is_what_predict_prints(materials: Path) -> None:
    (table,) = (b.code for b in blocks(ROOT / "README.md") if "───" in b.code)
    command = [sys.executable, "-m", "voxaffect", "predict", "clip.wav"]
    environment = {**os.environ, "COLUMNS": "100"}
    ran = subprocess.run(
        command, cwd=materials, env=environment, check=True, capture_output=True, text=True
    )
    assert_same_output(ran.stdout, table)


@contextmanager
def service() -> Iterator[str]:
    """Host and port of a running service."""
    from tests.serving.running import running
    from voxaffect.recognizer.packaged import FOLDERS
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.serving.settings import ServingSettings

    with running(TrainedRecognizer.load(FOLDERS["fast"]), ServingSettings(port=0)) as url:
        yield url.removeprefix("http://")


NUMBER = re.compile(r"\d+\.\d+")


def assert_same_output(printed: str, stated: str) -> None:
    """Compare texts; numbers may differ by 0.02, as processors round differently."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", stated).split()
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (printed, stated)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.02)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_block_is_python_under_another_name(document: Path) -> None:
    for block in blocks(document):
        assert block.language in LANGUAGES, f"{document}:{block.line}"
        if block.language == "toml":
            for alternative in block.code.split("\n# or\n"):
                tomllib.loads(alternative)
        if block.language != "python":
            assert not re.search(r"^(import|from) \w+", block.code, re.MULTILINE)


def command_lines(document: Path) -> Iterator[list[str]]:
    """Arguments of every `voxaffect` command line, in blocks and in the text."""
    text = document.read_text("utf-8")
    plain = "\n".join(block.code for block in blocks(document) if not block.language)
    outside = re.sub(r"^```.*\n(?:.*\n)*?```$", "", text, flags=re.MULTILINE)
    inline = [" ".join(code.split()) for code in re.findall(r"`(voxaffect [^`]+)`", outside)]
    for line in [*plain.replace("\\\n", " ").replace("|\n", "| ").splitlines(), *inline]:
        if not re.search(r"(^|[ /])voxaffect ", line):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        words = [word for word in lexer if word not in {"...", "["}]
        starts = [i for i, word in enumerate(words) if word.split("/")[-1] == "voxaffect"]
        for start in starts:
            rest = words[start + 1 :]
            end = next((i for i, w in enumerate(rest) if set(w) <= set("|&;")), len(rest))
            if words[:start] and words[start - 1] in {"install", "--no-deps"}:
                continue
            yield rest[:end]


# Typer brings a copy of Click in some versions: the class is the one that it raises.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def check_command(words: list[str]) -> None:
    """Parse a command line without running it.

    Raises:
        UsageError: a command, an option, an argument or a choice does not exist.
    """
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="voxaffect")
    rest = list(words)
    while isinstance(command, typer.core.TyperGroup) and rest and not rest[0].startswith("-"):
        _, command, rest = command.resolve_command(context, rest)
        context = typer.Context(command, parent=context, info_name=command.name)
    values, left, _ = command.make_parser(context).parse_args(rest)
    if left:
        raise UsageError(f"unexpected arguments {left}")
    for parameter in command.params:
        given = values.get(parameter.name)
        if given:
            parameter.process_value(context, given)
        if given and parameter.name in {"system", "systems"}:
            unknown = {*re.split("[,:]", given)} - {*SYSTEMS}
            if unknown:
                raise UsageError(f"unknown systems {unknown}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_command_lines_use_existing_commands_and_options(document: Path) -> None:
    for words in command_lines(document):
        try:
            check_command(words)
        except UsageError as fault:
            pytest.fail(f"{name(document)}: voxaffect {shlex.join(words)}: {fault}")


@pytest.mark.parametrize(
    "line",
    [
        "evalute configs/open.toml",
        "evaluate configs/open.toml --output runs",
        "evaluate configs/open.toml more.toml",
        "evaluate configs/open.toml --backend slurm",
        "train configs/open.toml --system dnn-slt",
        "corpora chek emodb",
        "predict clip.wav --model",
    ],
)
def test_a_wrong_command_line_is_found(line: str) -> None:
    with pytest.raises(UsageError):
        check_command(line.split())


def test_command_lines_are_found() -> None:
    found = [words[0] for document in DOCUMENTS for words in command_lines(document) if words]
    assert {"predict", "train", "evaluate", "serve", "corpora", "listen", "export"} <= {*found}
    assert len(found) > 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    stated = {ROOT / path for path in re.findall(r"(?:configs|examples|scripts)/\w+\.\w+", text)}
    stated |= {ROOT / path for path in re.findall(r"\b(?:benchmarks|tests)/[\w/]+\.py", text)}
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    stated |= {document.parent / link for link in links if "://" not in link}
    assert [str(path) for path in stated if not path.exists()] == []


def test_search_terms_of_the_architecture_page_are_in_the_files_that_it_names() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = page.split("## Where do I find ...")[1].split("\n## ")[0].splitlines()[4:]
    assert len(rows) > 40
    for row in filter(None, rows):
        _, terms, files, _ = row.split("|")
        paths = [SOURCE / path for path in re.findall(r"`([^`]+)`", files)]
        sources = [file for p in paths for file in (p.rglob("*.py") if p.is_dir() else [p])]
        text = " ".join(" ".join(s.read_text("utf-8") for s in sources).split()).lower()
        for term in re.sub(r"\(.*?\)", "", terms).lower().split(","):
            assert term.strip() in text, f"{files} lacks {term.strip()!r}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_sections_that_a_document_links_to_exist(document: Path) -> None:
    for link, section in re.findall(r"\]\(([^)#]*)#([^)]+)\)", document.read_text("utf-8")):
        if "://" not in link:
            target = document.parent / link if link else document
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert section in anchors, f"{link}#{section}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_source_files_and_names_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    top = "|".join(sorted(path.stem for path in SOURCE.iterdir()))
    paths = re.findall(rf"`(?:src/voxaffect/)?((?:{top})/[\w/]*(?:\.py)?)`", text)
    assert [path for path in paths if not (SOURCE / path).exists()] == []
    for dotted in re.findall(r"`(voxaffect(?:\.\w+)+)", text):
        resolve(dotted)


def resolve(dotted: str) -> object:
    """The object of a dotted name; an error if there is none."""
    found: object = voxaffect
    module = "voxaffect"
    for part in dotted.split(".")[1:]:
        try:
            found = importlib.import_module(f"{module}.{part}")
            module += f".{part}"
        except ModuleNotFoundError:
            found = getattr(found, part)
    return found


WITH_EXAMPLES = [
    path.relative_to(SOURCE.parent).with_suffix("")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=str)
def test_docstring_examples_run(path: Path) -> None:
    module = importlib.import_module(".".join(path.parts).removesuffix(".__init__"))
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0
