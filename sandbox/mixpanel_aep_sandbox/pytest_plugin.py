"""pytest fixtures: a local Mixpanel and a local Adobe Experience Platform for tests of code that calls them.

Each test session (and each pytest-xdist worker) has one server on a free port of 127.0.0.1; its state is reset for
each test. ``mixpanel_aep_sandbox_scope = function`` in pytest's settings starts one server for each test instead. Use
it for code whose threads outlive their test: their late requests would otherwise reach the next test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    # Every run of pytest in this environment loads this file, so the fixtures import the rest when they are used.
    from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
    from mixpanel_aep_sandbox.core.server import SandboxServer

_SCOPE = "mixpanel_aep_sandbox_scope"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini option that sets the scope of the server."""
    parser.addini(
        _SCOPE,
        "session (default): one sandbox for all tests; function: one sandbox for each test",
        default="session",
    )


def _scope(fixture_name: str, config: pytest.Config) -> Literal["session", "function"]:  # noqa: ARG001 - pytest's names
    match config.getini(_SCOPE):
        case "session":
            return "session"
        case "function":
            return "function"
        case other:
            raise pytest.UsageError(f"{_SCOPE} must be session or function, not {other!r}.")


@pytest.fixture(scope=_scope)
def mixpanel_aep_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """Yield the server behind ``mixpanel_sandbox`` and ``aep_sandbox``.

    Batches are active as soon as they are complete.
    """
    from mixpanel_aep_sandbox.core.server import SandboxServer
    from mixpanel_aep_sandbox.core.state import SandboxState, Settings
    from mixpanel_aep_sandbox.core.store import Store

    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as server:
        yield server


@pytest.fixture
def _mixpanel_aep_url(mixpanel_aep_server: SandboxServer) -> str:
    """Reset the sandbox once for each test, also for a test that uses both services, and return its address."""
    from mixpanel_aep_sandbox.client import Sandbox

    Sandbox(mixpanel_aep_server.url).reset()
    return mixpanel_aep_server.url


@pytest.fixture
def mixpanel_sandbox(_mixpanel_aep_url: str) -> MixpanelSandbox:
    """Return a local Mixpanel: raw event export, ready credentials, control of projects, events, time and faults."""
    from mixpanel_aep_sandbox.client import MixpanelSandbox

    return MixpanelSandbox(_mixpanel_aep_url)


@pytest.fixture
def aep_sandbox(_mixpanel_aep_url: str) -> AepSandbox:
    """Return a local Adobe IMS and AEP: ready credentials, control of datasets, batches, time and faults."""
    from mixpanel_aep_sandbox.client import AepSandbox

    return AepSandbox(_mixpanel_aep_url)
