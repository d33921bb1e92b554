"""The command line as a person uses it: against a sandbox, without Airflow, through the program's own entry point."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from include.aep.setup import field_group as plans
from include.cli.__main__ import main
from include.config.loader import PIPELINES
from include.xdm.discovery import field_names
from include.xdm.mapping import mapping_file
from tests.support.command_line import Cli, Printed
from tests.support.pipeline_runner import CONNECTIONS, quick_sandbox

SECRETS = {str(row["conn_password"]) for row in CONNECTIONS.values()}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield urlsplit(server.url).port or 0


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's pipelines with all files that they name."""
    copy = shutil.copytree(PIPELINES, tmp_path / "pipelines")
    monkeypatch.setattr(mapping_file, "MAPPINGS", copy / "mappings")
    monkeypatch.setattr(plans, "FIELD_GROUPS", copy / "field_groups")
    monkeypatch.setattr(field_names, "NAMES", copy / "names")
    return copy


@pytest.fixture
def connections(tmp_path: Path, port: int) -> Path:
    """A file with connections to the sandbox."""
    path = tmp_path / "connections.yaml"
    rows = [row | {"conn_port": port} for row in CONNECTIONS.values()]
    path.write_text(yaml.safe_dump({"airflow": {"connections": rows}}))
    return path


@pytest.fixture
def empty_sandbox(port: int) -> None:
    """AEP is empty at first: a dataset tagged by another test's lake would be refused."""
    for path, body in (("reset", None), ("aep/settings", {"batch_seconds": 0})):
        requests.post(f"http://127.0.0.1:{port}/_sandbox/{path}", json=body, timeout=20).raise_for_status()


@pytest.fixture
def printed(
    tmp_path: Path,
    empty_sandbox: None,
    pipelines: Path,
    connections: Path,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Printed]:
    """Return a function that runs a command, checks the line that names the lake, and removes it from the output."""

    def run(*argv: str, lake: str = f"file://{tmp_path}/lake") -> Printed:
        options = ["--connections", str(connections), "--pipelines", str(pipelines), "--lake", lake]
        code = main([*argv, *options])
        found = capsys.readouterr()
        assert not [secret for secret in SECRETS if secret in found.out + found.err]
        named = f"   lake      {lake} (from --lake)\n"
        aside = "--json" in argv
        assert named in (found.err if aside else found.out) or code, "every command names its lake"
        return Printed(code, found.out.replace(named, "", 1), found.err.replace(named, "", 1))

    return run


@pytest.fixture
def cli(printed: Callable[..., Printed]) -> Cli:
    """Return the same with the exit code and all output, as a terminal shows it."""

    def run(*argv: str, **given: str) -> tuple[int, str]:
        found = printed(*argv, **given)
        return found.code, found.out + found.err

    return run
