"""The ledger: numbered records of the loads of a partition, each written once. It is also the partition's lock.

A writer that has not seen the newest record cannot write, because its next number is already in use. So a run that was
paused and overtaken fails at its next write, independent of any clock.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from include.errors import BadManifest, Conflict
from include.failpoint import failpoint
from include.lake.lake import Lake
from include.lake.manifest import LakeFile
from include.lake.own_keys import DIGEST
from include.lake.records import create_record, read_record

VERSION = 3
"""Version 2 had no ``refused``; version 1 also no ``ids``, ``recipe``, ``made_of`` and ``history``."""
_NUMBERED = re.compile(r"/(\d{6,})\.json$")
Kind = Literal["claimed", "created", "completing", "active", "failed", "empty", "gone"]


class LedgerRecord(BaseModel):
    """One event in the life of a batch: its creation, its result, or its removal.

    ``content``: the digest of the staged rows. ``staged``: the digest of the stage step's output. ``run``: the run that
    wrote the record.
    ``replaces``: the batches that this batch replaces when it becomes active.
    ``ids``: the file with the ``_id``s of the batch; None in records of version 1.
    ``refused``: the file with the ``_id``s of the day's rows that AEP has refused and that are in no active batch at the
    time of the record; None where no row was ever refused. ``counts`` has the batch's ``refused``.
    ``recipe``: how the ``_id``s are computed (``include.xdm.events.event_id``); version 1 had one recipe only.
    ``made_of``: digests of the filter, the mapping, the schema and the time convention.
    ``history``: the digest of the target; empty in records of version 1.
    ``note``: the reason for a change that a person or AEP made; ``run`` is the person then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    number: int
    kind: Kind
    run: str
    at: str
    content: str
    staged: str
    batch: str | None = None
    replaces: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    note: str = ""
    ids: LakeFile | None = None
    refused: LakeFile | None = None
    recipe: int = 1
    made_of: dict[str, str] = {}
    history: str = ""

    def row_fields(self) -> dict[str, object]:
        """Return the fields that identify the batch's rows; every later record of the batch repeats them."""
        return self.model_dump(include={"content", "staged", "ids", "refused", "recipe", "made_of"})


@dataclass(frozen=True)
class Ledger:
    """The ledger of one day in one history."""

    lake: Lake
    prefix: str
    """The folder of the lake that contains the records."""
    day: date
    history: str = ""
    """The digest of the target, which every record repeats."""

    def records(self) -> list[LedgerRecord]:
        """Return all records, oldest first.

        Raises:
            BadManifest: a record is unreadable, missing, or of a newer version.
        """
        # The records are listed instead of read until one is missing: a gap must not look like the end.
        found = map(_NUMBERED.search, self.lake.keys(self.prefix))
        newest = max((int(match[1]) for match in found if match), default=0)
        return [self._record(number) for number in range(1, newest + 1)]

    def append(self, seen: list[LedgerRecord], kind: Kind, **fields: object) -> list[LedgerRecord]:
        """Write a record with the number after the last one of ``seen``, and return ``seen`` with it.

        ``fields``: the fields of :class:`LedgerRecord`, without ``number``, ``kind`` and ``history``.

        Raises:
            Conflict: another run wrote that record after ``seen`` was read; nothing was changed.
        """
        number = len(seen) + 1
        record = LedgerRecord.model_validate(
            {**fields, "number": number, "kind": kind, "history": self.history}
        )
        key = self.key(record.number)
        body = record.model_dump_json(indent=1).encode()
        failpoint(f"ledger.{kind}.before")
        created = create_record(self.lake, key, body)
        failpoint(f"ledger.{kind}.after")
        if not created and read_record(self.lake, key) != body:
            raise Conflict(
                f"Another run is loading partition {self.day} "
                f"(record {record.number} of its ledger is not this run's).",
                "No data was lost. A retry of this run continues from there.",
            )
        return [*seen, record]

    def key(self, number: int) -> str:
        """Return the key of a record."""
        return f"{self.prefix}/{number:06d}.json"

    @property
    def _rebuild(self) -> str:
        return (
            f"Move the folder {self.lake.uri(self.prefix)} out of the lake, then run mixpanel-aep recover PIPELINE "
            f"{self.day}, which reads the loads of the day from AEP."
        )

    def _record(self, number: int) -> LedgerRecord:
        key = self.key(number)
        body = read_record(self.lake, key)
        if body is None:
            raise BadManifest(f"{self.lake.uri(key)} is missing, but a later record exists.", self._rebuild)
        try:
            data = json.loads(body)
            if isinstance(data, dict) and data.get("version", 0) > VERSION:
                raise BadManifest(
                    f"{self.lake.uri(key)} was written by a newer version of mixpanel-aep.",
                    "Upgrade mixpanel-aep.",
                )
            record = LedgerRecord.model_validate(data)
        except (ValueError, TypeError, ValidationError):
            record = None
        if record is None or record.number != number or record.history != self.history:
            raise BadManifest(f"{self.lake.uri(key)} is not a readable ledger record.", self._rebuild)
        if any(file is not None and not self._holds_ids(file.key) for file in (record.ids, record.refused)):
            raise BadManifest(
                f"{self.lake.uri(key)} refers to ids that do not belong to this day's loads.", self._rebuild
            )
        return record

    def _holds_ids(self, key: str) -> bool:
        return re.fullmatch(rf"_histories/{self.history}/ids/{self.day}/{DIGEST}\.parquet", key) is not None
