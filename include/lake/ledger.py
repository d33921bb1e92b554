"""The ledger: numbered records of what happened to the batches of a partition. It is also the partition's lock.

Each record is an object that is created once and never changed. A run that has not read the newest record cannot write,
because the number of its next record is already in use. So if a run is paused and another run continues, the paused run
fails at its next write, independent of any clock.
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
"""The newest supported version of a record. Version 2 has no ``refused``; version 1 also has no ``ids``, ``recipe``,
``made_of`` and ``history``."""
_NUMBERED = re.compile(r"/(\d{6,})\.json$")
Kind = Literal["claimed", "created", "completing", "active", "failed", "empty", "gone"]
"""What a record states: a run has ``claimed`` the day, has ``created`` a batch in AEP, or is ``completing`` it; the batch
is ``active``, has ``failed``, or is ``gone`` from AEP; or the day is ``empty``: it has no rows to load."""


class LedgerRecord(BaseModel):
    """One record of a ledger: a step of loading a batch, the batch's result, or its removal.

    Attributes:
        version: the version of the record's format.
        number: the number of the record, from 1.
        kind: what happened.
        run: the id of the run that wrote the record; for a manual record, the person.
        at: the time in ISO 8601.
        content: the digest of the staged rows.
        staged: the digest of the stage step's output.
        batch: the id of the batch in AEP; None if it has no batch yet.
        replaces: the ids of the batches that this batch replaces when it becomes active.
        counts: numbers of rows by name, such as ``refused``.
        note: the reason for a change that a person or AEP made.
        ids: the file with the ``_id``s of the batch; None in records of version 1.
        refused: the file with the ``_id``s of the day's rows that AEP refused and that are in no active batch at the
            time of the record; None if AEP never refused a row of the day.
        recipe: the number of the rule by which the ``_id``s are computed (``include.xdm.events.event_id``).
        made_of: the digests of the filter, the mapping, the schema and the time convention.
        history: the digest of the target; empty in records of version 1.
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
        """Return the fields that describe the batch's rows, to copy them into the next record about the batch."""
        return self.model_dump(include={"content", "staged", "ids", "refused", "recipe", "made_of"})


@dataclass(frozen=True)
class Ledger:
    """The ledger of one day: the records of its batches in one history (target)."""

    lake: Lake
    prefix: str
    """The key of the folder that contains the records."""
    day: date
    history: str = ""
    """The digest of the target; every record contains it."""

    def records(self) -> list[LedgerRecord]:
        """Return all records, oldest first.

        Raises:
            BadManifest: a record is unreadable, is from a newer version, or is missing although a later record exists.
        """
        # Reading until a record is missing would take a gap for the end, so the records are listed.
        found = map(_NUMBERED.search, self.lake.keys(self.prefix))
        newest = max((int(match[1]) for match in found if match), default=0)
        return [self._read_record(number) for number in range(1, newest + 1)]

    def append(self, seen: list[LedgerRecord], kind: Kind, **fields: object) -> list[LedgerRecord]:
        """Write the next record, and return all records including the new one.

        Args:
            seen: all records that the caller has read (:meth:`records`); the new record gets the number after the last.
            kind: what happened.
            fields: the other fields of :class:`LedgerRecord`, without ``number`` and ``history``.

        Raises:
            Conflict: another run has written a record with this number since ``seen`` was read; nothing was changed.
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
                "No data was lost. A retry of this run continues after the other run's record.",
            )
        return [*seen, record]

    def key(self, number: int) -> str:
        """Return the key of the record with this number."""
        return f"{self.prefix}/{number:06d}.json"

    @property
    def _rebuild_hint(self) -> str:
        return (
            f"Move the folder {self.lake.uri(self.prefix)} out of the lake, then run mixpanel-aep recover PIPELINE "
            f"{self.day}, which reads the loads of the day from AEP."
        )

    def _read_record(self, number: int) -> LedgerRecord:
        key = self.key(number)
        body = read_record(self.lake, key)
        if body is None:
            raise BadManifest(
                f"{self.lake.uri(key)} is missing, but a later record exists.", self._rebuild_hint
            )
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
            raise BadManifest(f"{self.lake.uri(key)} is not a readable ledger record.", self._rebuild_hint)
        if any(file is not None and not self._is_ids_key(file.key) for file in (record.ids, record.refused)):
            raise BadManifest(
                f"{self.lake.uri(key)} refers to ids that do not belong to this day's loads.",
                self._rebuild_hint,
            )
        return record

    def _is_ids_key(self, key: str) -> bool:
        """Return whether ``key`` has the form of a file with ``_id``s of this day in this history."""
        return re.fullmatch(rf"_histories/{self.history}/ids/{self.day}/{DIGEST}\.parquet", key) is not None
