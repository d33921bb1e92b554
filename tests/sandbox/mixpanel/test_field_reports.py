"""Problems that users of Mixpanel's export reported: how the sandbox reproduces each, and what a client receives.

The numbers are those of the list of reports; a bare socket reads the responses (``tests/support/sandbox/raw_socket.py``).
"""

from __future__ import annotations

import pytest

from tests.sandbox.mixpanel import field_reports_responses, field_reports_rows
from tests.support.sandbox.field_report import NEW, REPORTS
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

# Importing them registers their reports.
MODULES = (field_reports_rows, field_reports_responses)


@pytest.fixture
def new(sandbox: Sandbox) -> Sandbox:
    """An empty project on a July day of 2026, and a client with all permissions."""
    sandbox.control("/clock", {"set": "2026-07-15T12:00:00Z", "freeze": True})
    account = {"username": ACCOUNT[0], "secret": ACCOUNT[1]}
    sandbox.project(NEW, accounts=[account], limits={"enabled": False})
    return sandbox


ALL = [
    *[str(number) for number in range(1, 48)],
    *["24b", "24c", "26b"],
    *["gzip", "ends", "times", "refused", "redirect", "html"],
]


@pytest.mark.parametrize("number", ALL)
def test_a_report_can_be_reproduced(new: Sandbox, number: str) -> None:
    REPORTS[number](new)


def test_every_report_has_a_reproduction() -> None:
    assert set(REPORTS) == set(ALL)
