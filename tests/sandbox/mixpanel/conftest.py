"""Fixtures of the tests in mixpanel/."""

from __future__ import annotations

import pytest

from tests.support.sandbox.http_client import ACCOUNT, Sandbox
from tests.support.sandbox.sent_events import NEW, NOW, TOKEN


@pytest.fixture
def mixpanel(sandbox: Sandbox) -> Sandbox:
    """A project with a token, whose account is an admin; the clock is frozen."""
    sandbox.control("/clock", {"set": NOW, "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1], "role": "admin"}
    off = {"enabled": False}
    sandbox.project(
        NEW, token=TOKEN, secret="project-secret", accounts=[account], limits=off, query_limits=off
    )
    return sandbox
