"""Run the two passes of a transform on all processes, and combine the results of the processes."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include.json_types import JsonObject
from include.mixpanel.raw_blocks import Block, lines_at, open_gzip, read_blocks
from include.mixpanel.time_convention import TimeEvidence
from include.steps.gzip_writer import gzip_writer
from include.steps.transform.first_pass import Parsed
from include.steps.transform.job import Job
from include.steps.transform.name_counter import NameCounter
from include.steps.transform.second_pass import (
    Part,
    WrittenPart,
    plan_parts,
)
from include.steps.transform.worker import Worker
from include.steps.transform.worker_processes import WorkerProcess
from include.xdm.convert.column_builder import failed_leaf
from include.xdm.events.event_parser import ENOUGH_EVIDENCE
from include.xdm.events.line_parser import RejectedEvent, parse_line, quarantine_record

if TYPE_CHECKING:
    pass


@dataclass
class FirstPass:
    """The combined result of the first pass of all processes; the fields are those of ``Parsed``."""

    rows: Counter[int] = field(default_factory=Counter)
    bytes: Counter[int] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    by_event: NameCounter = field(default_factory=NameCounter)
    names: NameCounter = field(default_factory=NameCounter)
    quarantined: list[Path] = field(default_factory=list)
    evidence: list[tuple[int, int, int, str]] = field(default_factory=list)

    def add(self, parsed: Parsed) -> None:
        """Add the result of the first pass of one process."""
        self.rows += parsed.rows
        self.bytes += parsed.bytes
        self.counts += parsed.counts
        self.reasons += parsed.reasons
        self.by_event.merge(parsed.by_event)
        self.names.merge(parsed.names)
        self.quarantined += [parsed.quarantined] if parsed.quarantined else []
        self.evidence += parsed.evidence

    def add_events_to(self, evidence: TimeEvidence) -> None:
        """Pass the first live events (``is_live``) to ``evidence``, which determines whether ``time`` is UTC.

        The events are passed in the order of their lines, whichever process read them.
        """
        for _, wall_ms, arrival_ms, library in sorted(self.evidence)[:ENOUGH_EVIDENCE]:
            evidence.add_event(wall_ms, arrival_ms, library)


def first_pass(job: Job, others: Sequence[WorkerProcess]) -> FirstPass:
    """Parse all lines of the day and write their rows to spill files, in this process and in ``others``.

    Return the combined counts of all processes.
    """
    for process in others:
        process.begin(job)
        process.send(("parse",))
    found = FirstPass()
    found.add(_worker_of_this_process(job, others).parse(_blocks_for_this_process(job, others)))
    for process in others:
        found.add(process.receive())
    return found


def _blocks_for_this_process(job: Job, others: Sequence[WorkerProcess]) -> Iterator[Block]:
    """Yield the blocks of lines that no other process accepts, for this process.

    A process accepts a block as soon as it has begun to work on its previous block.
    """
    for block in read_blocks(job.paths):
        if not any(process.offer(block) for process in others):
            yield block
    for process in others:
        process.finish_blocks()


def second_pass(job: Job, others: Sequence[WorkerProcess], found: FirstPass) -> list[WrittenPart]:
    """Write the day's Parquet files in this process and in ``others``; return the results in the order of the files."""
    parts: list[Part] = plan_parts(found.rows, found.bytes, job)
    for process in others:
        process.send(("write", parts))
    written = _worker_of_this_process(job, others).write(parts)
    for process in others:
        written += process.receive()
    return sorted(written, key=lambda part: part.number)


def _worker_of_this_process(job: Job, others: Sequence[WorkerProcess]) -> Worker:
    """Return the ``Worker`` of this process; it raises an error soon after one of ``others`` has ended."""

    def check() -> None:
        for process in others:
            process.check()

    return Worker(job, "0", is_alone=not others, check=check)


def not_converted(job: Job, written: Sequence[WrittenPart]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the number of values that could not be converted by schema field, and how many of these are numbers."""
    codes = Counter[int]()
    for part in written:
        codes.update(part.failed)
    failed, inexact = failures_by_destination(job, codes)
    return dict(sorted(failed.items())), {name: n for name, n in sorted(inexact.items()) if n}


def failures_by_destination(job: Job, codes: Mapping[int, int]) -> tuple[Counter[str], Counter[str]]:
    """Return the numbers of failed conversions by schema field: of all values, and of numbers only.

    ``codes``: the counts of failures by code (``column_builder.failure_code``).
    """
    compiled = job.compiled
    names = {leaf.number: leaf.name for leaf in (*compiled.leaves, *compiled.computed)}
    failed, inexact = Counter[str](), Counter[str]()
    for code, count in codes.items():
        leaf, is_number = failed_leaf(code)
        failed[names[leaf]] += count
        inexact[names[leaf]] += count * is_number
    return failed, inexact


def reject(job: Job, found: FirstPass, written: Sequence[WrittenPart]) -> list[JsonObject]:
    """Return the quarantine records of the events whose expressions failed, and correct the counts in ``found``."""
    wanted = sorted(number for part in written for number in part.rejected)
    records = []
    for number, line in lines_at(job.paths, wanted):
        event, _ = parse_line(line)
        found.by_event.add({event: -1})
        found.reasons["unexpected_error"] += 1
        records.append(quarantine_record(number, line, RejectedEvent("unexpected_error")))
    return records


def write_quarantine(
    path: Path, found: FirstPass, last: Sequence[JsonObject], *, append: bool = False
) -> None:
    """Write the quarantine records of all processes to ``path``, in the order of their lines, and then ``last``."""
    with gzip_writer(path, append=append) as file:
        for _, record in heapq.merge(*map(read_records, found.quarantined), key=lambda each: each[0]):
            file.write(record)
        for each in last:
            file.write(json.dumps(each, ensure_ascii=False).encode() + b"\n")


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the quarantine records of one process, each as (line number, JSON text)."""
    with open_gzip(path) as file:
        for line in file:
            number, _, record = line.partition(b"\t")
            yield int(number), record
