"""Datasets that expire: a scheduled deletion that can be cancelled until then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, HYGIENE, IMPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

TABLE = {"adobe/pqs/table": ["events"]}
pytestmark = pytest.mark.sandbox
TTL = f"{HYGIENE}/ttl"
NOON = 1_750_000_000.0  # 2025-06-15T15:06:40Z


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        later(caller, 0)
        yield caller


def later(aep: AepApp, days: float) -> None:
    """Return the time so many days after the beginning."""
    aep.state.clock.set(NOON + days * 86400, frozen=True)
    aep.headers["Authorization"] = f"Bearer {aep.token()}"


def expire(aep: AepApp, dataset: str, **more: Any) -> dict[str, Any]:
    body = {"datasetId": dataset, "expiry": "2025-06-20T00:00:00Z", "displayName": "Licence ends", **more}
    return dict(aep.ok("POST", TTL, json=body))


def status(aep: AepApp, dataset: str) -> str:
    return str(aep.ok("GET", f"{TTL}/{dataset}")["status"])


def test_an_expired_dataset_accepts_no_data(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.load(dataset, lines(row("1")))["id"]
    loading = aep.create(dataset)
    made = expire(aep, dataset)
    assert (made["status"], made["expiry"], made["datasetName"]) == (
        "pending",
        "2025-06-20T00:00:00Z",
        "Events",
    )
    tags = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["tags"]
    assert tags == {**TABLE, "adobe/hygiene/ttl": ["1750377600000"]}
    later(aep, 4)
    assert (status(aep, dataset), aep.active(dataset)) == ("pending", ["id1"])
    later(aep, 5)
    assert (status(aep, dataset), aep.active(dataset)) == ("executing", [])
    body = {"datasetId": dataset, "inputFormat": {"format": "json"}}
    refused = aep.request("POST", f"{IMPORT}/batches", json=body)
    assert refused.status_code == 400 and "expired" in refused.json()["detail"]
    assert (
        aep.put(loading, dataset, b"x").status_code == 400 and aep.act(loading, "COMPLETE").status_code == 400
    )
    assert aep.batch(batch)["status"] == "inactive"
    assert aep.request("GET", f"{CATALOG}/dataSets/{dataset}").status_code == 200
    later(aep, 12)
    assert status(aep, dataset) == "completed"
    assert aep.request("GET", f"{CATALOG}/dataSets/{dataset}").status_code == 404


def test_an_expiration_can_be_changed_cancelled_and_recreated(aep: AepApp) -> None:
    dataset = aep.ready()
    made = expire(aep, dataset)
    assert aep.request("POST", TTL, json={"datasetId": dataset, "expiry": "2026-01-01"}).status_code == 400
    changed = aep.ok("PUT", f"{TTL}/{made['ttlId']}", json={"expiry": "2026-01-01T00:00:00+01:00"})
    assert (changed["expiry"], changed["displayName"]) == ("2025-12-31T23:00:00Z", "Licence ends")
    assert aep.ok("PUT", f"{TTL}/{made['ttlId']}", json={"description": "d"})["description"] == "d"
    assert aep.request("DELETE", f"{TTL}/{made['ttlId']}").status_code == 204
    assert aep.request("DELETE", f"{TTL}/{made['ttlId']}").status_code == 404
    assert aep.request("PUT", f"{TTL}/{made['ttlId']}", json={"description": "d"}).status_code == 404
    assert aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["tags"] == TABLE
    later(aep, 365)
    assert status(aep, dataset) == "cancelled"
    aep.create(dataset)
    again = expire(aep, dataset, expiry="2027-01-01")
    assert again["ttlId"] != made["ttlId"]
    history = aep.ok("GET", f"{TTL}/{dataset}", params={"include": "history"})["history"]
    assert [past["status"] for past in history] == ["created", "updated", "updated", "cancelled", "created"]


def test_expirations_are_listed_a_page_at_a_time(aep: AepApp) -> None:
    first, second = aep.ready(), aep.ready()
    one, two = expire(aep, first), expire(aep, second, displayName="Other", expiry="2025-07-01")

    def listed(**params: Any) -> list[str]:
        return [body["ttlId"] for body in aep.ok("GET", TTL, params=params)["results"]]

    assert listed() == [one["ttlId"], two["ttlId"]]
    assert listed(displayName="licence") == listed(datasetId=first) == [one["ttlId"]]
    assert listed(datasetName="EVENTS 2") == listed(ttlId=two["ttlId"]) == [two["ttlId"]]
    later(aep, 6)
    assert listed(status="pending") == [two["ttlId"]] and listed(status="executing,completed") == [
        one["ttlId"]
    ]
    page = aep.ok("GET", TTL, params={"limit": 1, "page": 1})
    assert (page["current_page"], page["total_pages"], page["total_count"]) == (1, 2, 2)
    assert [body["ttlId"] for body in page["results"]] == [two["ttlId"]]
    for wrong in ({"limit": 0}, {"limit": 101}, {"page": "x"}):
        assert aep.request("GET", TTL, params=wrong).status_code == 400


@pytest.mark.parametrize(
    "expiry",
    [None, "", "soon", 5, "2025-06-16T15:06:39Z", "2020-01-01", "99999-01-01", "0001-01-01T00:00:00+23:59"],
)
def test_an_expiry_must_be_at_least_a_day_ahead(aep: AepApp, expiry: Any) -> None:
    dataset = aep.ready()
    assert aep.request("POST", TTL, json={"datasetId": dataset, "expiry": expiry}).status_code == 400
    assert expire(aep, dataset, expiry="2025-06-16T15:06:40")["expiry"] == "2025-06-16T15:06:40Z"


def test_an_unknown_dataset_cannot_expire(aep: AepApp) -> None:
    assert aep.request("POST", TTL, json={"datasetId": "none", "expiry": "2999-01-01"}).status_code == 404
    assert aep.request("POST", TTL, json={"expiry": "2999-01-01"}).status_code == 400
    assert aep.request("GET", f"{TTL}/none").status_code == 404
    assert aep.request("DELETE", f"{TTL}/{aep.ready()}").status_code == 404


def test_the_displayed_tag_is_not_a_tag_of_the_dataset(aep: AepApp) -> None:
    dataset = aep.ready()
    made = expire(aep, dataset)
    url = f"{CATALOG}/dataSets/{dataset}"
    aep.ok("PUT", url, json=aep.ok("GET", url)[dataset])
    aep.ok("DELETE", f"{TTL}/{made['ttlId']}")
    assert aep.ok("GET", url)[dataset]["tags"] == TABLE
