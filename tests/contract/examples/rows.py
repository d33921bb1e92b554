"""The outcome of rows, and where their errors are found (sections 5.6 to 5.11, and the row outcomes of 11b)."""

from __future__ import annotations

from typing import Any

from tests.contract.aep_calls import (
    ACCESS,
    CATALOG,
    IMPORT,
    NEW_BATCH,
    act,
    batch,
    dataset,
    loaded,
    put,
    row,
    sent,
)
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Lines, Preparation, Text

SHOW = Call("GET", f"{CATALOG}/batches/<batch>")
FILES_OF = f"{ACCESS}/batches/<batch>/files"
META = f"{ACCESS}/batches/<batch>/meta"
FAILED = f"{ACCESS}/batches/<batch>/failed"


def shown(status: str, **more: Any) -> dict[str, Any]:
    return {"<batch>": Has({"status": status, **more})}


def code(*codes: str) -> Has:
    """Return errors that include these codes."""
    return Has([Has({"code": each}) for each in codes])


def metrics(inputs: int, outputs: int, failed: int) -> Has:
    return Has({"inputRecordCount": inputs, "outputRecordCount": outputs, "failedRecordCount": failed})


def ended(*files: tuple[str, bytes], **more: Any) -> Preparation:
    """Create a batch of these files, and complete it."""

    def prepare(client: DocumentedClient) -> None:
        batch(**more)(client)
        for name, content in files:
            client.fine(put(content, name))
        client.fine(act("COMPLETE"))
        sandbox: Any = client.sandbox
        sandbox.ended(client.names["batch"])

    return prepare


def first(call: Call, *path: str | int, name: str) -> Preparation:
    """Remember a member of a response."""

    def prepare(client: DocumentedClient) -> None:
        found = client.fine(call)
        for step in path:
            found = found[step]
        client.names[name] = str(found)

    return prepare


PARTLY = {"enableErrorDiagnostics": True, "partialIngestionPercent": 70}
MIXED = loaded(row(1), row(2, timestamp=...), "{no json", **PARTLY)
ONE_FILE = first(Call("GET", FILES_OF), "data", 0, "dataSetFileId", name="file")
GOOD: dict[str, Any] = {
    "text": [5, 1.5, "5", "ü"], "count": ["5", 5, 5.0], "long": [9007199254740991, "7"], "price": ["1.5", 3, 1e-7],
    "flag": [True, False], "list": [["a"]], "inner": [{"a": "b"}], "map": [{"a": "b"}], "plan": ["paid"], "code": ["ABC"],
    "day": ["2026-07-01", 1782864000000],
    "moment": [1782907200000, "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.123456789Z", "2026-07-01T12:00:00+02:00", "2026-07-01T12:00:00.5-07:00"],
}  # fmt: skip
BAD: dict[str, Any] = {
    "text": [True, ["a"], {"a": "b"}], "count": ["x", True, [1]], "price": ["x", True], "flag": ["true", 1, "y"], "list": ["a", 1],
    "plan": ["gold", ""], "code": ["abc", "ABCD"], "day": ["yesterday", True], "moment": ["1 July", 1.5, True, "2026-07-01"], "map": ["a", [1]], "inner": ["a", 1],
}  # fmt: skip

# A row is a line.
# fmt: off
ROWS = [
    *(Example(f"aep 5.6 {name} takes {value!r}", SHOW, 200, shown("success", metrics=metrics(1, 1, 0)), given=(loaded(row(1, **{name: value})),)) for name, values in GOOD.items() for value in values),
    *(Example(f"aep 5.6 {name} does not take {value!r}", SHOW, 200, shown("failed"), given=(loaded(row(1, **{name: value})),)) for name, values in BAD.items() for value in values),
    Example("aep 5.6 seconds are taken for milliseconds", Call("GET", "/_sandbox/aep/rows?org=DEMO0000@AdobeOrg&sandbox=prod&limit=9&dataset=<dataset>"), 200, Text("1970-01-21T"), given=(loaded(row(1, timestamp=1782907200)),)),
    *(Example(f"aep 11b {what}", SHOW, 200, shown("failed", errors=code(error)), given=(loaded(line, enableErrorDiagnostics=True),)) for what, line, error in (
        ("no _id", row(1, _id=...), "INGEST-1555-400"), ("no timestamp", row(1, timestamp=...), "INGEST-1555-400"),
        ("_id is null", row(1, _id=None), "INGEST-1555-400"), ("a line that is not JSON", "{no json", "INGEST-1401-400"),
    )),
    *(Example(f"aep 11b {what}, among good ones", SHOW, 200, shown("success", metrics=metrics(2, 1, 1), errors=code("INGEST-1212-400")), given=(loaded(row(1), line, **PARTLY),)) for what, line in {
        "a missing field": row(2, timestamp=...), "no JSON": "{", "a type": row(2, count="x"), "an enum": row(2, plan="gold"), "a pattern": row(2, code="abc"), "a format": row(2, moment="now"),
    }.items()),
    Example("aep 5.8 without partial ingestion one bad row fails the batch", SHOW, 200, shown("failed"), given=(loaded(row(1), row(2, plan="gold")),)),
    Example("aep 5.8 as many bad rows as may be", SHOW, 200, shown("success"), given=(loaded(row(1), row(2, plan="gold"), partialIngestionPercent=50),)),
    Example("aep 5.8 more bad rows than may be", SHOW, 200, shown("failed"), given=(loaded(row(1), row(2, plan="gold"), partialIngestionPercent=49),)),
    Example("aep 5.9 106, an empty file", SHOW, 200, shown("failed", errors=code("106")), given=(ended(("a.json", b"")),)),
    Example("aep 5.9 133, no files", SHOW, 200, shown("failed", errors=code("133")), given=(ended(),)),
    Example("aep 5.9 140, a duplicate [I]", SHOW, 200, shown("failed", errors=code("140")), settings={"duplicates": "refused"}, given=(loaded(row(1)), loaded(row(1)))),
    Example("aep 5.9 INGEST-1211-400 without diagnostics", SHOW, 200, shown("success", errors=code("INGEST-1211-400")), given=(loaded(row(1), row(2, plan="gold"), partialIngestionPercent=50),)),
    Example("aep 5.9 INGEST-1212-400 with diagnostics", SHOW, 200, shown("success", errors=Has([Has({"code": "INGEST-1212-400", "description": Text("Encountered 2 errors in the data. Successfully ingested 1 rows")})])), given=(MIXED,)),
    Example("aep 5.9 recordCount of each error, with diagnostics", SHOW, 200, shown("success", errors=Has([Has({"code": "INGEST-1555-400", "recordCount": 1}), Has({"code": "INGEST-1401-400", "recordCount": 1})])), given=(MIXED,)),
    Example("aep 5.7 failedRecordCount without diagnostics", SHOW, 200, shown("success", metrics=Has({"failedRecordCount": 1})), given=(loaded(row(1), row(2, plan="gold"), partialIngestionPercent=50),)),
    Example("aep 5.11 the lake keeps every row", SHOW, 200, shown("success", metrics=metrics(2, 2, 0)), given=(loaded(row(1), row(1)),)),
    Example("aep 5.11 the lake keeps every batch's rows", Call("GET", "/_sandbox/aep/active?org=DEMO0000@AdobeOrg&sandbox=prod&dataset=<dataset>"), 200, Lines(Is(lambda found: len(found) == 2)), given=(loaded(row(1)), loaded(row(1)))),
    Example("aep 5.12 the data is not seen before success", Call("GET", f"{ACCESS}/datasets/<dataset>/preview"), 200, Is(lambda found: '"1"' not in str(found)), settings={"batch_seconds": 60}, given=(loaded(row(1)),)),
    Example("aep 5.12 metrics only at the end", SHOW, 200, {"<batch>": Is(lambda found: not found.get("metrics", {}).get("outputRecordCount"))}, settings={"batch_seconds": 60}, given=(loaded(row(1)),)),
]

ACCESSED = [
    Example("aep 5.7 files of a batch", Call("GET", FILES_OF), 200, {"data": Each(Has({"dataSetFileId": str, "dataSetViewId": str, "version": str, "created": str, "updated": str, "isValid": bool, "_links": Has({"self": Has({"href": Text("/data/foundation/export/files/")})})})), "_page": {"limit": 100, "count": 1}}, given=(loaded(row(1)),)),
    Example("aep 5.7 files of a batch that is not there", Call("GET", f"{ACCESS}/batches/01EQ1C48TR4GD4FE7NH2522TCQ/files"), 404),
    Example("aep 5.7 a file's parts", Call("GET", f"{ACCESS}/files/<file>"), 200, Has({"data": Each(Has({"name": str, "length": str, "_links": Has({"self": Has({"href": Text(r"\?path=")})})})), "_page": Has({"limit": int, "count": int})}), given=(loaded(row(1)), ONE_FILE)),
    Example("aep 5.7 a file's bytes", Call("GET", f"{ACCESS}/files/<file>", {"path": "<part>"}), 200, given=(loaded(row(1)), ONE_FILE, first(Call("GET", f"{ACCESS}/files/<file>"), "data", 0, "name", name="part"))),
    Example("aep 5.7 a range of a file's bytes", Call("GET", f"{ACCESS}/files/<file>", {"path": "<part>"}, headers={"Range": "bytes=0-3"}), 206, b"PAR1", given=(loaded(row(1)), ONE_FILE, first(Call("GET", f"{ACCESS}/files/<file>"), "data", 0, "name", name="part"))),
    Example("aep 5.7 HEAD of a file", Call("HEAD", f"{ACCESS}/files/<file>", {"path": "<part>"}), 200, headers={"Content-Length": Text(r"^[1-9]\d+$")}, given=(loaded(row(1)), ONE_FILE, first(Call("GET", f"{ACCESS}/files/<file>"), "data", 0, "name", name="part"))),
    Example("aep 5.7 failed files", Call("GET", FAILED), 200, Has({"data": Each(Has({"name": str, "length": str, "_links": dict})), "_page": dict}), given=(MIXED,)),
    Example("aep 5.7 failed rows", Call("GET", FAILED, {"path": "<part>"}), 200, Text('"_validationErrors"|"_errors"'), given=(loaded(row(1), row(2, plan="gold"), **PARTLY), first(Call("GET", FAILED), "data", -1, "name", name="part"))),
    Example("aep 11b failed without a token", Call("GET", FAILED, headers={"Authorization": "Bearer none"}), 401, given=(MIXED,)),
    Example("aep 5.7 row_errors", Call("GET", META, {"path": "row_errors"}), 200, Has({"data": Each(Has({"name": Text(r"^(row_errors/)?(parsing|conversion|validation)_errors_\d+\.json$")}))}), given=(MIXED,)),
    Example("aep 5.7 a file of row_errors", Call("GET", META, {"path": "row_errors/<part>"}), 200, Lines(Each(Has({"_errors": Each(Has({"code": str, "message": str}))}))), given=(loaded(row(1), "{no json", **PARTLY), first(Call("GET", META, {"path": "row_errors"}), "data", 0, "name", name="part"))),
    Example("aep 5.7 a corrupt record is shown", Call("GET", META, {"path": "row_errors/<part>"}), 200, Lines(Each(Has({"_corrupt_record": "{no json", "_filename": Text("rows.json")}))), given=(loaded(row(1), "{no json", **PARTLY), first(Call("GET", META, {"path": "row_errors"}), "data", 0, "name", name="part"))),
    Example("aep 5.7 a path of meta that is not there", Call("GET", META, {"path": "row_errors/none.json"}), 404, given=(MIXED,)),
    Example("aep 5.7 input_files", Call("GET", META, {"path": "input_files"}), 200, given=(MIXED,)),
    Example("aep 5.7 preview of a dataset", Call("GET", f"{ACCESS}/datasets/<dataset>/preview"), 200, given=(loaded(row(1)),)),
    Example("aep 5.10 25,000 files a batch, found at upload [I]", put(b"x", "c.json"), 400, settings={"most_files": 2, "batch_limits": "at upload"}, given=(batch(), sent(put(b"x", "a.json"), put(b"x", "b.json")))),
    Example("aep 5.10 as many files as may be", put(b"x", "b.json"), 201, settings={"most_files": 2}, given=(batch(), sent(put(b"x", "a.json")))),
    Example("aep 5.10 1 TB a batch, found at upload [I]", put(b"xx", "b.json"), 400, settings={"most_batch_bytes": 3, "batch_limits": "at upload"}, given=(batch(), sent(put(b"xx", "a.json")))),
    Example("aep 5.10 1 TB a batch", SHOW, 200, shown("failed"), settings={"most_batch_bytes": 3}, given=(loaded(row(1)),)),
    Example("aep 5.10 20 GB an hour [I: once there are more]", put(b"x", "b.json"), 429, settings={"bytes_per_hour": 3}, given=(batch(), sent(put(b"xxxx", "a.json")))),
    Example("aep 5.10 2,000 batches a minute", Call("POST", f"{IMPORT}/batches", json=NEW_BATCH), 429, settings={"batches_per_minute": 1}, given=(batch(),)),
    Example("aep 5.10 overload by 503", Call("POST", f"{IMPORT}/batches", json=NEW_BATCH), 503, settings={"batches_per_minute": 0, "overload_status": 503}, given=(dataset,)),
    Example("aep 5.10 10,000 fields a row", SHOW, 200, shown("failed"), settings={"most_fields": 3}, given=(loaded(row(1, text="a", count=1)),)),
]
# fmt: on
