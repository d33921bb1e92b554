"""Do the share of one process in a transform: parse blocks of lines, and then write the output files that it claims."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from include.mixpanel.raw_blocks import Block
from include.steps.transform.first_pass import Parsed, parse
from include.steps.transform.job import Job
from include.steps.transform.second_pass import Part, PartWriter, WrittenPart

_COUNTER_BYTES = 8


@dataclass(frozen=True)
class Worker:
    """The share of one process in a transform.

    ``name`` distinguishes the process's scratch files. ``is_alone``: whether no other process works on the job.
    ``check`` is called often; it raises an error if another process has failed.
    """

    job: Job
    name: str
    is_alone: bool
    check: Callable[[], object] = bool

    def parse(self, blocks: Iterable[Block]) -> Parsed:
        """Parse blocks of lines and write their rows to spill files; return the counts of this process."""
        return parse(self.job, self.name, blocks)

    def write(self, parts: Sequence[Part]) -> list[WrittenPart]:
        """Claim output files until all are claimed, and write each; return the results of the written files."""
        if self.is_alone:
            return self._write(parts, count().__next__)
        counter = SharedCounter(self.job.scratch / "next-parts")

        def claim() -> int:
            self.check()
            return counter()

        try:
            return self._write(parts, claim)
        finally:
            counter.close()

    def _write(self, parts: Sequence[Part], claim: Callable[[], int]) -> list[WrittenPart]:
        writer = PartWriter(self.job, self.name, self.check)
        written = []
        try:
            while (number := claim()) < len(parts):
                written.append(writer.write(parts[number]))
        finally:
            writer.close()
        return written


class SharedCounter:
    """A counter from 0 in a file; each number is returned to only one of the processes that share the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def __call__(self) -> int:
        """Return the next number, and increase the counter in the file."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            value = int.from_bytes(os.pread(self._file, _COUNTER_BYTES, 0), "big")
            os.pwrite(self._file, (value + 1).to_bytes(_COUNTER_BYTES, "big"), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        return value

    def close(self) -> None:
        """Close the counter's file."""
        os.close(self._file)
