"""Registry, identities, diagnostics and the statuses of a batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.model import Batch
from include.errors import NotFound, SchemaError, ServiceUnavailable
from tests.support.fake_aep import FakeAep, client, times
from tests.support.fake_clock import FakeClock
from tests.support.http_server import Reply, Request, serve_http

SCHEMA = "https://ns.adobe.com/acme/schemas/0a1b"


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aep() -> FakeAep:
    return FakeAep()


def registry(request: Request) -> Reply | None:
    """Answer as the Schema Registry: refuse a lookup without a version, and list two entries a page."""
    if "/schemaregistry/" not in request.target:
        return None
    accept, last = request.headers["Accept"], request.segments[-1]
    if last == "stats":
        return Reply.json({"tenantId": "acme"})
    if last == "schemas" and request.method == "GET":
        assert accept == "application/vnd.adobe.xed-id+json"
        titles = ["Events old", "Other", "Events"]
        start = int(request.query.get("start", 0))
        found = [{"title": t, "$id": f"{SCHEMA}{n}", "version": "1.0"} for n, t in enumerate(titles)]
        following = str(start + 2) if start + 2 < len(found) else None
        return Reply.json({"results": found[start : start + 2], "_page": {"next": following}})
    if last == "descriptors" and request.method == "GET":
        assert accept == "application/vnd.adobe.xdm-v2+json"
        return Reply.json({"results": [{"xdm:sourceSchema": SCHEMA}, {"xdm:sourceSchema": "x"}], "_page": {}})
    if request.method in ("POST", "PATCH"):
        assert request.headers["Content-Type"] == "application/json"
        return Reply.json({"$id": SCHEMA, "sent": json.loads(request.body)}, 201)
    assert "version=1" in accept
    if last.startswith(SCHEMA):
        return Reply.json({"$id": last, "accept": accept})
    return Reply.json({"title": "NotFoundError"}, 404)


@pytest.mark.sandbox
def test_the_registry(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [registry]
    with serve_http(aep) as served:
        asked = client(served, fake_clock).registry
        assert asked.tenant_id() == "acme"
        found = asked.find_by_title("schemas", "Events")
        assert found is not None
        assert found["$id"] == f"{SCHEMA}2"
        assert asked.find_by_title("schemas", "Event") is None
        assert asked.find_by_title("schemas", "a==b,c") is None
        assert asked.resolved_schema(SCHEMA)["accept"] == "application/vnd.adobe.xed-full+json; version=1"
        with pytest.raises(NotFound):
            asked.get("schemas", "nowhere")
        assert asked.descriptors(SCHEMA) == [{"xdm:sourceSchema": SCHEMA}]
        assert len(asked.descriptors()) == 2
        assert asked.create("fieldgroups", {"title": "T"})["sent"] == {"title": "T"}
        assert asked.patch("fieldgroups", SCHEMA, [{"op": "add"}])["sent"] == [{"op": "add"}]
        assert asked.create_descriptor({"@type": "x"})["$id"] == SCHEMA
        targets = [r.target for r in served.requests]
    assert any(
        "/tenant/schemas/https%3A%2F%2Fns.adobe.com%2Facme%2Fschemas%2F0a1b" in target for target in targets
    )
    assert any("property=title%3D%3DEvents" in target for target in targets)
    assert not any("b%2Cc" in target for target in targets)


@pytest.mark.sandbox
def test_paging_in_a_circle_ends(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [times(9, Reply.json({"results": [], "_page": {"next": "here"}}), path="/schemaregistry/")]
    with serve_http(aep) as served:
        assert client(served, fake_clock).registry.find_by_title("schemas", "x") is None
        assert len(served.requests) == 3


@pytest.mark.sandbox
def test_a_missing_tenant_is_an_error(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.faults = [times(1, Reply.json({}), path="/stats")]
    with serve_http(aep) as served, pytest.raises(SchemaError, match="tenant"):
        client(served, fake_clock).registry.tenant_id()


@pytest.mark.sandbox
def test_namespaces(fake_clock: FakeClock, aep: FakeAep) -> None:
    listed = [{"code": "ECID", "name": "ECID", "idType": "COOKIE", "custom": False}]

    def identity(request: Request) -> Reply | None:
        if request.path != "/data/core/idnamespace/identities":
            return None
        if request.method == "GET":
            return Reply.json(listed)
        return Reply.json({**json.loads(request.body), "id": 7, "custom": True})

    aep.faults = [identity]
    with serve_http(aep) as served:
        asked = client(served, fake_clock).identity
        assert asked.codes() == {"ECID"}
        made = asked.create("MixpanelUser", "Mixpanel user", "Cross_device")
        assert (made.code, made.id_type, made.custom) == ("MixpanelUser", "Cross_device", True)


def diagnostics(files: dict[str, list[bytes]]) -> Any:
    """Answer as Data Access: lists and files by their path, and 404 for others."""

    def answer(request: Request) -> Reply | None:
        if "/export/batches/" not in request.path:
            return None
        where = request.segments[-1] + "/" + request.query.get("path", "")
        if where.strip("/") in ("failed", "meta/row_errors"):
            names = [name.rpartition("/")[2] for name in files if name.startswith(where.strip("/") + "/")]
            listed = [{"name": name, "length": "7"} for name in ["_SUCCESS", *names]]
            return Reply.json({"data": listed}, 200 if names else 404)
        return Reply(200, b"\n".join(files[where]))

    return answer


@pytest.mark.sandbox
def test_a_failed_batch_is_explained_by_codes_fields_and_counts(fake_clock: FakeClock, aep: FakeAep) -> None:
    canary = "canary person@example.com"
    failed = {
        "_validationErrors": [{"keyword": "required", "pointerToViolation": "#/_acme/id", "message": canary}]
    }
    parsing = {"_errors": [{"code": "1401", "message": canary}], "_corrupt_record": canary}
    typed = {"_errors": [{"code": "INGEST-1555-400", "column": "_acme.x", "message": canary}]}
    odd = {"_errors": [{"code": canary}]}
    rows = {
        "failed/part-1.json": [json.dumps(failed).encode()] * 3,
        "meta/row_errors/a.json": [json.dumps(row).encode() for row in (parsing, typed, typed, odd)]
        + [b"{cut"],
    }
    aep.batches["B1"] = {
        "status": "failed",
        "errors": [{"code": "INGEST-1212-400", "description": canary, "recordCount": 6}, {"code": canary}],
    }
    aep.faults = [diagnostics(rows)]
    with serve_http(aep) as served:
        asked = client(served, fake_clock)
        why = asked.batches.why_failed("B1")
        assert [file.name for file in asked.diagnostics.failed_files("B1")] == ["part-1.json"]
        assert asked.diagnostics.failed_files("B1")[0].length == 7
        assert len(list(asked.diagnostics.failed_rows("B1", "part-1.json"))) == 3
        assert len(list(asked.diagnostics.row_errors("B1", "a.json"))) == 5
    assert why.startswith(
        "INGEST-1212-400: rows have errors (6 rows); an unknown code; required at #/_acme/id (3 rows)"
    )
    assert "INGEST-1555-400 at _acme.x (2 rows)" in why
    assert "canary" not in why
    quoting = {"errors": [{"code": "106", "description": canary}]}
    assert canary not in repr(Batch.read("B1", quoting))


@pytest.mark.sandbox
def test_the_reason_of_a_failure_does_not_require_diagnostics(fake_clock: FakeClock, aep: FakeAep) -> None:
    aep.batches["B1"] = {"status": "failed", "errors": [{"code": "106", "description": "x"}]}
    aep.batches["B2"] = {"status": "failed"}
    aep.faults = [times(99, Reply(403), path="/export/")]
    with serve_http(aep) as served:
        asked = client(served, fake_clock).batches
        assert asked.why_failed("B1") == "106: a file is empty"
        assert asked.why_failed("B2") == asked.why_failed("B3") == "AEP reports no reason"


@pytest.mark.sandbox
def test_a_truncated_list_of_errors_says_so(fake_clock: FakeClock, aep: FakeAep) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}\n{}"
    aep.faults = [times(1, Reply(wire=cut), path="/failed")]
    with serve_http(aep) as served, pytest.raises(ServiceUnavailable, match="is truncated"):
        list(client(served, fake_clock).diagnostics.failed_rows("B1", "f"))


DOCUMENTED = {
    BatchState.OPEN: ("loading",),
    BatchState.ACTIVE: ("success", "active"),
    BatchState.REFUSED: ("failed", "failure"),
    BatchState.GONE: ("aborted", "abandoned", "inactive", "retained", "archived", "deleted"),
    BatchState.COMMITTED: ("processing", "queued", "retrying", "stalled", "loaded", "staged", "staging"),
}  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize(("state", "statuses"), DOCUMENTED.items())
def test_every_documented_status_has_a_state(state: BatchState, statuses: tuple[str, ...]) -> None:
    for status in statuses:
        assert classify_status(status) is classify_status(status.upper()) is state


@pytest.mark.unit
@given(st.text())
def test_any_other_status_is_unknown_and_not_final(status: str) -> None:
    known = {word for words in DOCUMENTED.values() for word in words}
    if status.lower() not in known:
        assert classify_status(status) is BatchState.UNKNOWN


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
BATCH_FIELDS = st.sampled_from(["status", "externalId", "created", "relatedObjects", "metrics", "errors"])


@pytest.mark.unit
@given(st.dictionaries(BATCH_FIELDS, JSON_VALUES))
def test_a_batch_is_read_whatever_aep_returns(body: dict[str, Any]) -> None:
    batch = Batch.read("B1", body)
    assert batch.id == "B1"
    assert isinstance(batch.status, str)


@pytest.mark.unit
def test_a_complete_batch() -> None:
    body = {
        "status": "success",
        "externalId": "x-1",
        "created": 5,
        "relatedObjects": [{"type": "other"}, {"type": "dataSet", "id": "d1"}],
        "metrics": {"inputRecordCount": 3, "outputRecordCount": 2, "failedRecordCount": 1},
        "errors": [{"code": "106", "description": "x", "rows": 1}],
    }
    batch = Batch.read("B1", body)
    assert (batch.status, batch.external_id, batch.dataset_id, batch.created_ms) == (
        "success", "x-1", "d1", 5,
    )  # fmt: skip
    assert (batch.input_records, batch.output_records, batch.failed_records) == (3, 2, 1)
    assert batch.errors[0].rows == 1


LOOKUPS: dict[str, Callable[[AepClient], object]] = {
    "tenant": lambda aep: aep.registry.tenant_id(),
    "title": lambda aep: aep.registry.find_by_title("schemas", "Events"),
    "schema": lambda aep: aep.registry.get("schemas", "https://ns.adobe.com/acme/schemas/1"),
    "resolved": lambda aep: aep.registry.resolved_schema("https://ns.adobe.com/acme/schemas/1"),
    "descriptors": lambda aep: aep.registry.descriptors(),
    "namespaces": lambda aep: aep.identity.codes(),
    "dataset": lambda aep: aep.catalog.find_dataset("Events"),
    "batches": lambda aep: aep.batches.find_by_external_id("d1", "x-1"),
}
ODD = [
    Reply(200, b"<html>canary</html>"),
    Reply(200),
    *map(Reply.json, ([1], None, 7, "text", {"error": "canary"})),
]


@pytest.mark.sandbox
@pytest.mark.parametrize("look", LOOKUPS.values(), ids=LOOKUPS.keys())
def test_no_malformed_response_is_read_as_an_empty_list(
    fake_clock: FakeClock, aep: FakeAep, look: Callable[[AepClient], object]
) -> None:
    """An empty list leads to a creation: a second schema, or a second batch of the same rows."""
    for odd in ODD:
        aep.faults = [times(99, odd, path="/data/")]
        with serve_http(aep) as served:
            if odd.body == b'{"error": "canary"}' and look in (LOOKUPS["schema"], LOOKUPS["resolved"]):
                continue  # An object is valid here.
            with pytest.raises((ServiceUnavailable, SchemaError)) as caught:
                look(client(served, fake_clock))
        assert "canary" not in str(caught.value)
        assert caught.value.hint
