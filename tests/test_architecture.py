"""Layered architecture: a package imports only from lower layers, and no imports are circular."""

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
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")

# Files and folders at the top of the package, lowest layer first.
LAYERS: tuple[tuple[str, ...], ...] = (
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
LAYER = {package: level for level, packages in enumerate(LAYERS) for package in packages}

# Layers within a package.
INNER_LAYERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "evaluation": (
        ("metrics",),
        ("results", "splits"),
        ("experiment",),
        ("intervals",),
        ("comparisons", "card", "calibration", "curves"),
        ("class_gains", "learning_curve"),
        ("fairness", "fragility", "robustness", "compare_runs"),
        ("summary",),
        ("reference_results",),
    ),
}

# Allowed imports within one layer: importing and imported package.
ALLOWED_WITHIN_LAYER = {
    ("files", "errors"),
    ("parallel", "errors"),
    ("provenance", "version"),
    ("taxonomy", "errors"),
    ("simulation", "corpora"),
}

# Packages that need an extra as a whole; those that import them check that it is installed.
PACKAGES_WITH_EXTRA = {
    "serving": {"fastapi", "h11", "prometheus_client", "starlette", "throttled", "uvicorn"}
}

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
    """The module of an imported name: its longest prefix that is a file."""
    while dotted:
        for candidate in (dotted, f"{dotted}.__init__"):
            if candidate in modules:
                return candidate
        dotted = dotted.rpartition(".")[0]
    raise AssertionError(f"an import names no file of {PACKAGE}")


def imported_names(name: str, tree: ast.AST) -> Iterator[str]:
    """Absolute dotted names of all imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def package_imports(modules: Modules) -> set[tuple[str, str]]:
    """Pairs of importing and imported modules of the package."""
    return {
        (name, existing(target, modules))
        for name, tree in modules.items()
        for target in imported_names(name, tree)
        if target.split(".")[0] == PACKAGE
    }


def package_of(module: str) -> str:
    """`audio` for `voxaffect.audio.decode`."""
    return module.split(".")[1]


def forbidden_imports(modules: Modules) -> list[str]:
    """Imports from a higher layer, or from the same one unless it is allowed."""
    return sorted(
        f"{importer} imports {imported}"
        for importer, imported in package_imports(modules)
        if package_of(importer) != package_of(imported)
        and LAYER[package_of(imported)] >= LAYER[package_of(importer)]
        and (package_of(importer), package_of(imported)) not in ALLOWED_WITHIN_LAYER
    )


def forbidden_imports_inside(modules: Modules) -> list[str]:
    """Imports between parts of one package that are not from a lower layer."""
    found = []
    for package, layers in INNER_LAYERS.items():
        level = {part: number for number, parts in enumerate(layers) for part in parts}
        for importer, imported in package_imports(modules):
            if {package_of(importer), package_of(imported)} == {package}:
                here, there = (name.split(".")[2] for name in (importer, imported))
                if here != there and level[there] >= level[here]:
                    found.append(f"{importer} imports {imported}")
    return sorted(found)


def cycles(modules: Modules) -> list[str]:
    """Modules of a circular import, if there is one."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for importer, imported in package_imports(modules):
        if importer != imported:
            graph[importer].add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def runs_at_import(tree: ast.Module) -> ast.Module:
    """The module without function bodies and without imports for type checkers."""

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
    """Import names of the required dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0] for line in project["dependencies"]]
    return {IMPORT_NAME.get(name, name) for name in names}


def optional_at_import(modules: Modules) -> list[str]:
    """Module-level imports of optional libraries."""
    known = {PACKAGE, *sys.stdlib_module_names, *required_libraries()}
    return sorted(
        f"{name} imports {target} at module level"
        for name, tree in modules.items()
        for target in imported_names(name, runs_at_import(tree))
        if target.split(".")[0] not in known | PACKAGES_WITH_EXTRA.get(package_of(name), set())
    )


def unsafe(modules: Modules) -> list[str]:
    """Pickle in any form, and output that bypasses the command line."""
    found = []
    for name, tree in modules.items():
        found += [
            f"{name} imports {target}"
            for target in imported_names(name, tree)
            if target.split(".")[0] in SERIALIZERS
        ]
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            allows_pickle = any(
                word.arg == "allow_pickle" and ast.unparse(word.value) != "False"
                for word in call.keywords
            )
            if allows_pickle or ast.unparse(call.func) in UNSAFE_CALLS:
                found.append(f"{name}:{call.lineno} calls {ast.unparse(call.func)}")
    return sorted(found)


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    return read_modules(ROOT / "src")


def planted(modules: Modules, name: str, code: str) -> dict[str, ast.Module]:
    """The modules with one more."""
    return {**modules, name: ast.parse(code)}


def faults_of(name: str, faults: list[str]) -> list[str]:
    """Faults of one module."""
    return [fault for fault in faults if fault.startswith(name)]


def test_every_package_is_in_a_layer(modules: Modules) -> None:
    assert {package_of(name) for name in modules} <= set(LAYER)


def test_the_architecture_page_lists_the_layers() -> None:
    listed = {
        (int(layer), package)
        for layer, packages in re.findall(r"^\| (\d+) \| ([^|]*) \|", PAGE, re.MULTILINE)
        for package in re.findall(r"`(\w+)(?:/|\.py)`", packages)
    }
    entry_points = LAYERS[-1]
    assert listed == {(n, name) for name, n in LAYER.items() if name not in entry_points}


def test_files_that_the_architecture_page_names_exist() -> None:
    paths = re.findall(rf"`((?:{'|'.join(LAYER)})(?:/[\w/]*)?(?:\.py)?)`", PAGE)
    assert len(paths) > 60
    assert [path for path in paths if not (ROOT / "src" / PACKAGE / path).exists()] == []


def test_allowed_imports_within_a_layer_join_packages_of_it_one_way() -> None:
    assert all(LAYER[here] == LAYER[there] for here, there in ALLOWED_WITHIN_LAYER)
    assert not {(there, here) for here, there in ALLOWED_WITHIN_LAYER} & ALLOWED_WITHIN_LAYER


def test_imports_are_from_lower_layers(modules: Modules) -> None:
    assert forbidden_imports(modules) == []


def test_imports_inside_a_package_are_from_lower_layers(modules: Modules) -> None:
    assert forbidden_imports_inside(modules) == []


def test_planted_imports_inside_a_package_are_found(modules: Modules) -> None:
    for part, code in (
        ("splits", "import voxaffect.evaluation.experiment.run"),
        ("fairness", "import voxaffect.evaluation.compare_runs"),
    ):
        name = f"voxaffect.evaluation.{part}.planted"
        assert len(faults_of(name, forbidden_imports_inside(planted(modules, name, code)))) == 1


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
    ids=["from", "package", "plain", "relative", "inside a function", "next layer"],
)
def test_a_planted_upward_import_is_found(modules: Modules, code: str) -> None:
    name = "voxaffect.audio.planted"
    (fault,) = faults_of(name, forbidden_imports(planted(modules, name, code)))
    assert fault.startswith(f"{name} imports voxaffect.")


def test_a_planted_import_within_a_layer_is_found_and_an_allowed_one_is_one_way(
    modules: Modules,
) -> None:
    name = "voxaffect.simulation.planted"
    assert not faults_of(
        name, forbidden_imports(planted(modules, name, "import voxaffect.corpora"))
    )
    name = "voxaffect.corpora.planted"
    assert faults_of(name, forbidden_imports(planted(modules, name, "import voxaffect.simulation")))


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
    assert [len(faults_of(name, faults)) for faults in found] == [1, 0, 0]


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
    assert len(faults_of(name, unsafe(planted(modules, name, code)))) == 1
