"""The work of one process: reads the blocks that it gets, and then writes the parts that it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from include.mixpanel.raw_blocks import Block
from include.steps.transform.first_pass import Parsed, parse
from include.steps.transform.job import Job
from include.steps.transform.second_pass import Part, PartWriter, WrittenPart
from include.steps.transform.shared_counter import SharedCounter, own_counter


@dataclass(frozen=True)
class Worker:
    """The work of one process in a transform. ``name`` is part of its file names; ``is_alone``: no other process takes part.

    ``check`` is called often, and raises if continuing is useless.
    """

    job: Job
    name: str
    is_alone: bool
    check: Callable[[], object] = bool

    def parse(self, blocks: Iterable[Block]) -> Parsed:
        """Read blocks of the day."""
        return parse(self.job, self.name, blocks)

    def write(self, parts: Sequence[Part]) -> list[WrittenPart]:
        """Write the parts that this process claims."""
        if self.is_alone:
            return self._write(parts, own_counter())
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
