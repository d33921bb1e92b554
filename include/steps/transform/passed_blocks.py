"""Pass blocks of lines from the process that decompresses the export to another process, through scratch files.

Each receiving process has two files, which are used in turn, so that a block is waiting while the sender is busy. The
sender never waits for a receiver.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from include.mixpanel.raw_blocks import Block

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Response: TypeAlias = "tuple[str, object, list[tuple[str, int, str]]]"
"""The kind of a response, its value, and log records: the name of the logger, the level and the text."""


MOST_UNREAD = 2
"""The maximum number of blocks that were passed to a process and that it has not read yet."""


def _paths(scratch: Path, name: str) -> list[Path]:
    """Return the paths of the files through which the process ``name`` receives blocks."""
    return [scratch / f"block-{name}-{number}" for number in range(MOST_UNREAD)]


class BlockFiles:
    """The files through which one process receives blocks, opened by the sender."""

    def __init__(self, scratch: Path, name: str) -> None:
        self._files = itertools.cycle([path.open("wb") for path in _paths(scratch, name)])

    def write(self, block: Block) -> tuple[str, int, int]:
        """Write a block to the next file; return the message for the receiver: kind, first line number and bytes.

        The receiver must have read the block that the file contains.
        """
        file = next(self._files)
        file.seek(0)
        file.write(block.data)
        file.flush()
        return "block", block.first_line, len(block.data)

    def close(self) -> None:
        """Close the sender's files."""
        for file in itertools.islice(self._files, MOST_UNREAD):
            file.close()


def received_blocks(channel: Connection[Response, Any], scratch: Path, name: str) -> Iterator[Block]:
    """Yield the blocks that are sent to the process ``name``, until a message of another kind arrives.

    After each block was read, a response is sent, so that the sender may overwrite its file.
    """
    with contextlib.ExitStack() as stack:
        # A buffer would return the previous block.
        files = itertools.cycle(
            [stack.enter_context(path.open("rb", buffering=0)) for path in _paths(scratch, name)]
        )
        while (message := channel.recv())[0] == "block":
            _, first_line, length = message
            file = next(files)
            file.seek(0)
            data = file.read(length)
            channel.send(("done", None, []))
            yield Block(first_line, data)
