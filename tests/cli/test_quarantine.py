"""``quarantine list``, ``show`` and ``replay``: what was not sent, why, and how to load it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import Cli, Printing, change

pytestmark = pytest.mark.sandbox
DAY = "2026-07-01"


def narrow(pipelines: Path, limit: int | None) -> None:
    """Give the event's name a maximal length in the field group; None: no limit."""
    path = pipelines / "field_groups/mixpanel-defaults.json"
    group = json.loads(path.read_text()) | {"title": "Narrow"}
    field = group["properties"]["mixpanel"]["properties"]["event"]
    field.pop("maxLength", None)
    if limit is not None:
        field["maxLength"] = limit
    path.write_text(json.dumps(group))


@pytest.fixture
def quarantined(cli: Cli, pipelines: Path) -> None:
    """Two of eight events of the day are in quarantine, and the others are active."""
    change(pipelines / "hostile.yaml", ("max_quarantined: 20%", "max_quarantined: 90%"))
    narrow(pipelines, 8)
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0


@pytest.mark.usefixtures("quarantined")
def test_days_and_reasons_are_listed(printed: Printing) -> None:
    found = printed("quarantine", "list", "hostile", "--json").json
    (day,) = found["days"]
    assert day["day"] == DAY
    assert day["events"] == found["events"] > 0
    (reason,) = day["reasons"]
    assert reason.endswith("mixpanel.event must have at most 8 characters")
    text = printed("quarantine", "list", "hostile").out
    assert f"{found['events']} events of 1 day in quarantine\n" in text


@pytest.mark.usefixtures("quarantined")
def test_values_are_hidden_by_default(printed: Printing) -> None:
    hidden = printed("quarantine", "show", "hostile", DAY)
    assert hidden.code == 0
    assert "Event 1, refused by validate" in hidden.out
    assert "must have at most 8 characters" in hidden.out
    assert "eventType" in hidden.out
    assert "•••" in hidden.out
    names = [
        event["fields"]["row.eventType"]
        for event in printed("quarantine", "show", "hostile", DAY, "--show-values", "--json").json["events"]
    ]
    assert names
    assert not [name for name in names if name in hidden.out]


@pytest.mark.usefixtures("quarantined")
def test_replay_loads_what_is_valid_after_a_correction(printed: Printing, pipelines: Path) -> None:
    same = printed("quarantine", "replay", "hostile", DAY)
    assert same.code == 1
    assert "events in quarantine, as before. Correct the mapping" in same.out
    narrow(pipelines, None)
    assert printed("apply", "hostile").code == 0
    found = printed("quarantine", "replay", "hostile", DAY, "--json")
    assert found.code == 0
    (day,) = found.json["days"]
    assert day["quarantined_now"] == 0
    assert day["added"] == day["quarantined_before"] > 0
    assert day["active"] == 8
    assert printed("verify", "hostile", DAY).code == 0
    assert "0 events of 0 days in quarantine" in printed("quarantine", "list", "hostile").out


def test_a_day_that_validation_refused_is_listed(cli: Cli, printed: Printing, pipelines: Path) -> None:
    narrow(pipelines, 1)
    assert cli("apply", "hostile")[0] == 0
    code, text = cli("run", "hostile", DAY)
    assert (code, "Validation refused" in text) == (1, True)
    assert printed("quarantine", "list", "hostile", "--json").json["events"] == 8


def test_a_single_event_is_named_in_the_singular(cli: Cli, printed: Printing, pipelines: Path) -> None:
    change(pipelines / "hostile.yaml", ("max_quarantined: 20%", "max_quarantined: 90%"))
    narrow(pipelines, 19)
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", DAY)[0] == 0
    assert "1 event of 1 day in quarantine\n" in printed("quarantine", "list", "hostile").out
    assert f"{DAY}: 1 event in quarantine, 1 shown\n" in printed("quarantine", "show", "hostile", DAY).out
    assert f"{DAY}: 1 event in quarantine, as before" in printed("quarantine", "replay", "hostile", DAY).out
