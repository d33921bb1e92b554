"""One run of a partition as Airflow makes it, in a separate process that can be killed.

Processes are forked from a server that has imported everything and has done nothing else: they start in milliseconds.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from include.aep.upload import UploadLimits
from include.clock import Clock
from include.config.model import Pipeline
from include.errors import BatchStuck, PipelineError, Terminal
from include.failpoint import KILLED, VARIABLE
from include.http.request import RetryPolicy
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from tests.faults.pipeline_tasks import TASKS, TaskName
from tests.support.pipeline_runner import PipelineRunner

DAYS = (date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3))
STEPS = ("export", "transform", "validate", "stage", "ingest")
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.faults.preloaded"])
_LOOK_SECONDS = 0.03
_LONGEST_NAP = 0.02
_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Where:
    """Everything that a process needs to find its pipeline, its lake and the services."""

    url: str
    lake: str
    pipeline: Pipeline
    folder: str
    connection: Mapping[str, Any] = field(default_factory=dict)
    aep_connection: Mapping[str, Any] = field(default_factory=dict)
    limits: UploadLimits | None = None
    idle_seconds: float = 5.0
    attempts: int = 3
    prepare: Callable[[], None] | None = None
    """A function of a module, called in each process before it works: what cannot be set from outside."""
    environment: Mapping[str, str] = field(default_factory=dict)
    budget: bool = False
    """Whether exports keep to the budget in the lake."""

    def runner(self, ahead: float = 0.0) -> PipelineRunner:
        """``ahead``: how many seconds its clock is ahead."""
        hurried = FastClock(ahead)
        return PipelineRunner(
            self.url,
            Lake(self.lake),
            self.pipeline,
            Clock(seconds=hurried.seconds, sleep=hurried.sleep),
            dict(self.connection),
            dict(self.aep_connection),
            RetryPolicy(2, self.idle_seconds, attempts=self.attempts),
            self.limits,
            self.budget,
        )


def one_row_a_file() -> None:
    """Split the smallest days into several row groups and files."""
    import include.steps.stage.step
    import include.steps.transform.step
    from include.steps.transform.job import Limits

    include.steps.transform.step.LIMITS = Limits(bucket_rows=1, group_rows=1, small_rows=1)
    include.steps.stage.step.FILE_ROWS = 1


@dataclass(frozen=True)
class Run:
    """A DAG run of a partition: its name, its Params, and the failpoints at which its next try dies or stops.

    ``task``: a task of the whole pipeline in place of a partition's steps.
    ``polls``: how often ingest polls AEP before it reports the batch as stuck, as the operator does after six hours.
    ``ahead``: how many seconds the clock of its worker is ahead.
    ``backfill``: it is a run of a backfill, whose export may fetch other days too.
    """

    name: str = "scheduled"
    day: date = DAYS[0]
    refresh: bool = False
    replace: bool = False
    until: str = "ingest"
    failpoints: str = ""
    polls: int = 400
    ahead: float = 0.0
    task: TaskName | None = None
    backfill: bool = False

    @property
    def key(self) -> str:
        return f"{self.name}-{self.task or self.day}"


@dataclass(frozen=True)
class End:
    """How a try of a run ended: ``green``, ``died``, ``again`` (Airflow retries it) or ``red``; with which error."""

    outcome: str
    error: str = ""
    text: str = ""
    hint: str = ""
    """What the error says is to be done."""

    @property
    def is_unexplained(self) -> bool:
        """Whether it ended red without a cause or without a remedy."""
        return self.outcome == "defect" or (
            self.outcome in ("red", "again")
            and not (self.hint.strip() and self.text.strip() != self.hint.strip())
        )

    def __str__(self) -> str:
        return f"{self.outcome}:{self.error}" if self.error else self.outcome


@dataclass
class FastClock:
    """A clock on which waiting takes almost no time: polls are as many as usual, only sooner."""

    ahead: float = 0.0

    def seconds(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        nap = min(seconds, _LONGEST_NAP)
        time.sleep(nap)
        self.ahead += seconds - nap


@dataclass
class Tasks:
    """The XCom of a run's succeeded tasks."""

    path: Path

    def done(self) -> dict[str, str]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def succeeded(self, step: str, digest: str) -> None:
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({**self.done(), step: digest}))
        draft.replace(self.path)

    def clear(self, *steps: str) -> None:
        """Clear tasks as a person does in the UI."""
        self.path.write_text(json.dumps({k: v for k, v in self.done().items() if k not in steps}))


class Try:
    """A process that works on a run."""

    def __init__(self, where: Where, run: Run, number: int) -> None:
        folder = Path(where.folder)
        self.run = run
        self._end = folder / f"{run.key}-{number}.end"
        log = folder / f"{run.key}-{number}.log"
        self.process: ForkServerProcess = _FORKING.Process(
            target=_carry, args=(where, run, str(self._end), str(log)), daemon=True
        )
        self.process.start()

    def wait(self, seconds: float = _DEADLINE_SECONDS) -> End:
        """Return how it ended.

        Raises:
            AssertionError: it did not end.
        """
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.kill()
            raise AssertionError(f"run {self.run.key} did not end within {seconds} s")
        if self.process.exitcode in (KILLED, -signal.SIGKILL):
            return End("died")
        assert self._end.exists(), f"run {self.run.key} ended with {self.process.exitcode} and said nothing"
        return End(**json.loads(self._end.read_text()))

    def wait_until_stopped(self, seconds: float = _DEADLINE_SECONDS) -> bool:
        """Return whether it reached the failpoint at which it stops; otherwise it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED:
                    return True
            except psutil.NoSuchProcess:
                return False
            if self.process.exitcode is not None:
                return False
            time.sleep(0.005)
        raise AssertionError(f"run {self.run.key} neither stopped nor ended within {seconds} s")

    def wake(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.join()

    def signal(self, number: int) -> None:
        if self.process.pid is not None and self.process.exitcode is None:
            os.kill(self.process.pid, number)


def _carry(where: Where, run: Run, end: str, log: str) -> None:
    """Run in the process: write the results of the tries into ``end``, and all output into ``log``."""
    gc.freeze()  # Otherwise the first garbage collection touches, and so copies, all memory shared with the server.
    with Path(log).open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    _log_everything()
    scratch = Path(where.folder) / "scratch"
    scratch.mkdir(exist_ok=True)
    tempfile.tempdir = str(scratch)
    os.environ.update(where.environment)
    if run.failpoints:
        os.environ[VARIABLE] = run.failpoints
    try:
        if where.prepare is not None:
            where.prepare()
        runner = where.runner(run.ahead)
        if run.task is None:
            _steps(runner, run, Tasks(Path(where.folder) / f"{run.key}.xcom"))
        else:
            TASKS[run.task](runner, run.name)
        result = End("green")
    except PipelineError as error:
        outcome = "red" if isinstance(error, Terminal) else "again"
        result = End(outcome, type(error).__name__, str(error), error.hint)
        print(error, file=sys.stderr)
    except SystemExit as error:
        result = End("died", type(error).__name__)
    except BaseException as error:  # noqa: BLE001 - reported to the test, which fails
        traceback.print_exc()
        result = End("defect", type(error).__name__, "".join(traceback.format_exception(error)))
    Path(end).write_text(json.dumps(result.__dict__))
    os._exit(0)


def _log_everything() -> None:
    import logging

    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    logging.getLogger("urllib3").setLevel(logging.INFO)


def _steps(runner: PipelineRunner, run: Run, tasks: Tasks) -> None:
    """Return the tasks that have not succeeded yet, in the order of the DAG."""
    workspace = runner.workspace(run.day)
    refresh = run.name if run.refresh else None
    steps = runner.steps(run.day, run.name, refresh, replace=run.replace, backfill=run.backfill)
    done = tasks.done()
    for step in STEPS[: STEPS.index(run.until) + 1]:
        if step in done:
            continue
        if step == "export":
            digest = steps.export().digest
        elif step == "transform":
            digest = steps.transform(workspace.require("export", done["export"])).digest
        elif step == "validate":
            digest = steps.validate(workspace.require("transform", done["transform"])).digest
        elif step == "stage":
            digest = steps.stage(workspace.require("validate", done["validate"])).digest
        else:
            digest = _ingest(runner, run, done["stage"])
        done[step] = digest
        tasks.succeeded(step, digest)


def _ingest(runner: PipelineRunner, run: Run, staged: str) -> str:
    manifest = runner.workspace(run.day).require("stage", staged)
    for _ in range(run.polls):
        result = runner.advance(run.day, manifest, f"{run.name}", replace=run.replace)
        if isinstance(result, IngestResult):
            return staged
        time.sleep(_LOOK_SECONDS)
    raise BatchStuck(
        f"AEP has not finished batch {result.batch_id} of partition {run.day}.",
        "It may still become active. Check its status in AEP, then run the day again.",
    )
