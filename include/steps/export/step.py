"""Export: one day of raw events, as Mixpanel sends them. Nothing is published before the export is proven complete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Protocol

from include.lake.history import Source
from include.lake.manifest import Manifest
from include.mixpanel.export_stream import ExportStream
from include.mixpanel.raw_file import RawFile, write_lines
from include.steps.export.export_request import ExportRequest, exports
from include.steps.export.range_export import UnassignedLines, export_range, require_answer_closed
from include.steps.export.window_export import FetchAhead
from include.steps.rewritten import successor_among
from include.steps.workspace import Workspace


class Exporter(Protocol):
    """The part of a Mixpanel client that the step needs. An export is an iterable of lines without newlines."""

    def export(
        self, from_date: date, to_date: date, *, events: tuple[str, ...], where: str | None, time_in_ms: bool
    ) -> AbstractContextManager[Iterable[bytes]]:
        """Open an export of some days."""
        ...


def export_partition(
    workspace: Workspace,
    project: Source,
    mixpanel: Exporter,
    *,
    refresh: str | None = None,
    with_files: bool = False,
    ahead: FetchAhead | None = None,
) -> Manifest:
    """Export the partition, or find it exported. ``counts``: ``exported`` lines.

    ``refresh`` names a run that requests the current state of the day, regardless of earlier exports. The day is
    exported once for each such name; if nothing changed, the existing manifest is returned. ``with_files``: the newest
    export will be read, so the day is exported again if its file is not in the lake any more. ``ahead``: a day that is
    not exported yet is exported together with other such days, where possible.

    Raises:
        Throttled: another run exports the day now, or Mixpanel's rate limit is exhausted.
        PartitionNotClosed: the day is not over in the project's zone.
        WrongClock: it is not over by Mixpanel's clock.
        TruncatedExport: Mixpanel's response was incomplete; nothing was published.
    """
    export_request = ExportRequest.of(workspace, project)
    done = export_request.refreshed_export(refresh) if refresh else export_request.latest()
    if done is not None and with_files:
        done = successor_among(exports(workspace.lake, workspace.partition), done)
    if done is not None and (not with_files or workspace.has_files(done)):
        if ahead is not None:
            ahead.release(export_request)
        return done
    if ahead is not None and done is None and not refresh:
        fetched = ahead.export(export_request, mixpanel)
        if fetched is not None:
            return fetched
    source, day = workspace.pipeline.mixpanel, workspace.partition.day
    workspace.lake.check_writable()
    requested_at = workspace.clock.now()
    with workspace.scratch() as scratch:
        with mixpanel.export(
            day, day, events=source.events, where=source.where, time_in_ms=source.time_in_ms
        ) as answer:
            require_answer_closed(day, workspace, answer)
            raw = _save(answer, scratch / "events.jsonl.gz")
        return export_request.publish(raw, refresh, requested_at, with_files=with_files)


def _save(answer: Iterable[bytes], path: Path) -> RawFile:
    """Save the bytes of an export unchanged. A limited sample is not a whole response, so its lines are saved instead."""
    return answer.save(path) if isinstance(answer, ExportStream) else write_lines(path, answer)


def export_partitions(
    workspaces: Sequence[Workspace], project: Source, mixpanel: Exporter, refresh: str
) -> list[Manifest]:
    """Refresh consecutive days with one export of the whole range.

    It costs one of Mixpanel's 60 exports an hour. If a line does not show its day, the days are exported individually.

    Raises:
        PartitionNotClosed: one of the days is not over in the project's zone.
        TruncatedExport: Mixpanel's response was incomplete; nothing was published.
    """
    export_requests = {
        workspace.partition.day: ExportRequest.of(workspace, project) for workspace in workspaces
    }
    done = {day: export_request.refreshed_export(refresh) for day, export_request in export_requests.items()}
    if any(manifest is None for manifest in done.values()):
        try:
            done |= export_range(export_requests, mixpanel, refresh)
        except UnassignedLines:
            return [
                export_partition(workspace, project, mixpanel, refresh=refresh) for workspace in workspaces
            ]
    return [manifest for _, manifest in sorted(done.items()) if manifest is not None]
