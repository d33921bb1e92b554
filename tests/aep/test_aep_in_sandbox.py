"""The client against the sandbox, which is written from Adobe's documentation and not from the client."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator

import pytest

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.aep.upload import UploadLimits
from include.errors import AlreadyExists, CredentialsRejected, DatasetMissing, PipelineError, SchemaError
from include.xdm.schema.resolve import resolve
from include.xdm.schema.xdm_schema import XdmSchema
from mixpanel_aep_sandbox.aep.core.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store

pytestmark = pytest.mark.sandbox
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.1))
    with SandboxServer(state=state) as server:
        yield server.url


def settings(url: str, secret: str = DEMO_CLIENT_SECRET) -> AepSettings:
    return AepSettings(DEMO_CLIENT_ID, secret, DEMO_ORG, "prod", sandbox_url=url)


@pytest.fixture(scope="module")
def aep(url: str) -> Iterator[AepClient]:
    client = AepClient(settings(url), limits=UploadLimits(chunk_from_bytes=1000, chunk_bytes=300))
    yield client
    client.close()


@pytest.fixture(scope="module")
def dataset_id(aep: AepClient) -> str:
    """Create a namespace, a field group, a schema with an identity, and a dataset, and find each by name."""
    tenant = f"_{aep.registry.tenant_id()}"
    group = aep.registry.create("fieldgroups", field_group(tenant))
    schema = aep.registry.create(
        "schemas",
        {"title": "Client events", "type": "object", "allOf": [{"$ref": EVENT}, {"$ref": group["$id"]}]},
    )
    found = aep.registry.find_by_title("schemas", "Client events")
    assert found is not None
    assert found["$id"] == schema["$id"]
    return aep.catalog.create_dataset(
        {
            "name": "Client events",
            "schemaRef": {"id": schema["$id"], "contentType": "application/vnd.adobe.xed+json;version=1"},
            "enableErrorDiagnostics": True,
        }
    )


def field_group(tenant: str) -> dict[str, object]:
    fields = {tenant: {"type": "object", "properties": {"plan": {"type": "string"}}}}
    return {
        "title": "Client event fields",
        "type": "object",
        "meta:intendedToExtend": [EVENT],
        "definitions": {"customFields": {"type": "object", "properties": fields}},
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
    }


def rows(count: int, **more: object) -> bytes:
    lines = [{"_id": f"e{n}", "timestamp": "2026-07-01T12:00:00Z", **more} for n in range(count)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def load(aep: AepClient, dataset_id: str, external_id: str, content: bytes) -> str:
    batch_id = aep.batches.create(dataset_id, "json", external_id, {"mixpanel-aep/day": ["2026-07-01"]})
    aep.batches.upload(batch_id, dataset_id, "rows.json", lambda: io.BytesIO(content), len(content))
    aep.batches.complete(batch_id)
    for _ in range(100):
        batch = aep.batches.find(batch_id)
        if batch is not None and classify_status(batch.status) in (BatchState.ACTIVE, BatchState.REFUSED):
            break
        time.sleep(0.05)
    return batch_id


def test_the_calls_of_setup(aep: AepClient, dataset_id: str) -> None:
    assert "ECID" in aep.identity.codes()
    aep.identity.create("ClientUser", "Client user", "Cross_device")
    assert "ClientUser" in aep.identity.codes()
    with pytest.raises(AlreadyExists):
        aep.identity.create("ClientUser", "Client user", "Cross_device")
    with pytest.raises(AlreadyExists):
        aep.registry.create("fieldgroups", field_group(f"_{aep.registry.tenant_id()}"))
    dataset = aep.catalog.require_dataset("Client events")
    assert dataset["id"] == dataset_id
    resolved = aep.registry.resolved_schema(dataset["schemaRef"]["id"])
    assert {"_id", "timestamp", f"_{aep.registry.tenant_id()}"} <= set(resolved["properties"])
    with pytest.raises(DatasetMissing):
        aep.catalog.require_dataset("No such dataset")


@pytest.mark.parametrize("count", [3, 100])
def test_a_batch_from_creation_to_success(aep: AepClient, dataset_id: str, count: int) -> None:
    batch_id = load(aep, dataset_id, f"good-{count}", rows(count))
    batch = aep.batches.find(batch_id)
    assert batch is not None
    assert classify_status(batch.status) is BatchState.ACTIVE
    assert (batch.output_records, batch.failed_records) == (count, 0)
    assert [found.id for found in aep.batches.find_by_external_id(dataset_id, f"good-{count}")] == [batch_id]


def test_a_failed_batch_reports_its_reason(aep: AepClient, dataset_id: str) -> None:
    content = rows(2) + b'{"_id": "canary-e9"}\n'
    batch_id = load(aep, dataset_id, "bad", content)
    batch = aep.batches.find(batch_id)
    assert batch is not None
    assert classify_status(batch.status) is BatchState.REFUSED
    why = aep.batches.why_failed(batch_id)
    assert "INGEST" in why
    assert "canary" not in why


def test_a_batch_can_be_aborted(aep: AepClient, dataset_id: str) -> None:
    batch_id = aep.batches.create(dataset_id, "parquet", "given-up")
    aep.batches.abort(batch_id)
    batch = aep.batches.find(batch_id)
    assert batch is not None
    assert batch.status == "aborted"


def test_a_wrong_secret_is_reported(url: str) -> None:
    with pytest.raises(CredentialsRejected, match="client secret") as caught:
        AepClient(settings(url, "canary-wrong")).registry.tenant_id()
    assert isinstance(caught.value, PipelineError)
    assert "canary" not in str(caught.value)


def test_an_unresolved_schema_is_resolved_as_the_registry_does(aep: AepClient, dataset_id: str) -> None:
    schema_id = aep.catalog.require_dataset("Client events")["schemaRef"]["id"]
    theirs = XdmSchema(aep.registry.resolved_schema(schema_id))
    ours = XdmSchema(resolve(aep.registry.get("schemas", schema_id), aep.registry.resource))

    def fields(xdm: XdmSchema) -> dict[str, tuple[object, object]]:
        return {field.dotted: (field.kind, field.required) for field in xdm.root.walk()}

    assert fields(ours) == fields(theirs)
    assert len(fields(ours)) > 5
    ours.require_event()


@pytest.mark.parametrize(
    "foreign", ["https://ns.adobe.com/xdm/nowhere", "https://evil.example/x", "file:///etc/hosts"]
)
def test_a_reference_missing_in_the_registry_is_named_and_not_requested_elsewhere(
    aep: AepClient, foreign: str
) -> None:
    with pytest.raises(SchemaError, match="which is not in the Schema Registry"):
        aep.registry.resource(foreign)
