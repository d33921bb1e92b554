"""Fixtures of the tests in faults/."""

from __future__ import annotations

import pytest

from tests.support.sandbox.http_client import Sandbox
from tests.support.sandbox.raw_export import DAY, HOSTILE


@pytest.fixture
def whole(sandbox: Sandbox) -> bytes:
    return sandbox.export(HOSTILE, DAY).content
