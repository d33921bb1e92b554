"""A sandbox with one dataset, and a session of its Query Service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mixpanel_aep_sandbox.client import AepSandbox
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store
from tests.sandbox.aep.query_service.shop_table import FIELDS
from tests.support.sandbox.query_session import Connection, connect


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepSandbox]:
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as server:
        yield AepSandbox(server.url)


@pytest.fixture
def dataset(aep: AepSandbox) -> str:
    aep.reset()
    return aep.add_dataset("Shop: Events (2026)", FIELDS)


@pytest.fixture
def session(aep: AepSandbox, dataset: str) -> Iterator[Connection]:
    with connect(aep) as opened:
        yield opened
