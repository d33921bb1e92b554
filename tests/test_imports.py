"""Imports go one way, and folders contain what their names say. Read from the source; only one test executes code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
BASE = {"environment", "errors", "clock", "redact", "failpoint", "json_types", "plural"}
BELOW_XDM = BASE | {"config", "lake", "http", "mixpanel"}
MAY_IMPORT: dict[str, set[str]] = {
    "environment": set(),
    "errors": {"redact"},
    "clock": set(),
    "redact": set(),
    "failpoint": set(),
    "json_types": set(),
    "plural": set(),
    "version": {"errors"},
    "config": BASE,
    "lake": BASE | {"config"},
    "http": BASE,
    "mixpanel": BASE | {"config", "lake", "http"},
    "xdm": BELOW_XDM,
    "quality": BELOW_XDM | {"xdm"},
    "aep": BELOW_XDM | {"xdm"},
    "steps": BELOW_XDM | {"xdm", "quality", "aep"},
    "board": BELOW_XDM | {"xdm", "quality", "aep", "steps"},
    "alerts": BELOW_XDM | {"xdm", "quality", "aep", "steps", "board"},
    # For a person at a terminal: above everything, below nothing.
    "cli": BELOW_XDM | {"xdm", "quality", "aep", "steps", "board", "version", "cli"},
}
STEPS = ["export", "transform", "validate", "stage", "ingest"]
AIRFLOW = {"airflow", "mixpanel_aep"}
WALL_CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import; name it in full"
            assert node.module is not None
            # `from include import aep` names the room in what is imported.
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


INCLUDE = [
    path for path in modules("include") if path.parent != ROOT / "include" or path.name != "__init__.py"
]


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room(path) for path in INCLUDE} <= MAY_IMPORT.keys()


def test_the_order_has_no_circle() -> None:
    left = {room: below - {room} for room, below in MAY_IMPORT.items()}
    while left:
        bottom = {room for room, below in left.items() if not below & left.keys()}
        assert bottom, f"a circle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in bottom}


@pytest.mark.parametrize("path", INCLUDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    here = room(path)
    for number, name in imported(path):
        top, *rest = name.split(".")
        assert top not in AIRFLOW, f"{path}:{number} imports {name}: include/ works without Airflow"
        assert top not in ("tests", "dags", "plugins"), f"{path}:{number} imports {name}"
        if top == "include":
            assert rest[0] in MAY_IMPORT[here] | {here}, (
                f"{path}:{number} imports {name}, which {here} is below"
            )


def test_production_imports_neither_the_sandbox_nor_the_demo() -> None:
    for path in [*INCLUDE, *modules("plugins"), *modules("dags")]:
        names = [name for _, name in imported(path)]
        assert not [name for name in names if name.startswith(("mixpanel_aep_sandbox", "scripts."))], path


def test_the_sandbox_imports_nothing_of_the_product() -> None:
    """It stands against the product; with code of the product it could not judge it."""
    paths = modules("sandbox")
    assert len(paths) > 200
    for path in paths:
        tops = {name.split(".")[0] for _, name in imported(path)}
        assert not tops & {"include", "dags", "plugins", "scripts", "tests", *AIRFLOW}, path


def test_a_plugin_is_imported_by_dags_and_plugins_only() -> None:
    for path in modules("plugins"):
        names = [name for _, name in imported(path)]
        assert not [name for name in names if name.startswith(("dags", "tests", "plugins."))], path


def test_the_steps_can_be_listed() -> None:
    steps = ROOT / "include/steps"
    folders = {path.parent.name for path in steps.glob("*/__init__.py")}
    assert folders == {*STEPS, "forget", "history", "migrate", "reconcile", "recover", "retention", "verify"}
    assert {path.stem for path in steps.glob("*.py")} - {"__init__"} == {
        "day_rows",
        "duckdb_connection",
        "gzip_writer",
        "preview",
        "quarantine",
        "quarantine_records",
        "rewritten",
        "run_day",
        "scratch",
        "step",
        "workspace",
    }, "a new file in include/steps belongs to a step, or is needed by several of them"
    for step in STEPS:
        tree = ast.parse((steps / step / "step.py").read_text(encoding="utf-8"))
        public = [
            node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"
        ]
        assert f"{step}_partition" in public


def test_no_folder_is_an_attic() -> None:
    """A reader finds a file by guessing its folder, and can read a folder's list at once."""
    crowded = {
        str(folder.relative_to(ROOT)): len(files)
        for folder in {path.parent for path in INCLUDE}
        if "sandbox" not in folder.parts and len(files := list(folder.glob("*.py"))) > 22
    }
    assert not crowded


@pytest.mark.parametrize("path", INCLUDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_clock_is_passed_in(path: Path) -> None:
    if room(path) in ("clock", "cli"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            assert (name, node.func.attr) not in WALL_CLOCKS, (
                f"{path}:{node.lineno} asks the system for the time"
            )


def test_loading_the_steps_loads_nothing_that_is_slow() -> None:
    """Airflow loads them to read a DAG; Great Expectations alone takes seconds."""
    heavy = ("airflow", "great_expectations", "pandas", "duckdb", "pyarrow", "scipy")
    code = (
        "import sys, include.steps.export.step, include.steps.transform, include.steps.validate.step, include.steps.stage.step, "
        f"include.steps.ingest.step; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
