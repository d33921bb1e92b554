"""A client of AEP on the running sandbox, for each test a fresh one."""

from __future__ import annotations

import pytest

from tests.sandbox.asking import Sandbox
from tests.sandbox.flows.client import Client


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)
