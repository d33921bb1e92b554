"""Data Prep: mapping sets, and the results of their expressions (section 7)."""

from __future__ import annotations

from typing import Any

from tests.contract.aep_calls import dataset
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Text

BASE = "/data/foundation/conversion"
SETS = f"{BASE}/mappingSets"
OUTPUT = {"schemaRef": {"id": "<schema>", "contentType": "application/vnd.adobe.xed-full+json;version=1"}}
ROW = {
    "event": "Buy",
    "time": 1782907200,
    "$insert_id": "i1",
    "n": 3,
    "text": " Ab ",
    "empty": "",
    "none": None,
    "yes": "yes",
    "list": ["a", "b"],
    "inner": {"a": "1"},
    "my prop": "p",
    "a.b": "dotted",
}


def mapping(
    source: str, destination: str = "_acmesandbox.text", kind: str = "EXPRESSION", **more: Any
) -> dict[str, Any]:
    return {
        "sourceType": kind,
        "source": source,
        "destination": destination,
        "name": "n",
        "description": "d",
        **more,
    }


def mapping_set(*mappings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "outputSchema": OUTPUT,
        "mappings": list(mappings or [mapping("event", kind="ATTRIBUTE")]),
        **more,
    }


def preview(*mappings: dict[str, Any]) -> Call:
    return Call("POST", f"{SETS}/preview", json={"data": [ROW], "mappingSet": mapping_set(*mappings)})


def gives(expression: str, value: Any, field: str = "text") -> Example:
    found = [Has({"data": {"_acmesandbox": {field: value}}, "errors": None})]
    name = f"aep 7 {expression} is {value!r}"
    return Example(name, preview(mapping(expression, f"_acmesandbox.{field}")), 200, found, given=(dataset,))


def fails(expression: str) -> Example:
    """The column is null, with a warning; the row is kept."""
    wanted = [
        Has(
            {
                "data": Is(lambda data: not (data or {}).get("_acmesandbox", {}).get("text")),
                "errors": Each(dict),
            }
        )
    ]
    return Example(f"aep 7 {expression} fails", preview(mapping(expression)), 200, wanted, given=(dataset,))


def mapped(client: DocumentedClient) -> None:
    dataset(client)
    client.names["set"] = client.fine(Call("POST", SETS, json=mapping_set()))["id"]


def validated(expression: str) -> Call:
    return Call("POST", f"{BASE}/languages/el/validate", json={"expression": expression})


VALID, INVALID = Has({"validationStatus": "succeeded"}), Has({"validationStatus": "failed"})
MADE = Has(
    {
        "id": Text("^[0-9a-f]{32}$"),
        "version": 0,
        "createdDate": int,
        "modifiedDate": int,
        "createdBy": str,
        "modifiedBy": str,
    }
)
# A row is a line.
# fmt: off
DATAPREP = [
    Example("aep 7 a mapping set is 200", Call("POST", SETS, json=mapping_set()), 200, MADE, given=(dataset,)),
    Example("aep 7 a mapping set, as in the Mixpanel tutorial", Call("POST", SETS, json={"version": 0, "xdmSchema": "<schema>", "xdmVersion": "1.0", "id": None, "mappings": [mapping("data.distinct_id", kind="ATTRIBUTE")]}), 200, MADE, given=(dataset,)),
    Example("aep 7 a mapping set, older members", Call("POST", SETS, json={"version": 0, "xdmSchema": "<schema>", "xdmVersion": "1.0", "mappings": [{"sourceAttribute": "event", "destinationXdmPath": "_acmesandbox.text", "identity": False, "version": 0}]}), 200, given=(dataset,)),
    Example("aep 7 a mapping set of a schema that is not there", Call("POST", SETS, json={"outputSchema": {"schemaRef": {"id": "https://ns.adobe.com/none", "contentType": "application/vnd.adobe.xed-full+json;version=1"}}, "mappings": [mapping("event")]}), 400),
    Example("aep 7 one mapping set", Call("GET", f"{SETS}/<set>"), 200, Has({"id": "<set>", "version": 0, "mappings": Each(Has({"source": "event", "destination": "_acmesandbox.text"}))}), given=(mapped,)),
    Example("aep 7 no mapping set", Call("GET", f"{SETS}/{'0' * 32}"), 404),
    Example("aep 7 replaced", Call("PUT", f"{SETS}/<set>", json=mapping_set(mapping("upper(event)"))), 200, Has({"id": "<set>"}), given=(mapped,)),
    Example("aep 7 mappings of a set", Call("GET", f"{SETS}/<set>/mappings"), 200, Each(Has({"id": str, "destination": "_acmesandbox.text"})), given=(mapped,)),
    Example("aep 7 one mapping", Call("GET", f"{SETS}/<set>/mappings/<mapping>"), 200, Has({"id": "<mapping>"}), given=(mapped, lambda client: client.names.update(mapping=client.fine(Call("GET", f"{SETS}/{client.names['set']}"))["mappings"][0]["id"]))),
    Example("aep 7 a list needs start and limit", Call("GET", SETS), 400, given=(mapped,)),
    Example("aep 7 a list", Call("GET", SETS, {"start": 0, "limit": 10}), 200, Has({"data": Each(Has({"id": "<set>"}))}), given=(mapped,)),
    Example("aep 7 validated", Call("POST", f"{SETS}/validate", json=mapping_set()), 200, Has({"validationResponse": [Has({"status": "SUCCESS", "errors": None})]}), given=(dataset,)),
    Example("aep 7 validated, and wrong", Call("POST", f"{SETS}/validate", json=mapping_set(mapping("upper(", "_acmesandbox.text"))), 200, Has({"validationResponse": [Has({"errors": Each(dict)})]}), given=(dataset,)),
    Example("aep 7 previewed", preview(mapping("event", kind="ATTRIBUTE")), 200, [Has({"data": {"_acmesandbox": {"text": "Buy"}}, "errors": None})], given=(dataset,)),
    Example("aep 7 a text for all rows", preview(mapping("always", kind="STATIC")), 200, [Has({"data": {"_acmesandbox": {"text": "always"}}})], given=(dataset,)),
    Example("aep 7 functions", Call("GET", f"{BASE}/languages/el/functions"), 200, Is(lambda found: "sha256" in str(found))),
    Example("aep 7 operators", Call("GET", f"{BASE}/languages/el/operators"), 200, Is(lambda found: len(found) > 5)),
    Example("aep 7 an expression", validated('concat("a", "b")'), 200, VALID),
    Example("aep 7 an invalid expression", validated("concat("), 200, INVALID),
    Example("aep 7 an expression, the answer as in the specification", validated('concat("a", "b")'), 200, settings={"mapping_expression_answer": "boolean"}),
    Example("aep 7 4096 characters", validated('"' + "x" * 4094 + '"'), 200, VALID),
    Example("aep 7 4097 characters", validated('"' + "x" * 4095 + '"'), 200, INVALID),
    gives("""dformat(time*1000, "yyyy-MM-dd'T'HH:mm:ss.SSSX")""", "2026-07-01T12:00:00.000Z"),
    gives('sha256("a", "UTF-8")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    gives('sha1("a", "UTF-8")', "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    gives('md5("a", "UTF-8")', "0cc175b9c0f1b6a831c399e269772661"),
    gives('crc32("my text", "UTF-8")', "8df92e80"),
    gives("concat(event, $insert_id)", "Buyi1"),
    gives("lower(event)", "buy"),
    gives("upper(event)", "BUY"),
    gives("trim(text)", "Ab"),
    gives("substr(event, 0, 2)", "Bu"),
    gives('join(",", list)', "a,b"),
    gives('coalesce(none, "x")', "x"),
    gives('iif(n > 2, "many", "few")', "many"),
    gives('decode(event, "Buy", "bought", "other")', "bought"),
    gives('split("a b", " ")', ["a", "b"], "list"),
    gives('explode("a,b", ",")', ["a", "b"], "list"),
    gives("to_array(true, event)", ["Buy"], "list"),
    gives('to_map("k", "v")', {"k": "v"}, "map"),
    gives("object_to_map(inner)", {"a": "1"}, "map"),
    gives('to_object("a", event)', {"a": "Buy"}, "inner"),
    gives("""json_to_object("{\\"a\\":\\"b\\"}")""", {"a": "b"}, "inner"),
    gives('to_integer("12")', 12, "count"),
    gives('to_bigint("12345678901")', 12345678901, "long"),
    gives('to_float("1.5")', 1.5, "price"),
    gives("n * 2 + 1", 7, "count"),
    gives("is_empty(list)", False, "flag"),
    gives("contains_key(inner.a)", True, "flag"),
    gives("get_keys(inner)", ["a"], "list"),
    gives("$insert_id", "i1"),
    gives("${my prop}", "p"),
    gives("${a\\\\.b}", "dotted"),
    gives("yes", True, "flag"),
    gives('make_date_time(2026, 7, 1, 12, 0, 0, 0, "UTC")', Text("^2026-07-01T12:00"), "moment"),
    gives('date("2026-07-01 12:00", "yyyy-MM-dd HH:mm")', Text("^2026-07-01T12:00"), "moment"),
    gives('zone_date_to_utc("2019-10-17T11:55:12.000000999-07:00[America/Los_Angeles]")', Text("^2019-10-17T18:55:12.000000999Z")),
    gives("now()", Text("^2026-07-02T12:00"), "moment"),
    gives("timestamp()", 1782993600000, "long"),
    gives("uuid()", Text("^[0-9a-f-]{36}$")),
    fails('to_integer("x")'),
    fails('date("x", "yyyy-MM-dd")'),
]
# fmt: on
