"""Do the share of one process in a transform: parse blocks of lines, and then write the output files that it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from include.mixpanel.raw_blocks import Block
from include.steps.transform.first_pass import Parsed, parse
from include.steps.transform.job import Job
from include.steps.transform.second_pass import Part, PartWriter, WrittenPart
from include.steps.transform.shared_counter import SharedCounter, local_counter


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
            return self._write(parts, local_counter())
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
