"""One sandbox for all rows of a module, in a thread, and credentials that must appear nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.failures.execution import Sandbox, assert_no_canary


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as server:
        yield Sandbox(server.url)


@pytest.fixture
def sandbox(_sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> Iterator[Sandbox]:
    """Yield the control plane; after each row no log may contain a secret."""
    caplog.set_level(logging.DEBUG)
    _sandbox.forget_requests()
    yield _sandbox
    _sandbox.clear_up()
    assert_no_canary(caplog.text)
