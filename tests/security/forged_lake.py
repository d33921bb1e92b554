"""A lake with days at every stage, and what a program that can write there may change in it."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from include.clock import Clock
from include.errors import PipelineError
from include.lake.lake import Lake
from include.lake.signing_keys import SigningKeys, split_signature
from include.steps.reconcile.audit import audit_days
from include.steps.retention import clean
from include.steps.verify.verified_days import read_verified
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

LOADED, OTHER, STAGED, VALID = (date(2026, 7, number) for number in (1, 2, 3, 4))
"""Days that are loaded, staged and validated."""
NOON = 1782907200
KEY = secrets.token_hex(32)
Change = Callable[[dict[str, Any]], object]


def signing_keys(text: str = KEY) -> SigningKeys:
    found = SigningKeys.parse(text)
    assert found is not None
    return found


@dataclass
class Forged:
    """A copy of the lake with one change."""

    root: Path
    is_signed: bool = True
    """Whether changed records keep the signature that they had; False: it is taken off."""

    def one(self, pattern: str) -> Path:
        """Return the last file of a pattern, in the order of names."""
        return sorted(path for path in self.root.glob(pattern) if path.is_file())[-1]

    def edit(self, pattern: str, change: Change) -> Path:
        """Change a record without updating its signature."""
        path = self.one(pattern)
        body = path.read_bytes()
        signed = split_signature(body)
        record = json.loads(signed.payload)
        change(record)
        trailer = body[len(signed.payload) - 1 :] if signed.key_id and self.is_signed else b"}"
        path.write_bytes(json.dumps(record, indent=1).encode()[:-1] + trailer)
        return path

    def set(self, pattern: str, **fields: Any) -> Path:
        return self.edit(pattern, lambda record: record.update(fields))

    def manifest(self, day: date, step: str) -> str:
        return f"hostile/{day}/{step}/*/manifest.json"

    def record(self, day: date, number: int) -> str:
        return f"_histories/*/ledger/{day}/{number:06d}.json"

    def replace_file(self, old: Path, body: bytes, *patterns: str) -> None:
        """Change a file, and its size and digest in all records of these patterns that name it."""
        key = old.relative_to(self.root).as_posix()
        found = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        old.write_bytes(body)
        for pattern in patterns:
            self.edit(pattern, lambda record: _update(record, key, found))

    def rows(self, day: date, folder: str, change: Callable[[Any], Any], *patterns: str) -> None:
        """Change the rows of a Parquet file."""
        path = self.one(f"hostile/{day}/{folder}/*/part-*.parquet")
        target = path.with_suffix(".new")
        with pq.ParquetFile(path) as source:
            table = change(source.read())
        pq.write_table(table, target, compression="snappy", store_schema=False)
        body = target.read_bytes()
        target.unlink()
        self.replace_file(path, body, *patterns)


def _update(value: Any, key: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict):
        if value.get("key") == key:
            value.update(found)
        for inner in value.values():
            _update(inner, key, found)
    elif isinstance(value, list):
        for inner in value:
            _update(inner, key, found)


def dated_1999(table: Any) -> Any:
    """Return the same rows in another year."""
    place = table.schema.get_field_index("timestamp")
    moment = pa.scalar(datetime(1999, 1, 1, tzinfo=UTC), table.schema.field(place).type)
    return table.set_column(place, table.schema.field(place), pa.repeat(moment, table.num_rows))


def other_ids(table: Any) -> Any:
    """Return other events of the same day."""
    place = table.schema.get_field_index("_id")
    return table.set_column(place, "_id", pa.array([f"{n:064x}" for n in range(table.num_rows)]))


@dataclass
class Finished:
    """A sandbox and its lake after some runs."""

    url: str
    folder: Path
    signing_keys: SigningKeys | None
    number: int = 0
    errors: list[PipelineError] = field(default_factory=list)

    def lake(self, name: str = "lake") -> Lake:
        return Lake(f"file://{self.folder}/{name}", self.signing_keys)

    def runner(self, name: str = "lake") -> PipelineRunner:
        now = datetime(2026, 7, 20, tzinfo=UTC)
        clock = Clock(seconds=now.timestamp, sleep=lambda seconds: None)
        pipeline = PIPELINES["hostile"].model_copy(update={"start_date": LOADED, "end_date": VALID})
        return PipelineRunner(self.url, self.lake(name), pipeline, clock=clock)

    def copy(self) -> tuple[str, Forged]:
        """Yield the name of a copy of the lake, and the copy."""
        self.number += 1
        name = f"copy-{self.number}"
        shutil.copytree(self.folder / "lake", self.folder / name)
        return name, Forged(self.folder / name)

    def aep(self) -> Any:
        """Return all that AEP holds of the dataset: its batches with their statuses, and its rows."""
        runner = self.runner()
        dataset = runner.aep.catalog.require_dataset(runner.pipeline.aep.dataset)
        batches = runner.aep.catalog.batches_created_after(dataset["id"], None)
        where = {"dataset": runner.pipeline.aep.dataset}
        rows = requests.get(f"{self.url}/_sandbox/aep/rows", params=where, timeout=20).content
        return sorted((b.id, b.status, b.output_records) for b in batches), hashlib.sha256(rows).hexdigest()

    def act(self, name: str, acts: tuple[str, ...]) -> list[PipelineError]:
        """Run all that a person or a DAG would run now; return the sentences. Other exceptions are failures."""
        found = []
        for act in acts:
            try:
                ACTS[act](self.runner(name))
            except PipelineError as error:
                found.append(error)
        return found


def _run(runner: PipelineRunner, day: date, *, replace: bool = False, refresh: str | None = None) -> None:
    runner.ingest(day, runner.stage(day, refresh, replace=replace), "test/later", replace=replace)


def _audit(runner: PipelineRunner) -> None:
    history = runner.history(LOADED)
    audit = audit_days(history, runner.pipeline, runner.aep, runner.clock.now())
    missing = {day.day for day in audit.missing} - {STAGED, VALID}
    if missing or {STAGED, VALID} - {day.day for day in audit.missing}:
        raise PipelineError(
            f"These days are missing: {sorted(map(str, missing))}.", "Run a backfill of these days."
        )
    read_verified(history)


def _clean(runner: PipelineRunner) -> None:
    clean(runner.lake, runner.pipeline, runner.clock.now() + timedelta(days=1), dry_run=True)


ACTS: dict[str, Callable[[PipelineRunner], object]] = {
    "run": lambda runner: _run(runner, LOADED),
    "replace": lambda runner: _run(runner, LOADED, replace=True),
    "refresh": lambda runner: _run(runner, LOADED, refresh="again"),
    "load staged": lambda runner: _run(runner, STAGED),
    "load valid": lambda runner: _run(runner, VALID),
    "audit": _audit,
    "clean": _clean,
}


@contextmanager
def finished(folder: Path, keys: SigningKeys | None) -> Iterator[Finished]:
    """Create days at every stage; with ``keys`` their records are signed."""
    with quick_sandbox(folder / "sandbox") as server:
        world = Finished(server.url, folder, keys)
        runner = world.runner()
        rows = [
            {
                "event": "Seen",
                "properties": {
                    "time": NOON + 86_400 * days + n, "distinct_id": f"u{n}", "$insert_id": f"{days}-{n}",
                    "$user_id": f"u{n}",
                },
            }
            for days in range(4)
            for n in range(5)
        ]  # fmt: skip
        projects = f"{server.url}/_sandbox/mixpanel/projects"
        unlimited = {"id": runner.project_id, "limits": {"enabled": False}}
        requests.post(projects, json=unlimited, timeout=20).raise_for_status()
        path = f"{projects}/{runner.project_id}/events"
        requests.post(path, json={"events": rows}, timeout=20).raise_for_status()
        runner.setup()
        for day in (LOADED, OTHER):
            runner.ingest(day, runner.stage(day, "first"), "test/first")
        runner.stage(STAGED, "first")
        steps = runner.steps(VALID)
        steps.validate(steps.transform(steps.export()))
        _audit(runner)
        yield world
