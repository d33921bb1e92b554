"""``check``: every check, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests

from include.clock import SYSTEM_CLOCK
from tests.support.command_line import Cli, Printing, change
from tests.support.pipeline_runner import CONNECTIONS

pytestmark = pytest.mark.sandbox


def test_check_refuses_a_wrong_zone_if_time_is_local(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "adobe-tutorial.yaml", ("Pacific Standard Time", "Europe/Paris"))
    code, text = cli("check", "adobe-tutorial")
    assert code == 1
    assert "Mixpanel reports the project's zone as America/Los_Angeles" in text


def test_check_refuses_a_field_group_without_a_file(cli: Cli, pipelines: Path) -> None:
    change(pipelines / "shop.yaml", ("field_group: shop.json", "field_group: shops.json"))
    code, text = cli("check", "shop")
    assert code == 1
    assert "no AEP       File shops.json does not exist in include/pipelines/field_groups." in text


def test_check_names_an_unknown_event(cli: Cli, pipelines: Path, port: int) -> None:
    today = {"time": int(SYSTEM_CLOCK.seconds()) - 3600, "distinct_id": "u", "$insert_id": "today"}
    project = CONNECTIONS["mixpanel_shop"]["conn_extra"]["project_id"]
    requests.post(
        f"http://127.0.0.1:{port}/_sandbox/mixpanel/projects/{project}/events",
        json={"events": [{"event": "Searched", "properties": today}]},
        timeout=10,
    ).raise_for_status()
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched, serched, Searchd] "))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no events .*Mixpanel has no events named 'serched', 'Searchd' between 2026-06-30 and 2026-07-02",
        text,
        re.MULTILINE,
    )
    assert "Similar names: 'serched': 'Searched', 'Searchd': 'Searched'." in text
    change(pipelines / "shop.yaml", ("serched, Searchd", "Signed up"))
    assert "Mixpanel has" in cli("check", "shop")[1]


def test_check_finds_a_rare_event_without_the_query_api(cli: Cli, pipelines: Path, port: int) -> None:
    """A plan without the Query API answers 402; an event may also be older than its 31 days."""
    requests.post(
        f"http://127.0.0.1:{port}/_sandbox/faults",
        json={"match": {"path": "/api/query/*"}, "action": {"do": "answer", "status": 402}},
        timeout=10,
    ).raise_for_status()
    change(pipelines / "shop.yaml", ("events: [] ", "events: [Searched] "))
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "ok events    Mixpanel has 1 of 1 event" in " ".join(text.split(" ")).replace(
        "ok  events", "ok events"
    )


def test_check_names_the_free_exports_and_whether_a_backfill_uses_windows(cli: Cli, pipelines: Path) -> None:
    assert cli("apply", "hostile")[0] == 0
    code, text = cli("check", "hostile")
    assert code == 0, text
    found = re.search(r"^ok exports +(\d+) of the project's 60 exports an hour are free now; a backfill requests up to 30 "
                      r"days at once \(backfill_window_days: 30\)$", text, re.MULTILINE)  # fmt: skip
    assert found is not None, text
    assert cli("run", "hostile", "2026-07-01")[0] == 0
    change(pipelines / "hostile.yaml", ("  time_is: utc\n", "  time_is: utc\n  backfill_window_days: 1\n"))
    text = cli("check", "hostile")[1]
    later = re.search(
        r"^ok exports +(\d+) of the .* free now; a backfill requests each day individually",
        text,
        re.MULTILINE,
    )
    assert later is not None, text
    assert int(later[1]) < int(found[1])


def test_check_lets_mixpanel_validate_where(cli: Cli, pipelines: Path) -> None:
    path = pipelines / "shop.yaml"
    path.write_text(
        path.read_text().replace("events: [] ", 'where: \'properties["x"] == "y"\'\n  events: [] ')
    )
    code, text = cli("check", "shop")
    assert code == 0, text
    assert "accepts the filter where" in text
    path.write_text(path.read_text().replace('== \\"y\\"', "=== (").replace('== "y"', "=== ("))
    code, text = cli("check", "shop")
    assert code == 1
    assert re.search(
        r"^no events .*Mixpanel refused to export .*HTTP 400.*mixpanel\.where", text, re.MULTILINE
    )


def test_every_check_is_reported_although_one_refuses(
    cli: Cli, pipelines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = CONNECTIONS["aep_default"]
    wrong: dict[str, Any] = {
        "conn_type": row["conn_type"],
        "login": row["conn_login"],
        "password": "p-wrong-not-real",
        "host": row["conn_host"],
        "port": 1,
        "extra": json.dumps(row["conn_extra"]),
    }
    monkeypatch.setenv("AIRFLOW_CONN_AEP_DEFAULT", json.dumps(wrong | {"extra": "{}"}))
    code, text = cli("check", "shop")
    assert code == 1
    assert [line[:2] for line in text.splitlines()] == [
        "ok",
        "ok",
        "ok",
        "ok",
        "ok",
        "no",
        "no",
        "no",
        "ok",
        "no",
        "no",
        "ok",
    ]
    assert "p-wrong-not-real" not in text


def test_check_fails_fast_on_a_closed_port_and_names_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    row = CONNECTIONS["mixpanel_shop"]
    closed = {name.removeprefix("conn_"): value for name, value in row.items() if name != "conn_id"} | {
        "port": 1
    }
    monkeypatch.setenv("AIRFLOW_CONN_MIXPANEL_SHOP", json.dumps(closed))
    waits: list[float] = []
    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", waits.append)
    code, text = cli("check", "shop")
    assert code == 1
    assert "no Mixpanel  Mixpanel could not be reached" in text
    assert "(ConnectionError at 127.0.0.1:1)" in text
    assert len(waits) == 2, "one for the account, one for the sample"
    assert sum(waits) < 20


def test_a_copy_that_still_writes_to_the_first_ones_dataset_is_refused(cli: Cli, pipelines: Path) -> None:
    shutil.copy(pipelines / "shop.yaml", pipelines / "copy.yaml")
    (pipelines / "broken.yaml").write_text("nothing: here")
    sentence = "Pipelines copy.yaml and shop.yaml both write to dataset 'Mixpanel Shop Events'"
    for name in ("copy", "shop"):
        code, text = cli("check", name)
        assert code == 1
        assert sentence in text


def test_a_sentence_that_fails_several_checks_is_read_once(printed: Printing, connections: Path) -> None:
    connections.unlink()
    found = printed("check", "shop")
    assert found.code == 1
    lines = [line for line in found.out.splitlines() if line.startswith("no ")]
    assert sum("was not found" in line for line in lines) == 1
    assert "no AEP       for the same reason as Mixpanel" in lines
    checks = printed("check", "shop", "--json").json["checks"]
    failed = [each for each in checks if not each["ok"]]
    assert len(failed) > 3
    assert all("was not found" in each["says"] for each in failed)  # a program reads each by itself
