"""A client of AEP in the running sandbox, new for each test, on 2 July."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox.flow_client import Client
from tests.support.sandbox.flow_runs import NEVER
from tests.support.sandbox.http_client import Sandbox

NOW = "2026-07-02T20:00:00Z"


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url)
    client.clock.set(NOW, freeze=True)
    client.settings(batch_seconds=0, token_seconds=10**9)
    return client


@pytest.fixture
def body(client: Client) -> dict[str, Any]:
    return client.chain() | {"scheduleParams": NEVER}
