"""Pass blocks of lines from the process that decompresses the export to another process, through a scratch file.

Each receiving process has one file, which its next block overwrites. The sender never waits for a receiver.
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
    """Return the path of the file through which the process ``name`` receives blocks."""
    return job.scratch / f"block-{name}"


class BlockFile:
    """The file through which one process receives blocks, opened by the sender."""

    def __init__(self, job: Job, name: str) -> None:
        self._file = blocks_path(job, name).open("wb")

    def write(self, block: Block) -> tuple[str, int, int]:
        """Overwrite the file with a block; return the message for the receiver: kind, first line number and bytes."""
        self._file.seek(0)
        self._file.write(block.data)
        self._file.flush()
        return "block", block.first_line, len(block.data)

    def close(self) -> None:
        """Close the sender's file."""
        self._file.close()


def received_blocks(channel: Connection[Response, Any], job: Job, name: str) -> Iterator[Block]:
    """Yield the blocks that are sent to the process ``name``, until a message of another kind arrives.

    After each block was read, a response is sent, so that the sender may overwrite the file.
    """
    with blocks_path(job, name).open("rb", buffering=0) as file:  # a buffer would return the previous block
        while (message := channel.recv())[0] == "block":
            _, first_line, length = message
            file.seek(0)
            data = file.read(length)
            channel.send(("done", None, []))
            yield Block(first_line, data)
