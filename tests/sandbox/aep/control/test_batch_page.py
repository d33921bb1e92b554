"""The page of a batch: its values are text, whatever names they contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import DEMO_ORG, EXPERIENCE_EVENT
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from tests.security.hostile_names import MARKUP
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
_TAG = re.compile(r"<\s*/?\s*([A-Za-z!?][^\s>/]*)([^>]*)")


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path, batch_seconds=0.0) as caller:
        yield caller


def page(aep: AepApp, batch: str, status: int = 200) -> str:
    response = aep.http.get(f"/_sandbox/aep/batches/{batch}/page")
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    return str(response.text)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL))


def sent(aep: AepApp, dataset: str, content: bytes, name: str = "part-1.json", **more: Any) -> str:
    batch = aep.create(dataset, **more)
    assert aep.put(batch, dataset, content, name).status_code == 201
    assert aep.act(batch, "COMPLETE").status_code == 200
    assert start(AepSandboxScope(aep.state, DEMO_ORG, aep.headers["x-sandbox-name"]), batch).wait(20)
    return batch


def test_an_active_batch_says_what_it_is_and_what_it_holds(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(
        aep, dataset, lines(row("a"), row("b")), externalId="shop-2026-07-01", tags={"day": ["2026-07-01"]}
    )
    text = words(page(aep, batch))
    for part in (
        f"Batch {batch}", "success . Its rows are active", f"Events {dataset}", "shop-2026-07-01", "received 2",
        "stored in the dataset 2", "rejected 0", "AEP lists no errors", "part-1.json", "day 2026-07-01", "UTC",
    ):  # fmt: skip
        assert part in text, part


def test_a_failed_batch_names_its_errors_and_the_rejected_records_without_values(aep: AepApp) -> None:
    dataset = aep.ready()
    bad = row("b") | {"timestamp": "secret-value"}
    batch = sent(aep, dataset, lines(row("a"), bad))
    text = words(page(aep, batch))
    assert "failed . None of its rows is active" in text
    assert "INGEST-1212-400 Encountered 1 errors in the data." in text
    assert "Rejected records The first 1" in text
    assert f"{bad['_id']} timestamp" in text
    assert "secret-value" not in text


def test_a_batch_at_work_and_one_that_is_still_loading_say_so(aep: AepApp) -> None:
    dataset = aep.ready()
    loading = aep.create(dataset)
    assert "loading . Files are being uploaded" in words(page(aep, loading))
    assert "The batch has no files." in words(page(aep, loading))
    body = {"next_batches": [{"outcome": "stalled"}]}
    assert aep.http.post("/_sandbox/aep/settings", json=body).status_code == 200
    assert "AEP is processing the batch." in words(page(aep, sent(aep, dataset, lines(row("a")))))


def test_a_batch_of_another_aep_sandbox_is_found_by_its_id_alone(aep: AepApp) -> None:
    aep.headers["x-sandbox-name"] = "dev"
    batch = sent(aep, aep.ready(), lines(row("a")))
    assert "AEP sandbox dev, organization" in words(page(aep, batch))


def test_an_unknown_batch_and_a_hidden_one_are_explained(aep: AepApp) -> None:
    assert "The sandbox has no batch 01NONE" in words(page(aep, "01NONE", 404))
    batch = sent(aep, aep.ready(), lines(row("a")))
    aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"vanished": True})
    assert "Catalog does not show this batch" in words(page(aep, batch))


def skeleton(text: str) -> list[tuple[str, str]]:
    """The tags of a page, each with its attributes."""
    return [(name.lower(), attributes) for name, attributes in _TAG.findall(text)]


def hostile(aep: AepApp, name: str) -> str:
    """The page of a batch in which a client chose every name, and AEP's errors name a value."""
    schema = aep.schema(title=f"Events of {len(name)}", of=EXPERIENCE_EVENT)["$id"]
    dataset = aep.dataset(schema, f"Dataset {name}")
    error = {"code": name, "description": name}
    plan = {"outcome": "failed", "errors": [error]}
    assert aep.http.post("/_sandbox/aep/settings", json={"next_batches": [plan]}).status_code == 200
    batch = sent(aep, dataset, lines(row("a")), externalId=name, tags={name: [name]})
    return page(aep, batch).replace(batch, "BATCH")


@pytest.mark.parametrize("name", MARKUP, ids=lambda name: f"M03-{name}")
def test_m03_names_that_a_client_chose_are_text(aep: AepApp, name: str) -> None:
    plain, found = hostile(aep, "plain"), hostile(aep, MARKUP[name])
    assert skeleton(found) == skeleton(plain)
    assert not {"script", "img", "svg", "iframe", "form", "a"} & {tag for tag, _ in skeleton(found)}


@pytest.mark.parametrize("name", MARKUP)
def test_m03_an_unknown_id_is_text(aep: AepApp, name: str) -> None:
    key = MARKUP[name].replace("/", "")
    response = aep.http.get(f"/_sandbox/aep/batches/{key}/page".replace("?", "%3F").replace("#", "%23"))
    assert response.status_code == 404
    assert skeleton(response.text) == skeleton(page(aep, "01NONE", 404))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "aborted"},
        {"status": "failed", "errors": ["text", 5, None, {"code": {"a": [1]}}]},
        {"status": "inactive"},
        {"status": "<script>alert(1)</script>"},
        {"status": "success"},
        {"vanished": "<b>"},
    ],
)
def test_a_batch_that_a_person_changed_in_any_way_has_a_page(aep: AepApp, change: dict[str, Any]) -> None:
    for made in (aep.create(aep.ready()), sent(aep, aep.ready(), lines(row("a")))):
        changed = aep.http.post(f"/_sandbox/aep/batches/{made}", json=change)
        assert changed.status_code in (200, 400)
        text = page(aep, made)
        assert "<script" not in text
        assert made in words(text)


def test_a_batch_with_odd_files_and_a_replay_has_a_page(aep: AepApp) -> None:
    dataset = aep.ready()
    first = sent(aep, dataset, lines(row("a")))
    replay = {"predecessors": [first], "reason": "replace"}
    second = aep.create(dataset, replay=replay)
    for name in ("%3Cb%3E.json", "a%20b.json", "%C3%BC%E2%80%AE.json", "deep/er/part.json"):
        assert aep.put(second, dataset, lines(row(name)), name).status_code in (201, 400)
    assert "<b>" not in page(aep, second)
    assert first in words(page(aep, second))
