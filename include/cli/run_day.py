"""Run the five steps of days on the command line, print a line for each step, and wait until AEP has the rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from include.aep.client import AepClient
from include.cli.console import Output
from include.cli.progress import Meter, show_progress
from include.cli.project import Project
from include.clock import Clock
from include.lake.manifest import Manifest
from include.mixpanel.backfill_plan import Window
from include.mixpanel.client import MixpanelClient
from include.mixpanel.event_time import settled_at
from include.mixpanel.export_stream import ExportStream
from include.plural import counted
from include.steps.export.window_export import FetchAhead
from include.steps.ingest.step import PendingBatch
from include.steps.run_day import DayRun
from include.steps.transform.dropped_identities import dropped_sentences

STEPS = ("export", "transform", "validate", "stage", "ingest")
_REPORT_INTERVAL_SECONDS = 60.0
_DESCRIBE_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class DaysRunner:
    """Runs the steps of days. ``again``, ``replace``: the options with these names of ``mixpanel-aep run``."""

    project: Project
    out: Output
    meter: Meter
    again: bool = False
    replace: bool = False
    together: Window | None = None
    """The range of days of which one export request may fetch several; None: each day has its own request."""

    def run(self, day: date) -> dict[str, object]:
        """Run the five steps of a day, and wait until AEP has the rows.

        Returns:
            The day, the counts of each step by its name, ``active``, ``added``, ``refused`` (rows), and ``batches``.

        Raises:
            PipelineError: a step failed.
        """
        project, out = self.project, self.out
        workspace = project.workspace(day)  # raises an error for a day outside the pipeline's days
        self._warn_if_not_settled(day)
        name, made = f"cli/{day}", dict[str, dict[str, int]]()

        def on_step(manifest: Manifest) -> None:
            made[manifest.step] = manifest.counts
            report(day, manifest, out)
            self.meter()
            following = STEPS[STEPS.index(manifest.step) + 1]
            self.meter.describe(f"{day} {following}: {counted(manifest.rows, 'event')}")

        steps = DayRun(
            workspace,
            project.mixpanel_settings.source,
            _WatchedExporter(project.mixpanel, self.meter, f"{day} export"),
            project.aep,
            name,
            refresh=f"{name}/{project.clock.now().isoformat()}" if self.again else None,
            replace=self.replace,
            on_step=on_step,
            ahead=FetchAhead(name, self.together) if self.together else None,
            neighbours=project.neighbours,
        )
        self.meter.describe(f"{day} export")
        done = steps.load(steps.to_staged(), on_wait=BatchReporter(project.aep, project.clock, out))
        self.meter()
        batches, added = ", ".join(done.batches) or "no batch", 0 if done.again else done.loaded
        out.print_status(
            "ok",
            "ingest",
            f"{day}: {counted(done.active, 'row')} {'is' if done.active == 1 else 'are'} active in {batches}; this run "
            f"added {added:,}",
        )
        if done.refused:
            text = f"{day}: AEP refused {counted(done.refused, 'row')}, now in quarantine, each with a reason"
            out.print_status("!", "ingest", text)
        for listed in done.listed:
            out.print_status("!", "ingest", f"{day}: AEP lists errors on {listed}")
        loaded = {
            "active": done.active,
            "added": added,
            "refused": done.refused,
            "batches": list(done.batches),
        }
        return {"day": day, **made, **loaded}

    def _warn_if_not_settled(self, day: date) -> None:
        pipeline = self.project.pipeline
        settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours)
        if self.project.clock.now() < settled:
            self.out.print_status(
                "!",
                "run",
                f"{day} settles at {settled:%Y-%m-%d %H:%M} UTC: events that Mixpanel receives until then may be missing; the "
                "first run after that exports the day again",
            )


@contextmanager
def days_runner(
    project: Project, out: Output, days: Sequence[date], *, again: bool = False, replace: bool = False
) -> Iterator[DaysRunner]:
    """Yield a runner for ``days``, with one progress bar for all of them. Consecutive days may be exported together.

    ``again``, ``replace``: the options ``--again`` and ``--replace`` of ``mixpanel-aep run``.
    """
    together = Window(min(days), max(days)) if len(days) > 1 else None
    with show_progress("Starting", len(days) * len(STEPS), "steps") as meter:
        yield DaysRunner(project, out, meter, again, replace, together)


def report(day: date, manifest: Manifest, out: Output) -> None:
    """Print the counts in the manifest of a step's output."""
    counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items() if count)
    out.print_status("ok", manifest.step, f"{day}: {counts or 'nothing'}")
    for sentence in dropped_sentences(manifest):
        out.print_status("!", "", sentence)


class BatchReporter:
    """Prints the status of the batch for which a run waits, at most once a minute."""

    def __init__(self, aep: AepClient, clock: Clock, out: Output) -> None:
        self._aep, self._clock, self._out = aep, clock, out
        self._reported_at = clock.seconds()

    def __call__(self, pending: PendingBatch) -> None:
        """Read the status of the batch from AEP and print it, if a minute has passed since the last time."""
        if self._clock.seconds() - self._reported_at < _REPORT_INTERVAL_SECONDS:
            return
        batch, self._reported_at = self._aep.batches.find(pending.batch_id), self._clock.seconds()
        state = f"is {batch.status!r}" if batch is not None else "is not listed"
        self._out.print_status("", "ingest", f"waiting for AEP: batch {pending.batch_id} {state}")


@dataclass(frozen=True)
class _WatchedExporter:
    """A Mixpanel client that shows the rate at which the events of an export arrive: a large day takes minutes."""

    client: MixpanelClient
    meter: Meter
    text: str

    @contextmanager
    def export(
        self, from_date: date, to_date: date, *, events: tuple[str, ...], where: str | None, time_in_ms: bool
    ) -> Iterator[ExportStream]:
        """Export events as ``MixpanelClient.export`` does, and show the rate while the stream is open."""
        done = threading.Event()
        with self.client.export(
            from_date, to_date, events=events, where=where, time_in_ms=time_in_ms
        ) as stream:
            watcher = threading.Thread(target=self._watch, args=(stream, done), daemon=True)
            watcher.start()
            try:
                yield stream
            finally:
                done.set()
                watcher.join()

    def _watch(self, stream: ExportStream, done: threading.Event) -> None:
        """Show the rate of ``stream`` twice a second until ``done`` is set."""
        seconds = 0.0
        while not done.wait(_DESCRIBE_INTERVAL_SECONDS):
            seconds += _DESCRIBE_INTERVAL_SECONDS
            self.meter.describe(f"{self.text}: {stream.lines / seconds:,.0f} events/s")
