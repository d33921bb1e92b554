"""``preview`` and ``run``: a day's rows as they would be loaded, and the five steps without Airflow."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from include.cli.printing import say, title
from include.cli.project import Project
from include.errors import BatchStuck, ConfigError
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.time import settled_at
from include.quality.rows import iso, present
from include.steps.export import export_partition
from include.steps.ingest import Ingested
from include.steps.run_day import DayRun
from include.steps.transform import schema_and_mapping, transform_partition
from include.steps.transform.dropped import dropped_sentences
from include.steps.workspace import Workspace

_LOOK_SECONDS = 5.0
_WATCH_SECONDS = 6 * 3600
_SAY_SECONDS = 60.0
_SAMPLE_ROWS = 1000


def run(project: Project, arguments: argparse.Namespace) -> int:
    """Carries the days one after another, each step a line."""
    last = arguments.last or arguments.day
    if last < arguments.day:
        raise ConfigError(
            f"A run cannot end ({last}) before it begins ({arguments.day}).", "Give the first day first."
        )
    for number in range((last - arguments.day).days + 1):
        _run_day(project, arguments.day + timedelta(days=number), arguments)
    return 0


def _run_day(project: Project, day: date, arguments: argparse.Namespace) -> None:
    place = project.workspace(day)
    settled = settled_at(day, project.pipeline.mixpanel, project.pipeline.settle_hours)
    if project.clock.now() < settled:
        say(
            "!",
            "run",
            f"{day} settles at {settled:%Y-%m-%d %H:%M} UTC: what Mixpanel receives until then may be missing; the first "
            "run after that exports the day again",
        )
    name = f"cli/{day}"
    steps = DayRun(
        place,
        project.mixpanel_settings.source,
        project.mixpanel,
        project.aep,
        name,
        refresh=f"{name}/{project.clock.now().isoformat()}" if arguments.again else None,
        replace=arguments.replace,
        on_step=partial(_report, day),
    )
    done = _ingest(project, steps, steps.to_staged())
    batches = ", ".join(done.batches) or "no batch"
    say(
        "ok",
        "ingest",
        f"{day}: {done.active} rows are active in {batches}; this run added {0 if done.again else done.loaded}",
    )
    if done.refused:
        say(
            "!",
            "ingest",
            f"{day}: AEP refused {done.refused} rows; they are in quarantine, each with a reason",
        )
    for listed in done.listed:
        say("!", "ingest", f"{day}: AEP lists errors on {listed}")


def _report(day: date, manifest: Manifest) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items() if count)
    say("ok", manifest.step, f"{day}: {counts or 'nothing'}")
    for sentence in dropped_sentences(manifest):
        say("!", "", sentence)


def _ingest(project: Project, steps: DayRun, staged: Manifest) -> Ingested:
    """Poll until AEP has finished."""
    clock = project.clock
    deadline, said = clock.seconds() + _WATCH_SECONDS, clock.seconds()
    while True:
        result = steps.ingest(staged)
        if isinstance(result, Ingested):
            return result
        if clock.seconds() > deadline:
            raise BatchStuck(
                f"AEP has not finished batch {result.batch_id} of partition {staged.partition} in six hours.",
                "It may still become active: look at it in AEP, then run this again.",
            )
        if clock.seconds() - said >= _SAY_SECONDS:
            found, said = steps.aep.batches.find(result.batch_id), clock.seconds()
            says = f"is {found.status!r}" if found is not None else "is not listed"
            say("", "ingest", f"waiting for AEP: batch {result.batch_id} {says}")
        clock.sleep(_LOOK_SECONDS)


@dataclass(frozen=True)
class _Sampler:
    """Exports from the lake where the day is there, else a sample of Mixpanel's."""

    project: Project
    rows: int

    @contextmanager
    def export(self, from_date: date, to_date: date, **asked: object) -> Iterator[Iterator[bytes]]:  # noqa: ARG002
        there = self.project.exported(from_date) is not None
        lines = (
            self.project.raw_lines(from_date) if there else self.project.sample(from_date, to_date, self.rows)
        )
        with lines as found:
            yield found


def preview(project: Project, arguments: argparse.Namespace) -> int:
    """Prints rows as JSON Lines, and warnings beside them, on standard error; nothing is kept."""
    schema, mapping = schema_and_mapping(project.pipeline, project.aep)
    with TemporaryDirectory(prefix="mixpanel-aep-preview-") as folder:
        place = Workspace.of(Lake(f"file://{folder}"), project.pipeline, arguments.day, project.clock)
        sampler = _Sampler(project, max(arguments.rows, _SAMPLE_ROWS))
        raw = export_partition(place, project.mixpanel_settings.source, sampler)
        mapped = transform_partition(place, raw, schema, mapping)
        for row in _rows(place, mapped, Path(folder), arguments.rows):
            print(row)
    title(f"{mapped.rows} of {raw.rows} events are mapped", aside=True)
    for name, count in mapped.details["not_converted"].items():
        say("!", "", f"{count} values do not fit {name} and would be left out", aside=True)
    for sentence in dropped_sentences(mapped):
        say("!", "", sentence, aside=True)
    for reason, count in mapped.details["reasons"].items():
        say("!", "", f"{count} events would be quarantined: {reason}", aside=True)
    return 0


def _rows(place: Workspace, mapped: Manifest, scratch: Path, most: int) -> Iterator[str]:
    import pyarrow.parquet as pq

    for path in place.local_files(mapped, scratch):
        batch = next(pq.ParquetFile(path).iter_batches(batch_size=most), None)
        for row in batch.to_pylist(maps_as_pydicts="strict") if batch else ():
            yield json.dumps(present(row), ensure_ascii=False, default=iso)
