"""The floors of the house: a file imports only from below, or beside it where the list says so."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "voxaffect"

# A room is a file or a folder of the package; floors from the ground up.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "files", "parallel", "provenance", "taxonomy", "version"),
    ("audio",),
    ("corpora", "simulation"),
    ("features",),
    ("model", "utterance"),
    ("systems",),
    ("recognizer",),
    ("streaming", "export"),
    ("evaluation",),
    ("report",),
    ("config",),
    ("api",),
    ("serving",),
    ("cli",),
    ("__init__", "__main__"),
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# Floors within a room, where its parts are rooms themselves.
INNER_FLOORS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "evaluation": (
        ("metrics",),
        ("splits",),
        ("experiment",),
        ("intervals",),
        ("results",),
        ("comparisons", "card", "calibration", "curves"),
        ("class_gains", "learning_curve"),
        ("fairness", "robustness", "compare_runs"),
        ("summary",),
        ("reference_results",),
    ),
}

# Doors between rooms of one floor, each one way only.
DOORS = {
    ("files", "errors"),
    ("parallel", "errors"),
    ("provenance", "version"),
    ("taxonomy", "errors"),
    ("simulation", "corpora"),
}

# Rooms that need an extra as a whole; whoever opens their door looks whether it is there.
EXTRA_ROOMS = {"serving": {"fastapi", "h11", "prometheus_client", "starlette", "uvicorn"}}

IMPORT_NAME = {"scikit-learn": "sklearn"}  # where it differs from the distribution's
SERIALIZERS = {"pickle", "cloudpickle", "dill", "shelve", "marshal"}
UNSAFE_CALLS = {"print", "torch.load", "torch.save", "joblib.load", "joblib.dump"}

Modules = Mapping[str, ast.Module]


def read_modules(source: Path) -> dict[str, ast.Module]:
    """Dotted module name -> syntax tree, for every file of the package."""
    return {
        ".".join(path.relative_to(source).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in sorted((source / PACKAGE).rglob("*.py"))
    }


def existing(dotted: str, modules: Modules) -> str:
    """The module that an imported name lives in: the longest prefix that is a file."""
    while dotted:
        for candidate in (dotted, f"{dotted}.__init__"):
            if candidate in modules:
                return candidate
        dotted = dotted.rpartition(".")[0]
    raise AssertionError("an import of the package names no file of it")


def imported_names(name: str, tree: ast.AST) -> Iterator[str]:
    """Absolute dotted names of all imports, wherever in the file they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def arrows(modules: Modules) -> set[tuple[str, str]]:
    """Pairs of importing and imported modules of the package."""
    return {
        (name, existing(target, modules))
        for name, tree in modules.items()
        for target in imported_names(name, tree)
        if target.split(".")[0] == PACKAGE
    }


def room(module: str) -> str:
    """`voxaffect.audio.decode` stands in the room `audio`."""
    return module.split(".")[1]


def forbidden_arrows(modules: Modules) -> list[str]:
    """Imports that run up, or sideways where there is no door."""
    return sorted(
        f"{importer} imports {imported}"
        for importer, imported in arrows(modules)
        if room(importer) != room(imported)
        and FLOOR[room(imported)] >= FLOOR[room(importer)]
        and (room(importer), room(imported)) not in DOORS
    )


def forbidden_inside(modules: Modules) -> list[str]:
    """Imports between parts of one room that do not run down."""
    found = []
    for whole, floors in INNER_FLOORS.items():
        level = {part: number for number, parts in enumerate(floors) for part in parts}
        for importer, imported in arrows(modules):
            if {room(importer), room(imported)} == {whole}:
                here, there = (name.split(".")[2] for name in (importer, imported))
                if here != there and level[there] >= level[here]:
                    found.append(f"{importer} imports {imported}")
    return sorted(found)


def cycles(modules: Modules) -> list[str]:
    """A circle of imports, if there is one."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for importer, imported in arrows(modules):
        if importer != imported:
            graph[importer].add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        return list(circle.args[1])
    return []


def runs_at_import(tree: ast.Module) -> ast.Module:
    """The file without the bodies of its functions and without what only type checkers read."""

    class Outside(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None: ...

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None: ...

        def visit_If(self, node: ast.If) -> ast.AST | None:
            only_types = ast.unparse(node.test).endswith("TYPE_CHECKING")
            return None if only_types else self.generic_visit(node)

    copy = ast.parse(ast.unparse(tree))
    Outside().visit(copy)
    return copy


def required_libraries() -> set[str]:
    """Import names of what every installation has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0] for line in project["dependencies"]]
    return {IMPORT_NAME.get(name, name) for name in names}


def optional_at_import(modules: Modules) -> list[str]:
    """Module-level imports of libraries that an installation may lack."""
    known = {PACKAGE, *sys.stdlib_module_names, *required_libraries()}
    return sorted(
        f"{name} imports {target} at module level"
        for name, tree in modules.items()
        for target in imported_names(name, runs_at_import(tree))
        if target.split(".")[0] not in known | EXTRA_ROOMS.get(room(name), set())
    )


def unsafe(modules: Modules) -> list[str]:
    """Pickles in any form, and output that bypasses the command line."""
    found = []
    for name, tree in modules.items():
        found += [
            f"{name} imports {target}"
            for target in imported_names(name, tree)
            if target.split(".")[0] in SERIALIZERS
        ]
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            allows = any(
                word.arg == "allow_pickle" and ast.unparse(word.value) != "False"
                for word in call.keywords
            )
            if allows or ast.unparse(call.func) in UNSAFE_CALLS:
                found.append(f"{name}:{call.lineno} calls {ast.unparse(call.func)}")
    return sorted(found)


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    return read_modules(ROOT / "src")


def planted(modules: Modules, name: str, code: str) -> dict[str, ast.Module]:
    """The package with one more file."""
    return {**modules, name: ast.parse(code)}


def about(name: str, faults: list[str]) -> list[str]:
    """Those faults that lie in one file."""
    return [fault for fault in faults if fault.startswith(name)]


def test_every_room_stands_on_a_floor(modules: Modules) -> None:
    assert {room(name) for name in modules} <= set(FLOOR)


def test_every_door_joins_rooms_of_one_floor() -> None:
    assert all(FLOOR[here] == FLOOR[there] for here, there in DOORS)
    assert not {(there, here) for here, there in DOORS} & DOORS


def test_no_arrow_runs_up(modules: Modules) -> None:
    assert forbidden_arrows(modules) == []


def test_no_arrow_runs_up_or_sideways_inside_a_room(modules: Modules) -> None:
    assert forbidden_inside(modules) == []


def test_planted_arrows_inside_a_room_are_found(modules: Modules) -> None:
    for part, code in (
        ("splits", "import voxaffect.evaluation.experiment.run"),
        ("fairness", "import voxaffect.evaluation.compare_runs"),
    ):
        name = f"voxaffect.evaluation.{part}.planted"
        assert len(about(name, forbidden_inside(planted(modules, name, code)))) == 1


def test_no_cycles(modules: Modules) -> None:
    assert cycles(modules) == []


def test_optional_libraries_are_imported_where_needed(modules: Modules) -> None:
    assert optional_at_import(modules) == []


def test_no_pickle_and_no_print(modules: Modules) -> None:
    assert unsafe(modules) == []


@pytest.mark.parametrize(
    "code",
    [
        "from voxaffect.evaluation.experiment.run import FoldResult",
        "from voxaffect.evaluation.experiment import results",
        "import voxaffect.evaluation.experiment.run",
        "from ..evaluation import results",
        "def late():\n    from voxaffect.evaluation.experiment import results",
        "from voxaffect.corpora.corpus import Corpus",
    ],
    ids=["from", "package", "plain", "relative", "inside a function", "next floor"],
)
def test_a_planted_upward_import_is_found(modules: Modules, code: str) -> None:
    name = "voxaffect.audio.planted"
    (fault,) = about(name, forbidden_arrows(planted(modules, name, code)))
    assert fault.startswith(f"{name} imports voxaffect.")


def test_a_planted_sideways_import_is_found_and_a_door_is_one_way(modules: Modules) -> None:
    name = "voxaffect.simulation.planted"
    assert not about(name, forbidden_arrows(planted(modules, name, "import voxaffect.corpora")))
    name = "voxaffect.corpora.planted"
    assert about(name, forbidden_arrows(planted(modules, name, "import voxaffect.simulation")))


def test_a_planted_cycle_is_found(modules: Modules) -> None:
    one = planted(modules, "voxaffect.audio.one", "from voxaffect.audio import two")
    both = planted(one, "voxaffect.audio.two", "from voxaffect.audio.one import anything")
    assert {"voxaffect.audio.one", "voxaffect.audio.two"} <= set(cycles(both))


def test_a_planted_optional_import_is_found_unless_it_is_late(modules: Modules) -> None:
    early = "try:\n    import opensmile\nexcept ImportError:\n    opensmile = None"
    late = "def extract():\n    import opensmile"
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import opensmile"
    name = "voxaffect.features.planted"
    found = [optional_at_import(planted(modules, name, code)) for code in (early, late, typing)]
    assert [len(about(name, faults)) for faults in found] == [1, 0, 0]


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "print('hello')",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
    ],
)
def test_planted_pickles_and_prints_are_found(modules: Modules, code: str) -> None:
    name = "voxaffect.audio.planted"
    assert len(about(name, unsafe(planted(modules, name, code)))) == 1
