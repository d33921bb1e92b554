"""``audit`` and ``status``: whether a day is completely in AEP, and if not why."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import time_machine

from tests.support.command_line import Cli, Printing, post

pytestmark = pytest.mark.sandbox


@pytest.fixture
def loaded(cli: Cli) -> None:
    """Two of the shop's three days are loaded, on the day after the last one."""
    assert cli("apply", "shop")[0] == 0
    assert cli("run", "shop", "2026-06-30", "2026-07-01")[0] == 0


def test_the_first_line_says_whether_yesterday_is_complete(printed: Printing) -> None:
    with time_machine.travel(datetime(2026, 7, 2, 12, tzinfo=UTC)):
        assert printed("apply", "shop").code == 0
        assert printed("run", "shop", "2026-06-30", "2026-07-01").code == 0
        found = printed("status", "shop")
    assert found.code == 0
    assert re.match(
        r"Yesterday \(1 July 2026, UTC\): complete in AEP\. 4,\d{3} of 4,\d{3} events, \d+ duplicates removed, "
        r"0 quarantined\.\n",
        found.out,
    )
    assert "2026-07  a " in found.out
    assert max(map(len, found.out.splitlines()[1:])) <= 80
    assert "never run" not in found.out


@pytest.mark.usefixtures("loaded")
def test_an_unloaded_day_is_named_with_the_command_that_loads_it(printed: Printing) -> None:
    found = printed("status", "shop")
    assert found.out.startswith(
        "Last day of the pipeline (2 July 2026, UTC): not in AEP: no run has loaded it."
    )
    assert "mixpanel-aep run shop 2026-07-02" in found.out
    assert "2026-07  aN " in found.out
    days = {day["day"]: day for day in printed("status", "shop", "--json").json["days"]}
    assert [day["state"] for _, day in sorted(days.items())] == ["active", "active", "never run"]
    assert days["2026-06-30"]["exported"] == 5030

    audit = printed("audit", "shop")
    assert audit.code == 1
    assert re.search(r"^no missing +2026-07-02: never run$", audit.out, re.M)
    command = re.search(r"mixpanel-aep (run shop \S+)$", audit.out, re.M)
    assert command is not None
    assert printed(*command[1].split()).code == 0
    assert printed("audit", "shop").code == 0
    assert "N" not in printed("status", "shop").out.splitlines()[0]


@pytest.mark.usefixtures("loaded")
def test_a_batch_removed_in_aep_is_reported_at_once(printed: Printing, port: int) -> None:
    days = {day["day"]: day for day in printed("status", "shop", "--json").json["days"]}
    (batch,) = days["2026-07-01"]["batches"]
    post(port, f"aep/batches/{batch}", {"status": "deleted"})
    after = {day["day"]: day for day in printed("status", "shop", "--json").json["days"]}
    assert after["2026-07-01"]["state"] == "missing"
    audit = printed("audit", "shop", "--json").json
    assert {day["day"]: day["status"] for day in audit["days"]}["2026-07-01"] == "not active in AEP"
    assert not audit["complete"]
