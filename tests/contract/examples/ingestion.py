"""The Batch Ingestion API: batches, files and actions (sections 5.1 to 5.5)."""

from __future__ import annotations

from typing import Any

from tests.contract.aep_calls import (
    BYTES,
    CATALOG,
    FILES,
    IMPORT,
    NEW_BATCH,
    act,
    batch,
    dataset,
    later,
    loaded,
    put,
    row,
    sent,
)
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Example, Has, Is, Text

ULID = Text("^[0-9A-HJKMNP-TV-Z]{26}$")


def new(**changes: Any) -> Call:
    """A new batch; a member that is ``...`` is left out."""
    body = {name: value for name, value in (NEW_BATCH | changes).items() if value is not ...}
    return Call("POST", f"{IMPORT}/batches", json=body)


def large(action: str, name: str = "large.json") -> Call:
    return Call("POST", f"{FILES}/{name}", {"action": action})


def chunk(first: int, last: int, name: str = "large.json") -> Call:
    data = b"x" * (last - first + 1)
    return Call(
        "PATCH", f"{FILES}/{name}", data=data, headers={**BYTES, "Content-Range": f"bytes {first}-{last}"}
    )


def status_is(status: str, which: str = "<batch>") -> tuple[Call, int, Any]:
    return Call("GET", f"{CATALOG}/batches/{which}"), 200, {which: Has({"status": status})}


def long_id(client: DocumentedClient) -> None:
    client.names["long"] = "x" * 2001


def ended(client: DocumentedClient) -> None:
    sandbox: Any = client.sandbox
    sandbox.ended(client.names["batch"])


B = batch()
# A row is a line.
# fmt: off
CREATE = [
    Example("aep 5.1 a new batch", new(), 201, Has({"id": ULID, "imsOrg": "DEMO0000@AdobeOrg", "updated": int, "status": "loading", "created": int, "relatedObjects": [{"type": "dataSet", "id": "<dataset>"}], "version": "1.0.0", "tags": dict, "createdUser": str, "updatedUser": str}), given=(dataset,)),
    Example("aep 5.1 replay is shown", new(replay={"predecessors": ["<batch>"], "reason": "replace"}), 201, Has({"replay": Has({"predecessors": list, "reason": "replace"})}), given=(loaded(row()),)),
    Example("aep 5.1 diagnostics and partial ingestion", new(enableErrorDiagnostics=True, partialIngestionPercent=5), 201, Has({"status": "loading"}), given=(dataset,)),
    Example("aep 5.1 they surface as tags in Catalog", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"tags": Has({"acp_enableErrorDiagnostics": True, "acp_partialIngestionPercent": 5})})}, given=(batch(enableErrorDiagnostics=True, partialIngestionPercent=5),)),
    Example("aep 5.1 own tags", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"tags": Has({"mixpanel/day": ["2024-05-01"]})})}, given=(batch(tags={"mixpanel/day": ["2024-05-01"]}),)),
    *(Example(f"aep 5.1 format {text}", new(inputFormat={"format": text}), 201, given=(dataset,)) for text in ("json", "parquet", "csv", "JSON", "Parquet", "CSV")),
    Example("aep 5.1 an invalid format", new(inputFormat={"format": "xml"}), 400, given=(dataset,)),
    Example("aep 5.1 no datasetId", new(datasetId=...), 400, given=(dataset,)),
    Example("aep 5.1 no inputFormat", new(inputFormat=...), 400, given=(dataset,)),
    Example("aep 5.1 [I] a dataset that is not there", new(datasetId="0123456789abcdef01234567"), 404),
    Example("aep 5.1 malformed", Call("POST", f"{IMPORT}/batches", data=b"{", headers={"Content-Type": "application/json"}), 400),
    Example("aep 5.1 externalId is searchable", Call("GET", f"{CATALOG}/batches", {"externalId": "day-1"}), 200, {"<batch>": Has({"externalId": "day-1"})}, given=(batch(externalId="day-1"),)),
    Example("aep 5.1 externalId is the id by default", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"externalId": "<batch>"})}, given=(B,)),
    Example("aep 5.1 414 for more than 2000 characters", Call("POST", f"{IMPORT}/batches/<long>", {"action": "COMPLETE"}), 414, given=(long_id,)),
]

UPLOAD = [
    Example("aep 5.2 a file is created", put(b"{}\n"), 201, b"", given=(B,)),
    Example("aep 5.2 a file is replaced", put(b"{}\n"), 200, b"", given=(B, sent(put(b"{}\n")))),
    Example("aep 5.2 a file in directories", put(b"{}\n", "part1=a/part2=b/x.json"), 201, given=(B,)),
    Example("aep 5.2 another content type", Call("PUT", f"{FILES}/a.json", data=b"{}", headers={"Content-Type": "application/json"}), 415, given=(B,)),
    Example("aep 5.2 a form is not taken", Call("PUT", f"{FILES}/a.json", data=b"x", headers={"Content-Type": "multipart/form-data; boundary=b"}), 415, given=(B,)),
    Example("aep 5.2 a batch that is not there", Call("PUT", f"{IMPORT}/batches/01EQ1C48TR4GD4FE7NH2522TCQ/datasets/<dataset>/files/a.json", data=b"x", headers=BYTES), 404, given=(B,)),
    Example("aep 5.2 another dataset", Call("PUT", f"{IMPORT}/batches/<batch>/datasets/0123456789abcdef01234567/files/a.json", data=b"x", headers=BYTES), 404, given=(B,)),
    Example("aep 5.2 a file as large as may be", put(b"x" * 100), 201, settings={"small_file_bytes": 100}, given=(B,)),
    Example("aep 5.2 a file that is too large [I]", put(b"x" * 101), 413, settings={"small_file_bytes": 100}, given=(B,)),
    Example("aep 5.2 a large file is begun", large("INITIALIZE"), 201, given=(B,)),
    Example("aep 5.2 a large file is begun, lower case", large("initialize"), 201, given=(B,)),
    Example("aep 5.2 a chunk", chunk(0, 9), 200, given=(B, sent(large("INITIALIZE")))),
    Example("aep 5.2 a chunk of a file that was not begun", chunk(0, 9), 404, given=(B,)),
    Example("aep 5.2 [I] a chunk without Content-Range", Call("PATCH", f"{FILES}/large.json", data=b"x", headers=BYTES), 400, given=(B, sent(large("INITIALIZE")))),
    Example("aep 5.2 HEAD shows what was received", Call("HEAD", f"{FILES}/large.json"), 200, headers={"Range": Text("0-9")}, given=(B, sent(large("INITIALIZE"), chunk(0, 9)))),
    Example("aep 5.2 HEAD of no file", Call("HEAD", f"{FILES}/none.json"), 404, given=(B,)),
    *(Example(f"aep 5.2 {what}", large(action), status, body, given=(B, sent(large("INITIALIZE"), *chunks))) for what, action, status, body, chunks in (
        ("a large file is complete", "COMPLETE", 201, Has({"name": Text("large.json$"), "sizeInBytes": 20}), (chunk(0, 9), chunk(10, 19))),
        ("a large file is complete, lower case, chunks in any order", "complete", 201, Has({"sizeInBytes": 20}), (chunk(10, 19), chunk(0, 9))),
        ("a gap is found at the end", "COMPLETE", 400, None, (chunk(0, 9), chunk(11, 19))),
        ("an overlap is found at the end", "COMPLETE", 400, None, (chunk(0, 9), chunk(9, 19))),
        ("a missing beginning is found at the end", "COMPLETE", 400, None, (chunk(1, 9),)),
    )),
    Example("aep 5.2 preview of a batch", Call("GET", f"{IMPORT}/batches/<batch>/datasets/<dataset>/preview", {"format": "json", "nrow": "1"}), 200, given=(B, sent(put(b'{"_id":"1"}\n{"_id":"2"}\n')))),
]

ACTIONS = [
    *(Example(f"aep 5.3 {action}", act(action), 200, b"", given=(B, sent(put(b"{}\n")))) for action in ("COMPLETE", "ABORT", "FAIL", "complete", "abort")),
    Example("aep 5.3 COMPLETE again", act("COMPLETE"), 200, b"", given=(loaded(row()),)),
    Example("aep 5.3 COMPLETE of a batch that is not there", act("COMPLETE", "01EQ1C48TR4GD4FE7NH2522TCQ"), 404),
    Example("aep 5.3 an invalid action", act("FINISH"), 400, given=(B,)),
    Example("aep 5.3 no action", Call("POST", f"{IMPORT}/batches/<batch>"), 400, given=(B,)),
    Example("aep 5.3 COMPLETE is accepted, not active", *status_is("loaded"), settings={"batch_seconds": 60}, given=(loaded(row()),)),
    Example("aep 5.3 after ABORT", *status_is("aborted"), given=(B, sent(act("ABORT")))),
    Example("aep 5.3 after FAIL", *status_is("failed"), given=(B, sent(act("FAIL")))),
    Example("aep 5.3 ABORT once loaded [I]", act("ABORT"), 400, settings={"batch_seconds": 60}, given=(loaded(row()),)),
    Example("aep 5.3 REVERT", act("REVERT"), 200, b"", given=(loaded(row()),)),
    Example("aep 5.3 after REVERT", *status_is("inactive"), given=(loaded(row()), sent(act("REVERT")))),
    Example("aep 5.3 after REVERT, in the end", *status_is("deleted"), given=(loaded(row()), sent(act("REVERT")), later(86401))),
    Example("aep 5.3 a reverted batch's rows are gone", Call("GET", "/data/foundation/export/datasets/<dataset>/preview"), 200, Is(lambda found: not found.get("data", found) if isinstance(found, dict) else not found), given=(loaded(row()), sent(act("REVERT")))),
    Example("aep 5.3 no file into a complete batch [I]", put(b"{}"), 400, given=(loaded(row()),)),
    Example("aep 5.4 at first", *status_is("loading"), given=(B,)),
    Example("aep 5.4 success at the end", *status_is("success"), given=(loaded(row()),)),
    Example("aep 5.4 active is a synonym", *status_is("active"), settings={"active_status": "active"}, given=(loaded(row()),)),
    Example("aep 5.4 abandoned if not completed in time [I]", *status_is("abandoned"), given=(B, later(604801))),
    Example("aep 5.4 61 s after COMPLETE", *status_is("success"), settings={"batch_seconds": 60}, given=(loaded(row()), later(61), ended)),
    *(Example(f"aep 5.4 {seconds} s after COMPLETE", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"status": Is(lambda found, among=among: found in among)})}, settings={"batch_seconds": 60}, given=(loaded(row()), later(seconds))) for seconds, among in {1: ("loaded",), 30: ("loaded", "staging", "processing", "staged"), 59: ("staging", "processing", "staged")}.items()),
]

REPLAY = [
    *(Example(f"aep 5.5 the predecessor {form} is replaced", *status_is("inactive", "<old>"), given=(loaded(row()), loaded(row(2), replay={"predecessors": [form], "reason": "replace"}))) for form in ("<batch>", "$<batch>", "${<batch>}")),
    Example("aep 5.5 by externalId", *status_is("inactive", "<old>"), given=(loaded(row(), externalId="day-1"), loaded(row(2), replay={"predecessorsByExternalId": ["day-1"], "reason": "replace"}))),
    Example("aep 5.5 the new rows are there", Call("GET", "/_sandbox/aep/active?org=DEMO0000@AdobeOrg&sandbox=prod&dataset=<dataset>"), 200, Text('"2"'), given=(loaded(row()), loaded(row(2), replay={"predecessors": ["<batch>"], "reason": "replace"}))),
    Example("aep 5.5 the old ones are not replaced by a batch that failed", *status_is("success", "<old>"), given=(loaded(row()), loaded(row(2, plan="gold"), replay={"predecessors": ["<batch>"], "reason": "replace"}))),
    Example("aep 5.5 Catalog shows ids without the prefix", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"replay": Has({"predecessors": ["<old>"]})})}, given=(loaded(row()), loaded(row(2), replay={"predecessors": ["$<batch>"], "reason": "replace"}))),
]
# fmt: on
