"""Passes blocks of lines from the process that decompresses the export to another process, through a file in scratch.

A process has one file, which its next block overwrites: the sender never waits, and decompresses only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from include.mixpanel.raw_blocks import Block
from include.steps.transform.job import Job

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Response: TypeAlias = "tuple[str, object, list[tuple[str, int, str]]]"
"""The kind of a response, its value, and log records: the name of the logger, the level and the text."""


def blocks_path(job: Job, name: str) -> Path:
    """Return the file of the process ``name``."""
    return job.scratch / f"block-{name}"


class BlockFile:
    """The sender's side of the file of a process."""

    def __init__(self, job: Job, name: str) -> None:
        self._file = blocks_path(job, name).open("wb")

    def write(self, block: Block) -> tuple[str, int, int]:
        """Write a block; return the message for its receiver."""
        self._file.seek(0)
        self._file.write(block.data)
        self._file.flush()
        return "block", block.first_line, len(block.data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def received_blocks(channel: Connection[Response, Any], job: Job, name: str) -> Iterator[Block]:
    """Yield the blocks of this process until another message comes; confirm each one when its file can be overwritten."""
    with blocks_path(job, name).open("rb", buffering=0) as file:  # a buffer would keep the block before
        while (message := channel.recv())[0] == "block":
            _, first_line, length = message
            file.seek(0)
            data = file.read(length)
            channel.send(("done", None, []))
            yield Block(first_line, data)
