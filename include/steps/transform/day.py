"""One day's transform in its scratch folder: both passes, on all processes, and what they found together."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.mixpanel.reading import TimeEvidence
from include.steps.jsonl import gzip_writer
from include.steps.transform.job import Job
from include.steps.transform.names import NameCounter
from include.steps.transform.parse import Parsed
from include.steps.transform.parts import (
    Part,
    WrittenPart,
    compacted_path,
    digests_path,
    plan_parts,
)
from include.steps.transform.processes import Helper
from include.steps.transform.reader import open_gzip, read_blocks
from include.steps.transform.work import Work
from include.xdm.aep_parquet import open_parquet
from include.xdm.columns import leaf_of
from include.xdm.lines import Refused, parse_line, quarantine_record
from include.xdm.sift import ENOUGH_EVIDENCE

_CHUNK_ROWS = 200_000


@dataclass
class FirstPass:
    """What all processes have read of a day."""

    rows: Counter[int] = field(default_factory=Counter)
    bytes: Counter[int] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    by_event: NameCounter = field(default_factory=NameCounter)
    names: NameCounter = field(default_factory=NameCounter)
    quarantined: list[Path] = field(default_factory=list)
    evidence: list[tuple[int, int, int, str]] = field(default_factory=list)

    def add(self, parsed: Parsed) -> None:
        """Adds what one process has read."""
        self.rows += parsed.rows
        self.bytes += parsed.bytes
        self.counts += parsed.counts
        self.reasons += parsed.reasons
        self.by_event.merge(parsed.by_event)
        self.names.merge(parsed.names)
        self.quarantined += [parsed.quarantined] if parsed.quarantined else []
        self.evidence += parsed.evidence

    def see(self, evidence: TimeEvidence) -> None:
        """Shows the first live events of the day to ``evidence``."""
        for _, wall_ms, arrival_ms, library in sorted(self.evidence)[:ENOUGH_EVIDENCE]:
            evidence.see(wall_ms, arrival_ms, library)


def first_pass(job: Job, others: Sequence[Helper]) -> FirstPass:
    """Read the whole day, on this process and on ``others``."""
    for helper in others:
        helper.send(("parse",))
    found = FirstPass()
    found.add(Work(job, "0", is_alone=not others).parse())
    for helper in others:
        found.add(helper.receive())
    return found


def second_pass(job: Job, others: Sequence[Helper], found: FirstPass) -> list[WrittenPart]:
    """Write the day's files, in their order."""
    parts: list[Part] = plan_parts(found.rows, found.bytes, job)
    for helper in others:
        helper.send(("write", parts))
    written = Work(job, "0", is_alone=not others).write(parts)
    for helper in others:
        written += helper.receive()
    return sorted(written, key=lambda part: part.number)


def not_converted(job: Job, written: Sequence[WrittenPart]) -> tuple[dict[str, int], dict[str, int]]:
    """Return by destination how many values did not convert, and how many of those are numbers."""
    compiled = job.compiled
    names = {leaf.number: leaf.name for leaf in (*compiled.leaves, *compiled.computed)}
    failed, inexact = Counter[str](), Counter[str]()
    for part in written:
        for code, count in part.failed.items():
            leaf, is_number = leaf_of(code)
            failed[names[leaf]] += count
            inexact[names[leaf]] += count * is_number
    return dict(sorted(failed.items())), {name: n for name, n in sorted(inexact.items()) if n}


def dropped_identities(written: Sequence[WrittenPart]) -> dict[str, dict[str, int]]:
    """Return by namespace and reason how many identities of the written rows were dropped."""
    counts: Counter[tuple[str, str]] = sum((part.dropped for part in written), Counter())
    found: dict[str, dict[str, int]] = {}
    for (namespace, reason), count in sorted(counts.items()):
        found.setdefault(namespace, {})[reason] = count
    return found


def reject(job: Job, found: FirstPass, written: Sequence[WrittenPart]) -> list[dict[str, Any]]:
    """Return quarantine records of the rows whose expressions could not be evaluated; their events do not count."""
    wanted = sorted(number for part in written for number in part.rejected)
    records = []
    for number, line in _lines(job.paths, wanted):
        event, _ = parse_line(line)
        found.by_event.add({event: -1})
        found.reasons["unexpected_error"] += 1
        records.append(quarantine_record(number, line, Refused("unexpected_error")))
    return records


def _lines(paths: Sequence[Path], wanted: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    left = list(reversed(wanted))
    for block in read_blocks(paths) if left else ():
        lines = block.data.split(b"\n")
        while left and left[-1] < block.first_line + len(lines) - 1:
            number = left.pop()
            yield number, lines[number - block.first_line]
        if not left:
            return


def write_quarantine(path: Path, found: FirstPass, last: Sequence[dict[str, Any]]) -> None:
    """Write the records of all processes in the order of their lines, and then ``last``."""
    with gzip_writer(path) as file:
        for _, record in heapq.merge(*map(_records, found.quarantined), key=lambda each: each[0]):
            file.write(record)
        for each in last:
            file.write(json.dumps(each, ensure_ascii=False).encode() + b"\n")


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    with open_gzip(path) as file:
        for line in file:
            number, _, record = line.partition(b"\t")
            yield int(number), record


class EventsFile:
    """A Parquet file of ``_id`` and ``digest`` of every row, in the order of the parts."""

    def __init__(self, job: Job, path: Path) -> None:
        import pyarrow as pa

        self._job = job
        self._schema = pa.schema([("_id", pa.string()), ("digest", pa.int64())])
        self._file = open_parquet(path, self._schema, {"_id", "digest"}, compression="zstd")

    def __enter__(self) -> EventsFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, part: WrittenPart) -> None:
        """Adds the rows of a part."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        source = digests_path(self._job, part.number)
        with source.open("rb") as file, pq.ParquetFile(part.path) as rows:
            for batch in rows.iter_batches(_CHUNK_ROWS, columns=["_id"], use_threads=False):
                digests = np.frombuffer(file.read(8 * batch.num_rows), np.int64)
                self._file.write_table(pa.table([batch["_id"], digests], schema=self._schema))
        source.unlink()


def compacted_by_day(job: Job, written: Sequence[WrittenPart]) -> int:
    """Return how many rows Mixpanel's compaction may merge into another one of their day.

    It merges events of one name, ``distinct_id`` and ``$insert_id``; our ``_id`` holds the second, too. The numbers are
    counted in as many passes as keep each in bounded memory.
    """
    import numpy as np

    files = [path for part in written if (path := compacted_path(job, part.number)).stat().st_size]
    total = sum(path.stat().st_size // 8 for path in files)
    passes = 1 << max(0, (total // 1_000_000).bit_length())
    different = 0
    for turn in range(passes):
        held = []
        for path in files:
            for chunk in _chunks(path):
                held.append(chunk[(chunk % passes) == turn])
        different += len(np.unique(np.concatenate(held))) if held else 0
    return total - different


def _chunks(path: Path) -> Iterator[Any]:
    import numpy as np

    with path.open("rb") as file:
        while chunk := file.read(8 * _CHUNK_ROWS):
            yield np.frombuffer(chunk, np.int64)
