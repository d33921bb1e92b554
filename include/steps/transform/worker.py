"""The work of one process: reads the blocks that it claims, and then writes the parts that it claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from include.steps.transform.first_pass import Parsed, parse
from include.steps.transform.job import Job
from include.steps.transform.second_pass import Part, PartWriter, WrittenPart
from include.steps.transform.shared_counter import SharedCounter, own_counter

_T = TypeVar("_T")


@dataclass(frozen=True)
class Worker:
    """One process's share of a transform. ``name`` distinguishes its files; ``is_alone``: no other process works on it.

    ``check`` is called often, and raises if continuing is useless.
    """

    job: Job
    name: str
    is_alone: bool
    check: Callable[[], object] = bool

    def parse(self) -> Parsed:
        """Read the blocks that this process claims."""
        return self._claiming("blocks", lambda claim: parse(self.job, self.name, claim))

    def write(self, parts: Sequence[Part]) -> list[WrittenPart]:
        """Write the parts that this process claims."""
        return self._claiming("parts", lambda claim: self._write(parts, claim))

    def _write(self, parts: Sequence[Part], claim: Callable[[], int]) -> list[WrittenPart]:
        writer = PartWriter(self.job, self.name, self.check)
        written = []
        try:
            while (number := claim()) < len(parts):
                written.append(writer.write(parts[number]))
        finally:
            writer.close()
        return written

    def _claiming(self, what: str, work: Callable[[Callable[[], int]], _T]) -> _T:
        if self.is_alone:
            return work(own_counter())
        counter = SharedCounter(self.job.scratch / f"next-{what}")

        def claim() -> int:
            self.check()
            return counter()

        try:
            return work(claim)
        finally:
            counter.close()
