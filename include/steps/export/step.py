"""Export: one day of raw events, as Mixpanel sends them. Nothing is published before the export is proven complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date
from pathlib import Path
from typing import Protocol

from include.lake.history import Source
from include.lake.manifest import Manifest
from include.mixpanel.event_time import require_closed_there
from include.mixpanel.export_stream import ExportStream
from include.mixpanel.raw_file import RawFile, RawLines, hashed_file, write_lines
from include.steps.export.export_request import ExportRequest, exports, stored_day
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
) -> Manifest:
    """Export the partition, or find it exported. ``counts``: ``exported`` lines.

    ``refresh`` names a run that requests the current state of the day, regardless of earlier exports. The day is
    exported once for each such name; if nothing changed, the existing manifest is returned. ``with_files``: the newest
    export will be read, so the day is exported again if its file is not in the lake any more.

    Raises:
        PartitionNotClosed: the day is not over in the project's zone.
        WrongClock: it is not over by Mixpanel's clock.
        TruncatedExport: Mixpanel's response was incomplete; nothing was published.
    """
    export_request = ExportRequest.of(workspace, project)
    done = export_request.refreshed_export(refresh) if refresh else export_request.latest()
    if done is not None and with_files:
        done = successor_among(exports(workspace.lake, workspace.partition), done)
    if done is not None and (not with_files or workspace.has_files(done)):
        return done
    source, day = workspace.pipeline.mixpanel, workspace.partition.day
    workspace.lake.check_writable()
    requested_at = workspace.clock.now()
    with workspace.scratch() as scratch:
        with mixpanel.export(
            day, day, events=source.events, where=source.where, time_in_ms=source.time_in_ms
        ) as answer:
            _require_closed(day, workspace, answer)
            raw = _save(answer, scratch / "events.jsonl.gz")
        return export_request.publish(raw, refresh, requested_at, with_files=with_files)


def _require_closed(day: date, workspace: Workspace, answer: Iterable[bytes]) -> None:
    """Refuse a response that Mixpanel began to send before the day was over."""
    if isinstance(answer, ExportStream):
        require_closed_there(day, workspace.pipeline.mixpanel, answer.sent_at)


def _save(answer: Iterable[bytes], path: Path) -> RawFile:
    """Save an export's bytes unchanged; of a sample, which is not a whole response, save its lines."""
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
        split = _export_range(export_requests, mixpanel, refresh)
        if split is None:
            return [
                export_partition(workspace, project, mixpanel, refresh=refresh) for workspace in workspaces
            ]
        done |= split
    return [manifest for _, manifest in sorted(done.items()) if manifest is not None]


def _export_range(
    export_requests: Mapping[date, ExportRequest], mixpanel: Exporter, refresh: str
) -> dict[date, Manifest] | None:
    """Return the manifests of all days from one export; None if a line belongs to none of them."""
    first, last = min(export_requests), max(export_requests)
    workspace = export_requests[first].workspace
    source = workspace.pipeline.mixpanel
    workspace.lake.check_writable()
    requested_at = workspace.clock.now()
    with workspace.scratch() as scratch, ExitStack() as stack:
        paths = {day: scratch / f"{day}.jsonl.gz" for day in export_requests}
        files = {day: RawLines(path, stack.enter_context(hashed_file(path))) for day, path in paths.items()}
        with mixpanel.export(
            first, last, events=source.events, where=source.where, time_in_ms=source.time_in_ms
        ) as lines:
            _require_closed(last, workspace, lines)
            lost = False
            for line in lines:  # read to the end: a truncated export must be reported first
                day = stored_day(line, in_ms=source.time_in_ms)
                if day in files:
                    files[day].write(line)
                else:
                    lost = True
        if lost:
            return None
        found = {day: file.finish() for day, file in files.items()}
        stack.close()
        return {
            day: export_request.publish(found[day], refresh, requested_at)
            for day, export_request in export_requests.items()
        }
