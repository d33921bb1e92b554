"""The Schema Registry: resources, Accept headers, errors, evolution, descriptors (sections 3.1 to 3.13)."""

from __future__ import annotations

from typing import Any

from tests.contract.aep_calls import loaded, row, sent
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Text

BASE = "/data/foundation/schemaregistry"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
TENANT = "_acmesandbox"
RAW, FULL = ({"Accept": f"application/vnd.adobe.{kind}+json; version=1"} for kind in ("xed", "xed-full"))
LIST, LIST_FULL = (
    {"Accept": "application/vnd.adobe.xed-id+json"},
    {"Accept": "application/vnd.adobe.xed+json"},
)
AT = f"/definitions/customFields/properties/{TENANT}/properties"


def group(title: str = "Mixpanel event", root: str = TENANT, **more: Any) -> dict[str, Any]:
    fields = {
        root: {"type": "object", "properties": {"distinctId": {"type": "string", "title": "Distinct Id"}}}
    }
    return {
        "title": title, "description": "Events", "type": "object", "meta:intendedToExtend": [EVENT],
        "definitions": {"customFields": {"type": "object", "properties": fields}},
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}], **more,
    }  # fmt: skip


def schema(title: str = "Mixpanel Events", *refs: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": "Events",
        "type": "object",
        "allOf": [{"$ref": each} for each in (EVENT, *refs)],
    }


def post(kind: str, body: Any) -> Call:
    return Call("POST", f"{BASE}/tenant/{kind}", json=body)


def get(path: str, headers: dict[str, Any] | None = None, **query: Any) -> Call:
    return Call("GET", f"{BASE}/{path}", query, headers={"Accept": None} if headers is None else headers)


def patch(path: str, op: str, at: str, *value: Any) -> Call:
    change = {"op": op, "path": at} | ({"value": value[0]} if value else {})
    return Call("PATCH", f"{BASE}/tenant/{path}", json=[change])


def made(client: DocumentedClient) -> None:
    """A field group and a schema with it: ``group``, ``schema``, their ``meta:altId`` as ``group_alt``, ``schema_alt``."""
    first = client.fine(post("fieldgroups", group()))
    second = client.fine(post("schemas", schema("Mixpanel Events", first["$id"])))
    client.names |= {"group": first["$id"], "group_alt": first["meta:altId"]}
    client.names |= {"schema": second["$id"], "schema_alt": second["meta:altId"]}


def used(client: DocumentedClient) -> None:
    """Create the same with a dataset that contains a row."""
    made(client)
    sandbox: Any = client.sandbox
    client.names["dataset"] = sandbox.add_dataset(schema=client.names["schema"])
    loaded(row(1))(client)


def identity(field: str = f"/{TENANT}/distinctId", primary: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "<schema>", "xdm:sourceVersion": 1,
        "xdm:sourceProperty": field, "xdm:namespace": "MIXPANELID", "xdm:property": "xdm:code", "xdm:isPrimary": primary, **more,
    }  # fmt: skip


def namespace(client: DocumentedClient) -> None:
    sandbox: Any = client.sandbox
    sandbox.add_namespace("MIXPANELID")


def described(client: DocumentedClient) -> None:
    namespace(client)
    made(client)
    client.names["descriptor"] = client.fine(post("descriptors", identity()))["@id"]


PROFILE = sent(patch("schemas/<schema>", "add", "/meta:immutableTags", ["union"]))
META = {"version": "1.0", "imsOrg": "DEMO0000@AdobeOrg", "meta:extensible": bool, "meta:abstract": bool, "meta:xdmType": "object", "meta:containerId": "tenant", "meta:tenantNamespace": TENANT, "meta:sandboxId": str, "meta:sandboxType": str, "meta:registryMetadata": Has({"repo:createdDate": int, "repo:lastModifiedDate": int, "xdm:createdClientId": str, "xdm:createdUserId": str, "eTag": str, "meta:globalLibVersion": str})}  # fmt: skip
MADE_GROUP = Has({"$id": Text(r"^https://ns\.adobe\.com/acmesandbox/mixins/[0-9a-f]+$"), "meta:altId": Text(r"^_acmesandbox\.mixins\.[0-9a-f]+$"), "meta:resourceType": "mixins", "title": "Mixpanel event", **META})  # fmt: skip
MADE_SCHEMA = Has({"$id": Text(r"^https://ns\.adobe\.com/acmesandbox/schemas/[0-9a-f]+$"), "meta:altId": Text(r"^_acmesandbox\.schemas\.[0-9a-f]+$"), "meta:class": EVENT, "meta:extends": Has([EVENT]), **META})  # fmt: skip


def problem(status: int, title: str, detail: str) -> Has:
    return Has({"type": "/placeholder/type/uri", "status": status, "title": title, "detail": Text(detail)})


def field(definition: dict[str, Any], name: str = "x") -> Call:
    """Add a field to the field group."""
    return patch("fieldgroups/<group>", "add", f"{AT}/{name}", definition)


TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "string": ({"type": "string", "pattern": "a", "minLength": 1, "maxLength": 9}, "string"),
    "uri": ({"type": "string", "format": "uri"}, "string"),
    "enum": ({"type": "string", "enum": ["a"], "meta:enum": {"a": "A"}, "default": "a"}, "string"),
    "double": ({"type": "number"}, "number"),
    "long": ({"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992}, "long"),
    "integer": ({"type": "integer", "minimum": -2147483648, "maximum": 2147483648}, "int"),
    "plain integer": ({"type": "integer"}, "int"),
    "short": ({"type": "integer", "minimum": -32768, "maximum": 32768}, "short"),
    "byte": ({"type": "integer", "minimum": -128, "maximum": 128}, "byte"),
    "boolean": ({"type": "boolean", "default": False}, "boolean"),
    "date": ({"type": "string", "format": "date"}, "date"),
    "date-time": ({"type": "string", "format": "date-time"}, "date-time"),
    "array": ({"type": "array", "items": {"type": "string"}}, "array"),
    "object": ({"type": "object", "properties": {"a": {"type": "string"}}}, "object"),
    "map": ({"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string"}}, "map"),
}
# A row is a line.
# fmt: off
RESOURCES = [
    *(Example(f"aep 3.1 list of {where}/{kind}", get(f"{where}/{kind}", LIST), 200, Has({"results": list, "_page": dict, "_links": dict})) for where in ("tenant", "global") for kind in ("schemas", "fieldgroups", "classes", "datatypes", "mixins")),
    Example("aep 3.1 behaviors", get("global/behaviors", LIST), 200, Has({"results": Each(Has({"$id": str}))})),
    Example("aep 3.1 unions", get("tenant/unions", LIST), 200, Has({"results": list})),
    Example("aep 3.1 a union", get("tenant/unions/_xdm.context.experienceevent__union", FULL), 200, Has({"properties": dict}), given=(described, PROFILE)),
    Example("aep 3.1 no writes under global", Call("POST", f"{BASE}/global/schemas", json=schema()), 405),
    *(Example(f"aep 3.1 lookup by {name}", get(f"tenant/schemas/<{name}>", RAW), 200, Has({"$id": "<schema>"}), given=(made,)) for name in ("schema", "schema_alt")),
    Example("aep 3.1 delete", Call("DELETE", f"{BASE}/tenant/schemas/<schema>"), 204, b"", given=(made,)),
    Example("aep 3.1 after delete", get("tenant/schemas/<schema>", RAW), 404, given=(made, sent(Call("DELETE", f"{BASE}/tenant/schemas/<schema>")))),
    Example("aep 3.1 replace", Call("PUT", f"{BASE}/tenant/fieldgroups/<group>", json=group("Other")), 200, Has({"title": "Other", "$id": "<group>"}), given=(made,)),
    Example("aep 3.1 export", get("rpc/export/<schema>"), 200, Each(Has({"$id": str})), given=(made,)),
    Example("aep 3.1 audit log", get("rpc/auditlog/<schema>"), 200, Each(dict), given=(made, sent(patch("schemas/<schema>", "replace", "/title", "New")))),
    *(Example(f"aep 3.2 stats, path {path}", get(path), 200, Has({"imsOrg": "DEMO0000@AdobeOrg", "tenantId": "acmesandbox", "counts": Has({"schemas": 1, "mixins": 1, "datatypes": 0, "classes": 0, "unions": int}), "recentlyCreatedResources": list, "recentlyUpdatedResources": list, "classUsage": dict}), given=(made,)) for path in ("stats", "stats/")),
    Example("aep 3.3 a list of summaries", get("tenant/schemas", LIST), 200, Has({"results": [{"title": "Mixpanel Events", "$id": "<schema>", "meta:altId": "<schema_alt>", "version": "1.0"}]}), given=(made,)),
    Example("aep 3.3 a list in full", get("tenant/schemas", LIST_FULL), 200, Has({"results": [Has({"$id": "<schema>", "allOf": list})]}), given=(made,)),
    *(Example(f"aep 3.3 {standard}{kind}", get("tenant/schemas/<schema>", {"Accept": f"application/vnd.adobe.{standard}{kind}+json; version=1"}), 200, Has({"$id": "<schema>", member: Is(bool)}), given=(made,)) for standard in ("xed", "xdm") for kind, member in {"": "allOf", "-full": "properties", "-notext": "allOf", "-full-notext": "properties", "-full-desc": "properties", "-deprecatefield": "properties"}.items() if standard == "xed" or not kind.startswith("-d")),
    *(Example(f"aep 3.3 Accept {text}", get("tenant/schemas/<schema>", {"Accept": text}), 200, given=(made,)) for text in ("application/vnd.adobe.xed-full+json;version=1", "application/vnd.adobe.xed-full+json;  version=1", "application/vnd.adobe.xed-full+json ; version=1")),
    Example("aep 3.3 full without text", get("tenant/schemas/<schema>", {"Accept": "application/vnd.adobe.xed-full-notext+json; version=1"}), 200, Has({"properties": Has({TENANT: Has({"properties": {"distinctId": Is(lambda found: "title" not in found)}})})}), given=(made,)),
    Example("aep 3.3 full with descriptors", get("tenant/schemas/<schema>", {"Accept": "application/vnd.adobe.xed-full-desc+json; version=1"}), 200, Has({"meta:descriptors": Each(Has({"@type": "xdm:descriptorIdentity"}))}), given=(described,)),
    Example("aep 3.3 orderby", get("tenant/schemas", LIST, orderby="-title"), 200, Has({"results": [Has({"title": "Z"}), Has({"title": "Mixpanel Events"})]}), given=(made, sent(post("schemas", schema("Z"))))),
    Example("aep 3.3 limit and start", get("tenant/schemas", LIST, orderby="title", limit=1), 200, Has({"results": [Has({"title": "Mixpanel Events"})], "_page": Has({"orderby": "title", "count": 1, "next": str})}), given=(made, sent(post("schemas", schema("Z"))))),
    Example("aep 3.3 property=title==", get("tenant/schemas", LIST, property="title==Z"), 200, Has({"results": [Has({"title": "Z"})]}), given=(made, sent(post("schemas", schema("Z"))))),
    Example("aep 3.3 property=title!=", get("tenant/schemas", LIST, property="title!=Z"), 200, Has({"results": [Has({"title": "Mixpanel Events"})]}), given=(made, sent(post("schemas", schema("Z"))))),
    Example("aep 3.3 property=title~", get("tenant/schemas", LIST, property="title~^M"), 200, Has({"results": [Has({"title": "Mixpanel Events"})]}), given=(made, sent(post("schemas", schema("Z"))))),
    Example("aep 3.3 property exists", get("tenant/fieldgroups", LIST, property="meta:intendedToExtend"), 200, Has({"results": Each(dict)}), given=(made,)),
    Example("aep 3.3 property of a class", get("tenant/fieldgroups", LIST, property=f"meta:intendedToExtend=={EVENT}"), 200, Has({"results": [Has({"$id": "<group>"})]}), given=(made,)),
    Example("aep 3.3 no Accept for a list of descriptors in the -id form", get("tenant/descriptors", {"Accept": "application/vnd.adobe.xdm-id+json"}), 200, Has({"xdm:descriptorIdentity": Each(str)}), given=(described,)),
    Example("aep 3.3 paging without orderby is refused", get("tenant/schemas", LIST, limit=1), 400, settings={"paging_without_orderby": "refused"}),
    Example("aep 3.3 paging without orderby is allowed", get("tenant/schemas", LIST, limit=1), 200),
    Example("aep 3.4 404", get("tenant/schemas/https%3A%2F%2Fns.adobe.com%2Facmesandbox%2Fschemas%2Fnone", RAW), 404, problem(404, "NotFoundError", "^Object https://ns.adobe.com/acmesandbox/schemas/none with version 1 not found")),
    Example("aep 3.4 406 without Accept", get("tenant/schemas/<schema>", {"Accept": ""}), 406, problem(406, "NotAcceptableError", "^Accept header parameter is required"), given=(made,)),
    Example("aep 3.4 406 for an unknown Accept", get("tenant/schemas/<schema>", {"Accept": "application/json"}), 406, problem(406, "NotAcceptableError", "^Unknown Accept media supplied: application/json"), given=(made,)),
    Example("aep 3.4 400 without a version", get("tenant/schemas/<schema>", {"Accept": "application/vnd.adobe.xed+json"}), 400, problem(400, "BadRequestError", "version must be supplied in the accept header"), given=(made,)),
    Example("aep 3.4 titles are unique", post("schemas", schema()), 400, problem(400, "BadRequestError", r"^Title must be unique\. An object .* already exists with the same title"), given=(made,)),
    Example("aep 3.4 titles are unique across types", post("schemas", schema("Mixpanel event")), 400, problem(400, "BadRequestError", "^Title must be unique"), given=(made,)),
    Example("aep 3.4 titles are unique in a type", post("schemas", schema("Mixpanel event")), 201, settings={"unique_titles": "type"}, given=(made,)),
    Example("aep 3.4 fields are under the tenant", post("fieldgroups", group(root="loyalty")), 400, problem(400, "BadRequestError", f"^For custom fields, you must use a top level field named {TENANT}")),
]

CHANGES = [
    Example("aep 3.5 a field group", post("fieldgroups", group()), 201, MADE_GROUP),
    Example("aep 3.5 with a trailing slash", post("fieldgroups/", group()), 201, MADE_GROUP),
    Example("aep 3.5 a field is added", field({"type": "string"}), 200, Has({"version": "1.1", "definitions": Has({"customFields": Has({"properties": Has({TENANT: Has({"properties": Has({"x": Has({"type": "string", "meta:xdmType": "string"})})})})})})}), given=(made,)),
    Example("aep 3.6 a schema", post("schemas", schema()), 201, MADE_SCHEMA),
    Example("aep 3.6 a schema with a field group", post("schemas", schema("S", "<group>")), 201, Has({"meta:extends": Has([EVENT, "<group>"])}), given=(made,)),
    Example("aep 3.6 no allOf", post("schemas", {"title": "S", "type": "object"}), 400),
    Example("aep 3.6 no class", post("schemas", {"title": "S", "type": "object", "allOf": [{"$ref": "<group>"}]}), 400, given=(made,)),
    Example("aep 3.6 two classes", post("schemas", schema("S", "https://ns.adobe.com/xdm/context/profile")), 400),
    Example("aep 3.6 a field group is added", patch("schemas/<schema>", "add", "/allOf/-", {"$ref": "<other>"}), 200, Has({"version": "1.1", "meta:extends": Has(["<other>"])}), given=(made, lambda client: client.names.update(other=client.fine(post("fieldgroups", group("Other")))["$id"]))),
    Example("aep 3.6 Profile", patch("schemas/<schema>", "add", "/meta:immutableTags", ["union"]), 200, Has({"meta:immutableTags": ["union"]}), given=(described,)),
    Example("aep 3.6 Profile needs a primary identity", patch("schemas/<schema>", "add", "/meta:immutableTags", ["union"]), 400, given=(made,)),
    Example("aep 3.6 Profile is irreversible", patch("schemas/<schema>", "remove", "/meta:immutableTags"), 400, given=(described, PROFILE)),
    Example("aep 3.7 a resolved schema", get("tenant/schemas/<schema>", FULL), 200, Has({"$id": "<schema>", "type": "object", "meta:xdmType": "object", "meta:class": EVENT, "required": Has(["_id", "timestamp"]), "meta:containerId": "tenant", "meta:tenantNamespace": TENANT, "meta:registryMetadata": dict, "properties": Has({
        "_id": Has({"type": "string", "format": "uri-reference", "meta:xdmField": "@id", "meta:xdmType": "string"}), "timestamp": Has({"type": "string", "format": "date-time", "meta:xdmField": "xdm:timestamp", "meta:xdmType": "date-time"}), "eventType": Has({"type": "string", "meta:enum": dict, "meta:xdmField": "xdm:eventType"}),
        "identityMap": Has({"type": "object", "meta:xdmType": "map", "additionalProperties": Has({"type": "array", "items": Has({"properties": Has({"id": Has({"type": "string"}), "authenticatedState": Has({"enum": ["ambiguous", "authenticated", "loggedOut"]}), "primary": Has({"type": "boolean"})})})})}),
        TENANT: Has({"type": "object", "meta:xdmType": "object", "properties": Has({"distinctId": Has({"type": "string"})})}), "producedBy": Has({"type": "string"}), "eventMergeId": Has({"type": "string"})})}), given=(made,)),
    *(Example(f"aep 3.8 {name}", field(definition), 200, Has({"definitions": Has({"customFields": Has({"properties": Has({TENANT: Has({"properties": Has({"x": Has({**definition, "meta:xdmType": xdm} if name not in ("object", "array", "map") else {"meta:xdmType": xdm})})})})})})}), given=(made,)) for name, (definition, xdm) in TYPES.items()),
    Example("aep 3.8 a map of integers", field({"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "integer"}}), 200, given=(made,)),
    Example("aep 3.8 a map of objects", field({"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "object"}}), 400, given=(made,)),
    Example("aep 3.8 a map with properties", field({**TYPES["map"][0], "properties": {"a": {"type": "string"}}}), 400, given=(made,)),
    Example("aep 3.8 no custom maps, by the older page", field(TYPES["map"][0]), 400, settings={"custom_maps": "refused"}, given=(made,)),
    *(Example(f"aep 3.9 the name {name}", field({"type": "string"}, name), status, given=(made,)) for name, status in {"camelCase": 200, "with-dash": 200, "with_underscore": 200, "_first": 400, "a.b": 400, "$insert_id": 400, "My Property": 400}.items()),
    Example("aep 3.10 timestamp must be in the past", Call("GET", "/data/foundation/catalog/batches/<batch>"), 200, {"<batch>": Has({"status": "failed"})}, given=(loaded(row(1, timestamp="2026-07-03T12:00:00Z")),)),
    Example("aep 3.10 timestamp in the future is accepted [I]", Call("GET", "/data/foundation/catalog/batches/<batch>"), 200, {"<batch>": Has({"status": "success"})}, settings={"future_timestamps": "accepted"}, given=(loaded(row(1, timestamp="2026-07-03T12:00:00Z")),)),
    Example("aep 3.10 own event types", Call("GET", "/data/foundation/catalog/batches/<batch>"), 200, {"<batch>": Has({"status": "success"})}, given=(loaded(row(1, eventType="mixpanel.purchase")),)),
    Example("aep 3.11 a field is added once there is data", field({"type": "string"}), 200, given=(used,)),
    Example("aep 3.11 a title is changed once there is data", patch("fieldgroups/<group>", "replace", f"{AT}/distinctId/title", "New"), 200, given=(used,)),
    *(Example(f"aep 3.11 {what} once there is data", call, 400, given=(used,)) for what, call in {"a field is removed": patch("fieldgroups/<group>", "remove", f"{AT}/distinctId"), "a type is changed": patch("fieldgroups/<group>", "replace", f"{AT}/distinctId/type", "integer"), "values are restricted": patch("fieldgroups/<group>", "add", f"{AT}/distinctId/enum", ["a"]), "a schema is deleted": Call("DELETE", f"{BASE}/tenant/schemas/<schema>"), "a field group is taken away": patch("schemas/<schema>", "remove", "/allOf/1")}.items()),
    *(Example(f"aep 3.11 {what} before there is any", call, 200, given=(made,)) for what, call in {"a field is removed": patch("fieldgroups/<group>", "remove", f"{AT}/distinctId"), "a type is changed": patch("fieldgroups/<group>", "replace", f"{AT}/distinctId", {"type": "integer"})}.items()),
]

DESCRIPTORS = [
    Example("aep 3.12 an identity", post("descriptors", identity()), 201, Has({"@id": str, "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "<schema>", "xdm:sourceVersion": 1, "xdm:isPrimary": True, "meta:containerId": "tenant"}), given=(namespace, made)),
    *(Example(f"aep 3.12 {what}", post("descriptors", body), 400, given=(namespace, made)) for what, body in {"a property without a slash": identity(f"{TENANT}/distinctId"), "a property with one at the end": identity(f"/{TENANT}/distinctId/"), "a property that is not there": identity(f"/{TENANT}/none"), "properties in the path": identity(f"/properties/{TENANT}/properties/distinctId"), "no type": {k: v for k, v in identity().items() if k != "@type"}, "an unknown type": identity(**{"@type": "xdm:descriptorNone"})}.items()),
    Example("aep 3.12 a second primary identity [I]", post("descriptors", identity(f"/{TENANT}/other")), 400, given=(described, sent(field({"type": "string"}, "other")))),
    Example("aep 3.12 another identity", post("descriptors", identity(f"/{TENANT}/other", False)), 201, given=(described, sent(field({"type": "string"}, "other")))),
    Example("aep 3.12 a descriptor, no Accept needed", get("tenant/descriptors/<descriptor>"), 200, Has({"@id": "<descriptor>"}), given=(described,)),
    Example("aep 3.12 replaced", Call("PUT", f"{BASE}/tenant/descriptors/<descriptor>", json=identity()), 201, Has({"@id": "<descriptor>"}), given=(described,)),
    Example("aep 3.12 deleted", Call("DELETE", f"{BASE}/tenant/descriptors/<descriptor>"), 204, b"", given=(described,)),
    Example("aep 3.12 after deletion", get("tenant/descriptors/<descriptor>"), 404, given=(described, sent(Call("DELETE", f"{BASE}/tenant/descriptors/<descriptor>")))),
    Example("aep 3.12 no PATCH", Call("PATCH", f"{BASE}/tenant/descriptors/<descriptor>", json=[]), 405, given=(described,)),
    Example("aep 3.12 a name for display", post("descriptors", {"@type": "xdm:alternateDisplayInfo", "xdm:sourceSchema": "<schema>", "xdm:sourceVersion": 1, "xdm:sourceProperty": f"/{TENANT}/distinctId", "xdm:title": {"en_us": "Id"}}), 201, given=(made,)),
    Example("aep 3.12 a deprecated field", post("descriptors", {"@type": "xdm:descriptorDeprecated", "xdm:sourceSchema": "<schema>", "xdm:sourceVersion": 1, "xdm:sourceProperty": f"/{TENANT}/distinctId"}), 201, given=(made,)),
    *(Example(f"aep 3.12 list as {kind}", get("tenant/descriptors", {"Accept": f"application/vnd.adobe.{kind}+json"}), 200, Has({"xdm:descriptorIdentity": [wanted]}), given=(described,)) for kind, wanted in {"xdm-id": "<descriptor>", "xdm-link": Text("<descriptor>"), "xdm": Has({"@id": "<descriptor>"})}.items()),
    *(Example(f"aep 3.12 paged list as {kind}", get("tenant/descriptors", {"Accept": f"application/vnd.adobe.{kind}+json"}), 200, Has({"results": list, "_page": Has({"next": None})}), given=(described,)) for kind in ("xdm-v2", "xdm-v2-id", "xdm-v2-link")),
    Example("aep 3.13 sample data", get("rpc/sampledata/<schema>"), 200, Has({"@id": str, "xdm:timestamp": str, TENANT: {"distinctId": str}}), given=(made,)),
]
# fmt: on
