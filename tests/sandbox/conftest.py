"""One sandbox for all tests of this folder, in a thread, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.support.sandbox.http_client import Sandbox


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as server:
        yield server


@pytest.fixture
def sandbox(_server: SandboxServer) -> Sandbox:
    """Return a reset state without the export limits of the demo projects."""
    found = Sandbox(_server)
    found.control("/reset")
    for project in (data.ADOBE_PROJECT_ID, data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID):
        found.project(project, limits={"enabled": False})
    return found
