"""The sandbox is a separate package: it runs without the product, whose wheel and image do not contain it."""

from __future__ import annotations

import ast
import fnmatch
import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sandbox/mixpanel_aep_sandbox"


def built(project: Path, folder: Path) -> zipfile.ZipFile:
    """Build the wheel of a project with the installed hatchling, without network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def sandbox_wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return built(ROOT / "sandbox", tmp_path_factory.mktemp("sandbox"))


def tops(wheel: zipfile.ZipFile) -> set[str]:
    """Return the top-level folders of a wheel, without its metadata."""
    return {top for name in wheel.namelist() if not (top := name.split("/")[0]).endswith(".dist-info")}


def metadata(wheel: zipfile.ZipFile, file: str) -> str:
    [name] = [name for name in wheel.namelist() if name.endswith(f".dist-info/{file}")]
    return wheel.read(name).decode()


def test_the_products_wheel_contains_neither_the_sandbox_nor_the_demo(tmp_path: Path) -> None:
    wheel = built(ROOT, tmp_path)
    assert tops(wheel) == {"include", "mixpanel_aep"}
    assert not [name for name in wheel.namelist() if "sandbox/" in name or "/demo/" in name]
    assert "pytest11" not in metadata(wheel, "entry_points.txt")
    assert "Requires-Dist: mixpanel-aep-sandbox" not in metadata(wheel, "METADATA")


def test_the_sandboxs_wheel_contains_exactly_its_package(
    sandbox_wheel: zipfile.ZipFile,
) -> None:
    assert tops(sandbox_wheel) == {"mixpanel_aep_sandbox"}
    files = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert len(files) > 250
    assert {name for name in sandbox_wheel.namelist() if ".dist-info/" not in name} == files
    entries = metadata(sandbox_wheel, "entry_points.txt")
    assert "mixpanel-aep-sandbox = mixpanel_aep_sandbox.__main__:main" in entries
    assert "mixpanel_aep_sandbox.pytest_plugin = mixpanel_aep_sandbox.pytest_plugin" in entries


def test_the_sandbox_requires_what_it_imports(sandbox_wheel: zipfile.ZipFile) -> None:
    lines = metadata(sandbox_wheel, "METADATA").splitlines()
    required = {
        canonicalize_name(Requirement(line.removeprefix("Requires-Dist: ")).name)
        for line in lines
        if line.startswith("Requires-Dist: ")
    }
    names = {
        name.split(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    # Pytest loads the plugin, which needs no requirement; tzdata is read by the standard library.
    imported = names - set(sys.stdlib_module_names) - {"mixpanel_aep_sandbox", "pytest"}
    providers = packages_distributions()
    assert {canonicalize_name(providers[name][0]) for name in imported} == required - {"tzdata"}


def test_the_sandbox_runs_without_the_product(sandbox_wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    sandbox_wheel.extractall(tmp_path / "site")
    (tmp_path / "blocked").mkdir()
    for name in ("include", "mixpanel_aep", "airflow"):
        (tmp_path / "blocked" / f"{name}.py").write_text("raise ImportError('not installed')", "utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'blocked'}:{tmp_path / 'site'}"}
    where = subprocess.run(
        [sys.executable, "-c", "import mixpanel_aep_sandbox; print(mixpanel_aep_sandbox.__file__)"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "mixpanel_aep_sandbox", "--state", str(tmp_path / "state")],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        finally:
            process.terminate()


def test_the_image_is_built_without_the_sandbox_and_the_demo() -> None:
    """The Dockerfile copies everything that ``.dockerignore`` does not name."""
    patterns = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = {name.split("/")[0] for name in listed.splitlines()} or {path.name for path in ROOT.iterdir()}
    copied = {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}
    assert {"dags", "include", "plugins", "pyproject.toml", "requirements.in"} <= copied
    assert not copied & {"sandbox", "scripts", "tests", "benchmarks"}
    assert "sandbox" not in (ROOT / "Dockerfile").read_text()
