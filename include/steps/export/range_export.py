"""Exports a range of days with one request, and splits its lines by project day."""

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
    """The lines of a range need more scratch space than is allowed; nothing was published."""


class UnassignedLines(Exception):
    """A line of a range belongs to none of its days, so it cannot be split; nothing was published."""


def require_answer_closed(day: date, workspace: Workspace, answer: Iterable[bytes]) -> None:
    """Refuse a response that Mixpanel began to send before the day was over."""
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
    """Publish the days of ``requests``, which are consecutive, from one export; return their manifests.

    Each day has the lines that an export of the day alone has, in their order. No day is published before the whole
    response is proven complete: Mixpanel sends rows shard by shard, so every day may have rows at the end.
    ``most_bytes``: the most compressed bytes in scratch. ``on_progress`` is called often.

    Raises:
        TruncatedExport: the response was incomplete; nothing was published.
        RangeTooLarge, UnassignedLines: the days have to be exported in smaller ranges, or individually.
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
                for number, line in enumerate(lines):  # to the end: a truncated export must be reported first
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
    """Writes each line to the file of its day."""

    def __init__(self, paths: Mapping[date, Path], files: Mapping[date, HashedFile], *, in_ms: bool) -> None:
        self._in_ms = in_ms
        self._files = files
        self._lines = {day: RawLineWriter(path, files[day]) for day, path in paths.items()}
        self._unassigned = False

    @classmethod
    @contextmanager
    def opened(cls, scratch: Path, days: Iterable[date], in_ms: bool) -> Iterator[_Splitter]:
        """Open a file for each day."""
        paths = {day: scratch / f"{day}.jsonl.gz" for day in days}
        with ExitStack() as stack:
            files = {day: stack.enter_context(hashed_file(path)) for day, path in paths.items()}
            yield cls(paths, files, in_ms=in_ms)

    @property
    def size(self) -> int:
        """Compressed bytes written so far."""
        return sum(file.bytes for file in self._files.values())

    def write(self, line: bytes) -> None:
        """Write a line; a line of no day of the range is only noted."""
        lines = self._lines.get(stored_day(line, in_ms=self._in_ms) or date.min)
        if lines is None:
            self._unassigned = True
        else:
            lines.write(line)

    def finish(self) -> dict[date, RawFile]:
        """Return the finished files.

        Raises:
            UnassignedLines: a line belongs to none of the days.
        """
        if self._unassigned:
            raise UnassignedLines
        return {day: lines.finish() for day, lines in self._lines.items()}
