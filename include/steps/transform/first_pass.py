"""Run the first pass of a transform: parse blocks of lines, convert the events, and write them to spill files.

There are spill files for each bucket (a time span of the day). Lines that cannot be parsed or converted go to
quarantine.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from include.json_types import JsonObject
from include.mixpanel.raw_blocks import Block, open_gzip
from include.steps.transform.job import Job
from include.steps.transform.name_counter import NameCounter
from include.steps.transform.spill import SpillWriter, record_batch, spill_schema
from include.xdm.convert.column_builder import ColumnBuilder
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_parser import ParsedEvent
from include.xdm.events.event_rows import EventRows, EvidenceLog
from include.xdm.events.line_parser import RejectedEvent, quarantine_record

if TYPE_CHECKING:
    import pyarrow as pa

_KEPT_BYTES = 24 * 1024 * 1024


@dataclass
class Parsed:
    """The result of the first pass of one process.

    Attributes:
        rows: The number of spilled rows, by bucket.
        bytes: The number of spilled bytes, by bucket.
        counts: See ``EventParser``.
        reasons: The number of quarantined lines, by reason.
        by_event: The number of events, by name.
        names: The number of events that have an unmapped property, by property.
        evidence: See ``EvidenceLog``.
        quarantined: The file of quarantined lines; None if no line was quarantined.
    """

    rows: Counter[int]
    bytes: Counter[int]
    counts: Counter[str]
    reasons: Counter[str]
    by_event: NameCounter
    names: NameCounter
    evidence: list[tuple[int, int, int, str]]
    quarantined: Path | None


def parse(job: Job, name: str, blocks: Iterable[Block]) -> Parsed:
    """Parse, convert and spill the blocks of this process; ``name`` distinguishes the scratch files of the process."""
    parser = _Parser(job, name)
    _keep_memory()
    was_enabled = gc.isenabled()
    gc.disable()  # a block creates ten thousand objects, but no cycles
    try:
        for block in blocks:
            parser.block(block)
        return parser.finish()
    finally:
        parser.close()
        if was_enabled:
            gc.enable()


def _keep_memory() -> None:
    """Make glibc keep freed memory, so that it does not request the same pages from the system for each block.

    glibc keeps up to twice the size of the largest freed allocation, at most 32 MB. Arrow's own allocators return large
    allocations to the system.
    """
    import numpy as np
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    np.empty(_KEPT_BYTES, np.uint8)


@dataclass
class _Quarantine:
    r"""Writes the refused lines of one process to a gzip file, in line order, as ``<line number>\\t<record>``."""

    path: Path
    reasons: Counter[str] = field(default_factory=Counter)
    _file: IO[bytes] | None = None

    def add(self, record: JsonObject) -> None:
        if self._file is None:
            self._file = open_gzip(self.path, "wb")
        self.reasons[record["reason"]] += 1
        self._file.write(f"{record['line_number']}\t{json.dumps(record, ensure_ascii=False)}\n".encode())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Parser:
    def __init__(self, job: Job, name: str) -> None:
        self._job = job
        self._log = EvidenceLog()
        self._event_parser = job.event_parser(self._log)
        self._reader = BlockReader(self._event_parser, self._log)
        self._builder = ColumnBuilder(job.compiled)
        self._schema = spill_schema(job.compiled)
        limits, buckets = job.limits, job.bucket_of_second
        self._spill = SpillWriter(
            job.scratch, name, self._schema, lambda table: buckets[table["second"].to_numpy()],
            limits.flush_rows, limits.flush_bytes,
        )  # fmt: skip
        self._quarantine = _Quarantine(job.scratch / f"quarantine-{name}.gz")
        self._by_event, self._names = NameCounter(), NameCounter()

    def block(self, block: Block) -> None:
        """Parse and spill the events of one block; write its refused lines to quarantine."""
        lots, refused = self._reader.read(block.data, block.first_line)
        for rows in lots:
            try:
                batch = self._batch(rows)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - the row is found, and reported, alone
                refused += self._one_by_one(block, rows.line_numbers)
            else:
                self._spill.write(batch, len(block.data) * len(rows) // sum(map(len, lots)))
            self._names.add(self._builder.names)
            self._builder.names.clear()
        for record in sorted(refused, key=lambda record: record["line_number"]):
            self._quarantine.add(record)
        self._by_event.add(self._event_parser.by_event)
        self._event_parser.by_event.clear()

    def _batch(self, rows: EventRows) -> pa.RecordBatch:
        columns = self._builder.build(rows.events, rows.properties)
        return record_batch(self._schema, self._job, rows, columns)

    def _one_by_one(self, block: Block, line_numbers: Iterable[int]) -> list[JsonObject]:
        """Convert and spill the given lines of a block individually; return quarantine records of those that fail."""
        self._builder.names.clear()
        lines = block.data.split(b"\n")
        refused = []
        again = self._job.event_parser(EvidenceLog())
        for number in line_numbers:
            line = lines[int(number) - block.first_line]
            event = again.event(int(number), line)
            assert isinstance(event, ParsedEvent)  # it was read before
            rows = EventRows.of([event])
            before = self._builder.names.copy()
            try:
                batch = self._batch(rows)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - one row must not stop the day
                self._builder.names = before
                self._event_parser.warn(error)
                self._event_parser.by_event[event.event] -= 1
                refused.append(quarantine_record(int(number), line, RejectedEvent("unexpected_error")))
            else:
                self._spill.write(batch, len(line))
        return refused

    def finish(self) -> Parsed:
        """Complete the spill files and the quarantine file, and return the result of this process."""
        self._spill.close()
        self.close()
        reasons = self._quarantine.reasons
        return Parsed(
            rows=self._spill.rows,
            bytes=self._spill.bytes,
            counts=self._event_parser.counts,
            reasons=reasons,
            by_event=self._by_event,
            names=self._names,
            evidence=self._log.entries,
            quarantined=self._quarantine.path if reasons else None,
        )

    def close(self) -> None:
        self._quarantine.close()
