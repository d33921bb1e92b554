"""Catalog and Identity: datasets, batches, etags, namespaces (sections 4.1 to 4.3, and 6)."""

from __future__ import annotations

from typing import Any

from tests.contract.aep_calls import CATALOG, batch, dataset, later, loaded, row, sent
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Text
from tests.contract.examples.registry import PROFILE, described, made, namespace

TYPE = "application/vnd.adobe.xed+json;version=1"
IDENTITIES = "/data/core/idnamespace/identities"
PATCH_JSON = {"Content-Type": "application/json-patch+json"}
REF = Is(
    lambda found: (
        isinstance(found, list)
        and len(found) == 1
        and found[0].startswith("@/dataSets/")
        and len(found[0]) == 35
    )
)
OWN = "/data/core/idnamespace/identities/<namespace>"


def new(**more: Any) -> Call:
    return Call(
        "POST",
        f"{CATALOG}/dataSets",
        json={"name": "mixpanel_events", "schemaRef": {"id": "<schema>", "contentType": TYPE}, **more},
    )


def datasets(**query: Any) -> Call:
    return Call("GET", f"{CATALOG}/dataSets", query)


def batches(**query: Any) -> Call:
    return Call("GET", f"{CATALOG}/batches", query)


def three(client: DocumentedClient) -> None:
    """Datasets ``one``, ``two``, ``three`` of one schema, each with tags."""
    made(client)
    for name in ("one", "two", "three"):
        [ref] = client.fine(new(name=name, tags={"team": [name], "all": ["yes"]}))
        client.names[name] = ref.removeprefix("@/dataSets/")
        client.sandbox.clock.advance(1)


def keyed(*names: str) -> Is:
    """An object with so many members."""
    return Is(
        lambda found: (
            isinstance(found, dict)
            and len(found) == len(names)
            and sorted(each["name"] for each in found.values()) == sorted(names)
        )
    )


def custom(client: DocumentedClient) -> None:
    client.names["namespace"] = str(client.fine(identity())["id"])


def identity(**changes: Any) -> Call:
    body = {"name": "Mixpanel", "code": "MIXPANELID", "idType": "Cross_device", "description": "d"} | changes
    return Call("POST", IDENTITIES, json={name: value for name, value in body.items() if value is not ...})


def changed(body: Any, **headers: str) -> Call:
    return Call("PATCH", f"{CATALOG}/dataSets/<dataset>", json=body, headers=headers)


LOOK = Call("GET", f"{CATALOG}/dataSets/<dataset>")
LOADED = loaded(row(1))
NAMESPACE = {
    "id": int,
    "code": "MIXPANELID",
    "name": "Mixpanel",
    "description": "d",
    "idType": Text("(?i)^cross_device$"),
    "status": "ACTIVE",
    "custom": True,
    "createTime": int,
    "updateTime": int,
}
# A row is a line.
# fmt: off
CATALOG_PAIRS = [
    Example("aep 4.1 a dataset, name and schemaRef", new(), 201, REF, given=(made,)),
    Example("aep 4.1 a dataset, all members", new(description="d", fileDescription={"persisted": True, "containerFormat": "parquet", "format": "parquet"}, enableErrorDiagnostics=True, tags={"mine": ["a:b"]}), 201, REF, given=(made,)),
    Example("aep 4.1 requestDataSource", Call("POST", f"{CATALOG}/dataSets", {"requestDataSource": "true"}, {"name": "n", "schemaRef": {"id": "<schema>", "contentType": TYPE}}), 201, REF, given=(made,)),
    *(Example(f"aep 4.1 contentType {text}", new(schemaRef={"id": "<schema>", "contentType": text}), 201, REF, given=(made,)) for text in ("application/vnd.adobe.xed-full+json;version=1", "application/vnd.adobe.xed-full-notext+json; version=1")),
    Example("aep 4.1 Profile on a schema with union", new(tags={"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}), 201, REF, given=(described, PROFILE)),
    Example("aep 4.1 Profile, with a space", new(tags={"unifiedProfile": ["enabled: true"]}), 201, REF, given=(described, PROFILE)),
    Example("aep 11b Profile on a schema without union", new(tags={"unifiedProfile": ["enabled:true"]}), 400, Text("To enable profile datasets the schema should be valid"), given=(made,)),
    Example("aep 4.1 no schema of that id", new(schemaRef={"id": "https://ns.adobe.com/acmesandbox/schemas/none", "contentType": TYPE}), 400),
    Example("aep 4.1 tags are lists", new(tags={"mine": "a"}), 400, given=(made,)),
    Example("aep 4.1 Adobe's own tags are taken", new(tags={"adobe/pqs/table": ["mixpanel_events"]}), 201, REF, given=(made,)),
    Example("aep 4.1 enabled later, merged", changed({"tags": {"unifiedProfile": ["enabled:true"]}}), 200, ["@/dataSets/<dataset>"], given=(described, PROFILE, lambda client: client.names.update(dataset=client.fine(new())[0][-24:]))),
    Example("aep 4.1 enabled later, by JSON Patch", changed([{"op": "add", "path": "/tags/unifiedProfile", "value": ["enabled:true"]}], **PATCH_JSON), 200, ["@/dataSets/<dataset>"], given=(described, PROFILE, lambda client: client.names.update(dataset=client.fine(new())[0][-24:]))),
    Example("aep 4.1 enabled later on a schema without union", changed({"tags": {"unifiedProfile": ["enabled:true"]}}), 400, given=(dataset,)),
    Example("aep 4.1 PATCH merges", LOOK, 200, {"<dataset>": Has({"name": "Events", "description": "new"})}, given=(dataset, sent(changed({"description": "new"})))),
    Example("aep 4.1 v2 merges deeply", Call("PATCH", f"{CATALOG}/v2/dataSets/<dataset>", json={"extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "P3Y"}}}}), 200, ["@/dataSets/<dataset>"], given=(dataset,)),
    Example("aep 4.2 a dataset", LOOK, 200, {"<dataset>": Has({"name": "Events", "tags": dict, "schemaRef": {"id": "<schema>", "contentType": str}, "fileDescription": dict, "viewId": str, "files": Text("^@/dataSets/<dataset>/views/[0-9a-f]+/files$"), "state": str, "version": str, "created": int, "updated": int, "imsOrg": "DEMO0000@AdobeOrg", "sandboxId": str})}, given=(dataset,)),
    Example("aep 4.2 a dataset knows its last batch", LOOK, 200, {"<dataset>": Has({"lastBatchId": "<batch>", "lastBatchStatus": "success", "lastSuccessfulBatch": "<batch>"})}, given=(LOADED,)),
    Example("aep 4.2 no dataset", Call("GET", f"{CATALOG}/dataSets/0123456789abcdef01234567"), 404),
    Example("aep 4.2 datasets are an object by id", datasets(), 200, {"<one>": Has({"name": "one"}), "<two>": dict, "<three>": dict}, given=(three,)),
    Example("aep 4.2 limit", datasets(limit=2), 200, Is(lambda found: len(found) == 2), given=(three,)),
    Example("aep 4.2 start", datasets(limit=2, start=2), 200, Is(lambda found: len(found) == 1), given=(three,)),
    *(Example(f"aep 4.2 limit={text}", datasets(limit=text), status, given=(three,)) for text, status in {"0": 400, "1": 200, "100": 200, "101": 400, "many": 400, "-1": 400}.items()),
    Example("aep 4.2 name", datasets(name="two"), 200, keyed("two"), given=(three,)),
    Example("aep 4.2 tags", datasets(tags="team:two"), 200, keyed("two"), given=(three,)),
    Example("aep 4.2 tags, all of them", datasets(tags="team:t*,all:yes"), 200, keyed("two", "three"), given=(three,)),
    Example("aep 4.2 tags, none", datasets(tags="team:one,all:no"), 200, {}, given=(three,)),
    Example("aep 4.2 properties", datasets(properties="name,schemaRef"), 200, Each({"name": str, "schemaRef": dict}), given=(three,)),
    *(Example(f"aep 4.2 orderBy={text}", datasets(orderBy=text, limit=1), 200, keyed(name), given=(three,)) for text, name in {"asc:created": "one", "desc:created": "three", "name": "one", "desc:name": "two"}.items()),
    Example("aep 4.2 property", datasets(property="name==two"), 200, keyed("two"), given=(three,)),
    Example("aep 4.2 a batch", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"imsOrg": str, "created": int, "createdClient": str, "createdUser": str, "updated": int, "updatedUser": str, "started": int, "completed": int, "externalId": "<batch>", "status": "success", "version": str, "relatedObjects": [{"type": "dataSet", "id": "<dataset>"}], "tags": dict, "metrics": Has({"inputByteSize": int, "inputFileCount": 1, "inputRecordCount": 1, "outputRecordCount": 1, "failedRecordCount": 0, "outputByteSize": int, "outputFileCount": int, "partitionCount": int}), "inputFormat": Has({"format": "json"})})}, given=(LOADED,)),
    Example("aep 4.2 no batch", Call("GET", f"{CATALOG}/batches/01EQ1C48TR4GD4FE7NH2522TCQ"), 404),
    *(Example(f"aep 4.2 batches, {name}={value}", batches(**{name: value}), 200, wanted, given=(LOADED, later(5), batch(externalId="mine", tags={"k": ["v"]}))) for name, value, wanted in (
        ("dataSet", "<dataset>", {"<old>": dict, "<batch>": dict}), ("dataSet", "0123456789abcdef01234567", {}), ("status", "success", {"<old>": dict}), ("status", "loading", {"<batch>": dict}), ("externalId", "mine", {"<batch>": dict}), ("batch", "<old>", {"<old>": dict}),
        ("createdAfter", "1782993601000", {"<batch>": dict}), ("createdBefore", "1782993601000", {"<old>": dict}), ("tags", "k:v", {"<batch>": dict}), ("limit", "1", Is(lambda found: len(found) == 1)), ("property", "status==success", {"<old>": dict}), ("properties", "status", {"<old>": {"status": "success"}, "<batch>": {"status": "loading"}}),
    )),
    *(Example(f"aep 4.2 batches, orderBy={text}", batches(orderBy=text, limit=1), 200, {name: dict}, given=(LOADED, later(5), batch())) for text, name in {"desc:created": "<batch>", "asc:created": "<old>"}.items()),
    Example("aep 4.2 uniques", Call("GET", f"{CATALOG}/batches/uniques/status"), 200, given=(LOADED,)),
    Example("aep 4.2 lastBatches", Call("GET", f"{CATALOG}/lastBatches", {"dataSetId": "<dataset>"}), 200, given=(LOADED,)),
    Example("aep 4.2 files of a view", Call("GET", f"{CATALOG}/dataSets/<dataset>/views/<view>/files"), 200, given=(LOADED, lambda client: client.names.update(view=client.fine(LOOK)[client.names["dataset"]]["viewId"]))),
    Example("aep 4.3 if-match is optional", changed({"description": "d"}), 200, given=(dataset,)),
    Example("aep 4.3 if-match of another state", changed({"description": "d"}, **{"If-Match": "1"}), 412, given=(dataset,)),
    Example("aep 4.3 if-match of this state", changed({"description": "d"}, **{"If-Match": "<updated>"}), 200, given=(dataset, lambda client: client.names.update(updated=str(client.fine(LOOK)[client.names["dataset"]]["updated"])))),
]

IDENTITY = [
    Example("aep 6 namespaces", Call("GET", IDENTITIES), 200, Each(Has({"id": int, "code": str, "name": str, "idType": str, "status": "ACTIVE", "custom": bool, "createTime": int, "updateTime": int}))),
    Example("aep 6 the standard ones are there", Call("GET", IDENTITIES), 200, Has([Has({"code": "ECID", "custom": False}), Has({"code": "Email", "custom": False})])),
    Example("aep 6 a new one is 200", identity(), 200, Has(NAMESPACE)),
    Example("aep 6 no x-sandbox-name, as in the sample", Call("POST", IDENTITIES, json={"name": "Mixpanel", "code": "MIXPANELID", "idType": "Cross_device", "description": "d"}, headers={"x-sandbox-name": None}), 200, Has({"code": "MIXPANELID"})),
    *(Example(f"aep 6 idType {text}", identity(idType=text), 200) for text in ("Cookie", "Cross_device", "Device", "Email", "Mobile", "Non_people", "Phone", "COOKIE", "CROSS_DEVICE")),
    Example("aep 6 an invalid idType", identity(idType="Shoe"), 400, Has({"status": 400, "title": str, "report": Has({"code": "INVALID_REQUEST_PARAMS"}), "description": str})),
    *(Example(f"aep 6 the code {text!r}", identity(code=text), 400) for text in ("MIX_PANEL", "MIX PANEL", "MIX-PANEL", "")),
    *(Example(f"aep 6 no {name}", identity(**{name: ...}), 400) for name in ("name", "code", "idType")),
    Example("aep 6 a code that is taken", identity(), 409, given=(namespace,)),
    Example("aep 6 one namespace", Call("GET", OWN), 200, Has(NAMESPACE), given=(custom,)),
    Example("aep 6 changed", Call("PUT", OWN, json={"name": "New", "code": "MIXPANELID", "idType": "Cross_device", "description": "d"}), 200, Has({"name": "New"}), given=(custom,)),
    Example("aep 6 changed, the answer as in the schema", Call("PUT", OWN, json={"name": "New", "code": "MIXPANELID", "idType": "Cross_device", "description": "d"}), 200, [Has({"name": "New"})], settings={"namespace_put_answer": "array"}, given=(custom,)),
    Example("aep 6 namespaces cannot be deleted", Call("DELETE", OWN), 405, given=(custom,)),
    *(Example(f"aep 6 identityMap with {what}", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"status": status})}, given=(namespace, loaded(row(1, identityMap={"MIXPANELID": [member]})))) for what, member, status in (
        ("an id", {"id": "ann"}, "success"), ("all members", {"id": "ann", "authenticatedState": "authenticated", "primary": True}, "success"), ("another state", {"id": "ann", "authenticatedState": "known"}, "failed"), ("a text for primary", {"id": "ann", "primary": "yes"}, "failed"),
    )),
]
# fmt: on
