"""``run``: days without Airflow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from tests.support.command_line import Cli

pytestmark = pytest.mark.sandbox


def test_a_run_before_its_day_has_settled_says_so(cli: Cli) -> None:
    assert cli("apply", "hostile")[0] == 0
    with time_machine.travel(datetime(2026, 7, 2, 0, 5, tzinfo=UTC)):
        code, text = cli("run", "hostile", "2026-07-01")
    assert code == 0, text
    assert "!  run       2026-07-01 settles at 2026-07-02 06:00 UTC" in text
