"""Export one day of raw events from Mixpanel into the lake, unchanged.

An export is published only after Mixpanel's response has proven to be complete.
"""

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
from include.steps.export.export_request import ExportRequest
from include.steps.export.range_export import UnassignedLines, export_range, require_answer_closed
from include.steps.export.stored_exports import exports
from include.steps.export.window_export import FetchAhead
from include.steps.rewritten import successor_among
from include.steps.workspace import Workspace


class Exporter(Protocol):
    """The part of a Mixpanel client that the export step uses."""

    def export(
        self, from_date: date, to_date: date, *, events: tuple[str, ...], where: str | None, time_in_ms: bool
    ) -> AbstractContextManager[Iterable[bytes]]:
        """Open an export of the days from ``from_date`` to ``to_date``, both included.

        The context yields the lines of the response, one event each, without newlines.
        """
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
    """Return the manifest of the partition's export; request the export from Mixpanel if it does not exist.

    ``refresh`` names a run that requests the current state of the day, regardless of earlier exports. The day is
    exported once for each such name; if nothing changed, the existing manifest is returned. ``with_files``: export the
    day again if the file of the newest export is not in the lake any more. ``ahead``: export a day that has no export
    together with other days that have none, where possible.

    Raises:
        Throttled: another run exports the day now, or Mixpanel's rate limit is exhausted.
        PartitionNotClosed: the day is not over in the project's time zone.
        WrongClock: the day is over by the local clock, but not by Mixpanel's clock.
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
    """Save an export to ``path``: the bytes of an HTTP response unchanged, or the lines of a sample, compressed."""
    return answer.save(path) if isinstance(answer, ExportStream) else write_lines(path, answer)


def export_partitions(
    workspaces: Sequence[Workspace], project: Source, mixpanel: Exporter, refresh: str
) -> list[Manifest]:
    """Export consecutive days again with one request for the whole range; return one manifest per day, in date order.

    One request counts once towards Mixpanel's limit of 60 exports an hour. If a line cannot be assigned to a day of the
    range, each day is exported individually.

    Raises:
        PartitionNotClosed: one of the days is not over in the project's time zone.
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
