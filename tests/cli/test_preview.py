"""``preview``: events next to their rows, and future quarantine; nothing is stored."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command_line import Cli, Printing, change

pytestmark = pytest.mark.sandbox


def test_preview_shows_sample_events_and_stores_nothing(printed: Printing, tmp_path: Path) -> None:
    assert printed("apply", "hostile").code == 0
    found = printed("preview", "hostile", "2026-06-28", "--json", "--rows", "2").json
    (event,) = found["events"]
    assert {"_id", "timestamp", "identityMap"} <= event["row"].keys()
    assert re.fullmatch(r"2026-06-28T\d\d:\d\d:\d\d\.\d{3}Z", event["row"]["timestamp"]), "as AEP is sent it"
    assert event["raw"]["event"] == event["row"]["eventType"]
    assert (found["read"], found["valid"], found["quarantined"]) == (1, 1, [])
    assert not list((tmp_path / "lake").rglob("manifest.json"))


def test_both_sides_fit_into_80_columns_with_the_reasons(cli: Cli) -> None:
    assert cli("apply", "hostile")[0] == 0
    code, text = cli("preview", "hostile", "2026-07-01", "--rows", "3")
    assert code == 0
    assert re.search(r"^Mixpanel +AEP \(XDM\)$", text, re.M)
    assert re.search(r"^event: .+ _acmesandbox|^event: .+ eventType", text, re.M), (
        "a line has something of both"
    )
    assert max(map(len, text.splitlines()[:-1])) <= 80
    assert "9 events from Mixpanel: 8 would be sent, 1 duplicate, 0 would be quarantined" in text


def test_a_changed_filter_and_a_changed_mapping_are_honoured(
    cli: Cli, printed: Printing, pipelines: Path
) -> None:
    assert cli("apply", "shop")[0] == 0
    assert cli("run", "shop", "2026-07-01")[0] == 0
    before = printed("preview", "shop", "2026-07-01", "--json", "--events", "50").json
    assert (before["from"], before["read"]) == ("the lake", 50)
    assert len({event["raw"]["event"] for event in before["events"]}) > 1
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    change(pipelines / "mappings/shop.json", ('"source": "mixpanel"', '"source": "another"'))
    after = printed("preview", "shop", "2026-07-01", "--json", "--events", "50").json
    assert (after["from"], after["read"]) == ("Mixpanel", 50)
    assert {event["raw"]["event"] for event in after["events"]} == {"Searched"}
    assert {event["row"]["producedBy"] for event in after["events"] if event["row"]} == {"another"}


def test_a_rule_of_the_schema_is_a_reason_before_the_day_is_run(printed: Printing, pipelines: Path) -> None:
    path = pipelines / "field_groups/mixpanel-defaults.json"
    group = json.loads(path.read_text()) | {"title": "Narrow"}
    fields = group["properties"]["mixpanel"]["properties"]
    fields["event"] = {**fields["event"], "enum": ["No event has this name"], "meta:enum": {}}
    path.write_text(json.dumps(group))
    assert printed("apply", "hostile").code == 0
    found = printed("preview", "hostile", "2026-07-01", "--json").json
    assert found["valid"] == 0
    assert any("mixpanel.event must be one of" in reason for reason in found["reasons"])
    assert "more than the" in found["refusal"]
