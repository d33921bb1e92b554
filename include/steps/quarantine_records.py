"""Read the records of quarantine files: each is a JSON object with an event and the reasons why it was not sent."""

from __future__ import annotations

import json
from collections.abc import Sequence

from include.json_types import JsonMapping, JsonObject
from include.lake.keys import PartitionKey
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, refused_rows
from include.lake.manifest import digest_of
from include.quality.constraints import requirement_text
from include.xdm.events.line_parser import REASONS

DAMAGED = "the record of the quarantine cannot be read"
REFUSED = "AEP refused the row"


def refused_digest(batch_id: str) -> str:
    """Return the digest in the name of the quarantine file for rows that AEP refused from an active batch."""
    return digest_of({"refused_by": batch_id})


def refused_files(partition: PartitionKey, records: Sequence[LedgerRecord]) -> tuple[str, ...]:
    """Return the keys of the quarantine files with rows that AEP refused, by a day's ledger; a file may be missing.

    There is a file for each active batch that lacks some of its rows, unless all these rows are in other active batches
    by now. If AEP refused the newest batch as a whole, there is a file for it, too.
    """
    active = active_records(records) if refused_rows(records) else []
    digests = [refused_digest(str(each.batch)) for each in active if each.counts.get("refused")]
    if records and records[-1].kind == "failed":
        digests.append(records[-1].staged)
    return tuple(partition.quarantine("ingest", digest) for digest in digests)


def read_record(line: bytes) -> JsonObject:
    """Parse one line of a quarantine file; return an empty object if the line is damaged."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def reasons_of(record: JsonMapping) -> tuple[str, ...]:
    """Return at least one sentence for the reasons in a record of a quarantine file.

    No sentence contains a value of the event.
    """
    if not record:
        return (DAMAGED,)
    reasons = record.get("reasons")
    if record.get("step") == "ingest":
        named = [each for each in reasons if isinstance(each, str)] if isinstance(reasons, list) else []
        return tuple(f"{REFUSED}: {each}" for each in named) or (REFUSED,)
    if isinstance(reasons, list) and reasons:
        return tuple(map(_sentence, reasons))
    name = record.get("reason")
    return (REASONS.get(name, name),) if isinstance(name, str) and name else (DAMAGED,)


def _sentence(reason: object) -> str:
    if not isinstance(reason, dict) or "field" not in reason:
        return DAMAGED
    return f"{reason['field']} {requirement_text(str(reason.get('expectation')), reason.get('limit'))}"
