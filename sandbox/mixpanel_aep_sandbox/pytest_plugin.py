"""pytest fixtures: a local Mixpanel and a local Adobe Experience Platform for tests of code that calls them.

Each test session (and each pytest-xdist worker) has one server on a free port of 127.0.0.1. The plugin resets the
server's state before each test. ``mixpanel_aep_sandbox_scope = function`` in pytest's settings starts one server for
each test instead. Use this setting for code whose threads outlive their test: late requests of these threads would
otherwise reach the next test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    # Every run of pytest in this environment loads this file, so the fixtures import the sandbox only when they run.
    from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
    from mixpanel_aep_sandbox.core.server import SandboxServer

_SCOPE = "mixpanel_aep_sandbox_scope"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini option ``mixpanel_aep_sandbox_scope``, which sets the scope of the server fixture."""
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
    """Yield the running server that the fixtures ``mixpanel_sandbox`` and ``aep_sandbox`` use.

    A batch becomes active as soon as it is completed, without the default delay of one second.
    """
    from mixpanel_aep_sandbox.core.server import SandboxServer
    from mixpanel_aep_sandbox.core.state import SandboxState, Settings
    from mixpanel_aep_sandbox.core.store import Store

    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as server:
        yield server


@pytest.fixture
def _mixpanel_aep_url(mixpanel_aep_server: SandboxServer) -> str:
    """Reset the sandbox once before the test, even if the test uses both services, and return the sandbox's URL."""
    from mixpanel_aep_sandbox.client import Sandbox

    Sandbox(mixpanel_aep_server.url).reset()
    return mixpanel_aep_server.url


@pytest.fixture
def mixpanel_sandbox(_mixpanel_aep_url: str) -> MixpanelSandbox:
    """Return the client of a local Mixpanel: its credentials, and control of projects, events, time and faults."""
    from mixpanel_aep_sandbox.client import MixpanelSandbox

    return MixpanelSandbox(_mixpanel_aep_url)


@pytest.fixture
def aep_sandbox(_mixpanel_aep_url: str) -> AepSandbox:
    """Return the client of a local Adobe IMS and AEP: credentials, and control of data, time and faults."""
    from mixpanel_aep_sandbox.client import AepSandbox

    return AepSandbox(_mixpanel_aep_url)
