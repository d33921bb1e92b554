"""pytest fixtures: a local Mixpanel and a local Adobe Experience Platform for the tests of any code that calls them.

One server a session (and a process: pytest-xdist's workers have their own), on a free port of 127.0.0.1, with a
fresh state for each test. ``mixpanel_aep_sandbox_scope = function`` in pytest's settings makes it one server a test,
for code whose threads outlive their test: what they still send would else reach the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    # Every run of pytest in this environment loads this file: the rest is imported by those who use it.
    from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
    from mixpanel_aep_sandbox.core.server import SandboxServer

_SCOPE = "mixpanel_aep_sandbox_scope"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        _SCOPE, "session (default): one sandbox for all tests; function: one for each", default="session"
    )


def _scope(fixture_name: str, config: pytest.Config) -> Literal["session", "function"]:  # noqa: ARG001 - pytest's names
    match config.getini(_SCOPE):
        case "session":
            return "session"
        case "function":
            return "function"
        case other:
            raise pytest.UsageError(f"{_SCOPE} is session or function, not {other!r}.")


@pytest.fixture(scope=_scope)
def mixpanel_aep_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """The server behind ``mixpanel_sandbox`` and ``aep_sandbox``; batches are active as soon as they are complete."""
    from mixpanel_aep_sandbox.core.server import SandboxServer
    from mixpanel_aep_sandbox.core.state import SandboxState, Settings
    from mixpanel_aep_sandbox.core.store import Store

    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as server:
        yield server


@pytest.fixture
def _mixpanel_aep_url(mixpanel_aep_server: SandboxServer) -> str:
    """Made fresh once a test, also where a test uses both sides."""
    from mixpanel_aep_sandbox.client import Sandbox

    Sandbox(mixpanel_aep_server.url).reset()
    return mixpanel_aep_server.url


@pytest.fixture
def mixpanel_sandbox(_mixpanel_aep_url: str) -> MixpanelSandbox:
    """A local Mixpanel: raw event export, ready credentials, control of projects, events, time and faults."""
    from mixpanel_aep_sandbox.client import MixpanelSandbox

    return MixpanelSandbox(_mixpanel_aep_url)


@pytest.fixture
def aep_sandbox(_mixpanel_aep_url: str) -> AepSandbox:
    """A local Adobe IMS and AEP: ready credentials, control of datasets, batches, time and faults."""
    from mixpanel_aep_sandbox.client import AepSandbox

    return AepSandbox(_mixpanel_aep_url)
