"""The ledger: numbered records of what happened to a partition at AEP, each written once. Also its lock.

A writer that has not seen the newest record cannot write: the number it would take is taken. So a run that was
paused and overtaken is fenced out by its own next write, whatever any clock says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import BadManifest, Conflict
from include.lake.keys import PartitionKey
from include.lake.lake import Lake

VERSION = 1
Kind = Literal["claimed", "created", "completing", "active", "failed", "empty"]


class LedgerRecord(BaseModel):
    """One thing that happened. ``content`` is the staged manifest's content digest, ``run`` who did it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    number: int
    kind: Kind
    run: str
    at: str
    content: str
    staged: str
    batch: str | None = None
    counts: dict[str, int] = {}
    note: str = ""


@dataclass(frozen=True)
class Ledger:
    """A partition's records, oldest first."""

    lake: Lake
    partition: PartitionKey

    def records(self) -> list[LedgerRecord]:
        """All records there are.

        Raises:
            BadManifest: a record is unreadable, missing in the row, or of a newer version.
        """
        records: list[LedgerRecord] = []
        while body := self.lake.read(self.partition.ledger(len(records) + 1)):
            records.append(self._parse(len(records) + 1, body))
        return records

    def append(self, seen: list[LedgerRecord], kind: Kind, **fields: Any) -> list[LedgerRecord]:
        """Writes the record after the last one of ``seen``; returns the longer list.

        Raises:
            Conflict: somebody else wrote that record since ``seen`` was read; nothing was changed.
        """
        record = LedgerRecord(number=len(seen) + 1, kind=kind, **fields)
        key = self.partition.ledger(record.number)
        body = record.model_dump_json(indent=1).encode()
        if not self.lake.create(key, body) and self.lake.read(key) != body:
            raise Conflict(
                f"Another run is loading partition {self.partition} of {self.partition.pipeline} "
                f"(record {record.number} of its ledger is not this run's).",
                "Nothing was lost; this run continues from there when it is retried.",
            )
        return [*seen, record]

    def _parse(self, number: int, body: bytes) -> LedgerRecord:
        where = self.lake.uri(self.partition.ledger(number))
        try:
            data = json.loads(body)
            if isinstance(data, dict) and data.get("version", 0) > VERSION:
                raise BadManifest(
                    f"{where} was written by a newer version of mixpanel-aep.", "Upgrade this one."
                )
            return LedgerRecord.model_validate(data)
        except (ValueError, ValidationError):
            raise BadManifest(
                f"{where} is not a readable ledger record.",
                "Compare the partition's batches in AEP with the ledger before anything is run again.",
            ) from None
