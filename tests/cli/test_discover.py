"""``discover``: proposals for the properties that are not mapped yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import Cli, Printing, change

pytestmark = pytest.mark.sandbox


def test_a_day_is_loaded_and_its_properties_discovered_planned_and_loaded(
    cli: Cli, printed: Printing, pipelines: Path
) -> None:
    """The complete way of setting up a pipeline in one test, because each command builds on the last."""
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    assert cli("apply", "shop")[0] == 0
    code, text = cli("plan", "shop")
    assert (code, text) == (0, "AEP has everything. Nothing to do.\n")
    code, text = cli("run", "shop", "2026-07-01")
    assert code == 0
    assert [line.split()[1] for line in text.splitlines()] == [
        "export",
        "transform",
        "validate",
        "stage",
        "ingest",
    ]
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "time_is: utc agrees (2026-07-01 to 2026-07-01 in the lake)" in text

    before = {path.name: path.read_text() for path in pipelines.rglob("shop.json")}
    code, text = cli("discover", "shop")
    assert "Nothing was written" in text
    assert {path.name: path.read_text() for path in pipelines.rglob("shop.json")} == before
    assert "u-1" not in text, "a value of a customer's"
    code, text = cli("discover", "shop", "--write")
    assert code == 0
    names = json.loads((pipelines / "names/shop.json").read_text())["fields"]
    assert names["properties.mp_sent_by_lib_version"]["field"] == "mixpanel.custom.mp_sent_by_lib_version"
    assert "0 new fields" in cli("discover", "shop", "--write")[1]

    code, text = cli("plan", "shop")
    assert "  mixpanel.custom  object\n" in text
    assert cli("apply", "shop")[0] == 0
    assert cli("check", "shop")[0] == 0
    row = printed("preview", "shop", "2026-07-01", "--json").json["events"][0]["row"]
    assert row["_acmesandbox"]["mixpanel"]["custom"]["mp_event_size_1014d8bf"] > 0


def test_values_are_shown_only_on_request(cli: Cli) -> None:
    code, hidden = cli("discover", "shop", "--export", "--limit", "200")
    assert code == 0
    assert "Berlin" not in hidden
    assert "Berlin" in cli("discover", "shop", "--export", "--limit", "200", "--show-values")[1]


def test_a_mapping_that_is_a_list_stays_a_list(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "mappings" / "mixpanel-defaults.json"
    before = json.loads(path.read_text())["mappings"]
    path.write_text(json.dumps(before))
    code, text = cli("discover", "hostile", "--export", "--days", "60", "--write")
    assert code == 0, text
    after = json.loads(path.read_text())
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_days_without_events_have_a_hint(cli: Cli) -> None:
    code, text = cli("discover", "hostile", "--export", "--days", "1")
    assert code == 0, text
    assert "0 events of a sample of 2026-07-31 to 2026-07-31, 0 properties, 0 unreadable lines\n" in text
    assert "no events in these days; increase --days (now 1), or compare end_date, events and where" in text
    code, text = cli("discover", "hostile", "--export", "--days", "60")
    assert "no events in these days" not in text


def test_exported_days_without_events_have_a_hint(cli: Cli) -> None:
    assert cli("apply", "hostile")[0] == 0
    assert cli("run", "hostile", "2026-06-30")[0] == 0
    code, text = cli("discover", "hostile")
    assert code == 0, text
    assert "no events in these days; increase --days (now 7), or export days that have events" in text
