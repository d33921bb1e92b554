"""Export a range of days with one request, and split the lines of the response by day of the Mixpanel project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.failpoint import failpoint
from include.lake.manifest import Manifest
from include.mixpanel.event_time import require_closed_at_mixpanel
from include.mixpanel.export_stream import ExportStream
from include.mixpanel.raw_file import HashedFile, RawFile, RawLineWriter, hashed_file
from include.mixpanel.stored_day import stored_day
from include.steps.export.export_request import ExportRequest
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    from include.steps.export.step import Exporter

_PROGRESS_LINES = 10_000


class RangeTooLarge(Exception):
    """The lines of a range of days need more scratch space than is allowed; nothing was published."""


class UnassignedLines(Exception):
    """A line of the response belongs to no day of the range, so the range cannot be split; nothing was published."""


def require_answer_closed(day: date, workspace: Workspace, answer: Iterable[bytes]) -> None:
    """Raise ``WrongClock`` if Mixpanel began to send the response ``answer`` before ``day`` was over."""
    if isinstance(answer, ExportStream):
        require_closed_at_mixpanel(day, workspace.pipeline.mixpanel, answer.sent_at)


def export_range(
    requests: Mapping[date, ExportRequest],
    mixpanel: Exporter,
    refresh: str | None,
    *,
    most_bytes: int | None = None,
    on_progress: Callable[[], object] = lambda: None,
) -> dict[date, Manifest]:
    """Export the consecutive days of ``requests`` with one request, and publish each day; return the manifests by day.

    Each day gets the same lines, in the same order, as from an export of that day alone. No day is published before the
    whole response has proven to be complete: Mixpanel sends rows shard by shard, so any day may have rows at the end.
    ``most_bytes`` limits the compressed bytes in the scratch folder. ``on_progress`` is called after every 10,000 lines
    and after each published day.

    Raises:
        TruncatedExport: the response was incomplete; nothing was published.
        RangeTooLarge: the lines exceed ``most_bytes``; export smaller ranges.
        UnassignedLines: a line belongs to no day of the range; export each day individually.
    """
    last = max(requests)
    workspace = requests[last].workspace
    workspace.lake.check_writable()
    requested_at = workspace.clock.now()
    with workspace.scratch() as scratch:
        with _Splitter.opened(scratch, requests, workspace.pipeline.mixpanel.time_in_ms) as splitter:
            source = workspace.pipeline.mixpanel
            with mixpanel.export(
                min(requests), last, events=source.events, where=source.where, time_in_ms=source.time_in_ms
            ) as lines:
                require_answer_closed(last, workspace, lines)
                for number, line in enumerate(
                    lines
                ):  # read all lines, so that a truncated export is reported first
                    splitter.write(line)
                    if number % _PROGRESS_LINES == 0:
                        failpoint("window.split")
                        on_progress()
                        if most_bytes is not None and splitter.size > most_bytes:
                            raise RangeTooLarge
            files = splitter.finish()
        found = {}
        for day, request in sorted(requests.items()):
            found[day] = request.publish(files[day], refresh, requested_at)
            files[day].path.unlink(missing_ok=True)
            failpoint("window.published")
            on_progress()
        return found


class _Splitter:
    """Writes each line of an export of several days to the file of the line's day."""

    def __init__(self, paths: Mapping[date, Path], files: Mapping[date, HashedFile], *, in_ms: bool) -> None:
        self._in_ms = in_ms
        self._files = files
        self._lines = {day: RawLineWriter(path, files[day]) for day, path in paths.items()}
        self._unassigned = False

    @classmethod
    @contextmanager
    def opened(cls, scratch: Path, days: Iterable[date], in_ms: bool) -> Iterator[_Splitter]:
        """Open one gzip file in ``scratch`` for each day; leaving the context closes the files."""
        paths = {day: scratch / f"{day}.jsonl.gz" for day in days}
        with ExitStack() as stack:
            files = {day: stack.enter_context(hashed_file(path)) for day, path in paths.items()}
            yield cls(paths, files, in_ms=in_ms)

    @property
    def size(self) -> int:
        """The number of compressed bytes that were written so far, over all files."""
        return sum(file.bytes for file in self._files.values())

    def write(self, line: bytes) -> None:
        """Write a line to the file of its day; a line of no day makes ``finish`` raise ``UnassignedLines``."""
        lines = self._lines.get(stored_day(line, in_ms=self._in_ms) or date.min)
        if lines is None:
            self._unassigned = True
        else:
            lines.write(line)

    def finish(self) -> dict[date, RawFile]:
        """Complete the files, and return them by day.

        Raises:
            UnassignedLines: a line belongs to no day of the range.
        """
        if self._unassigned:
            raise UnassignedLines
        return {day: lines.finish() for day, lines in self._lines.items()}
