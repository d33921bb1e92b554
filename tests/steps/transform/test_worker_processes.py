"""Transform in several processes: the same bytes as in one, and none of them outlives the step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.errors import ConfigError, LakeError, SchemaError, WorkerFailed
from include.lake.lake import Lake
from include.mixpanel.raw_blocks import Block, read_blocks
from include.steps.transform import output_files, passes
from include.steps.transform import worker_processes as processes
from include.steps.transform.first_pass import _Parser
from include.steps.transform.job import Limits
from include.steps.transform.worker import SharedCounter, Worker
from tests.support.builders import (
    DATE_TIME,
    INT,
    NOON,
    STRING,
    array_of,
    event,
    line,
    map_of,
    object_of,
    quarantined,
    row,
    rows,
    schema,
    transformed,
    workspace,
)

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
XDM = schema(
    city=STRING, quantity=INT, seen=DATE_TIME, items=array_of(object_of(sku=STRING, n=INT)), more=map_of(object_of(a=INT)),
    upper=STRING,
)  # fmt: skip
MAPPING: list[dict[str, Any]] = [
    row("event", "eventType"), row("properties.$city", "city"), row("properties.quantity", "quantity"),
    row("properties.seen", "seen"), row("properties.items", "items"), row("properties.more", "more"),
    {**row("upper(properties.$city)", "upper"), "sourceType": "EXPRESSION"},
]  # fmt: skip
SMALL = Limits(
    flush_rows=300, bucket_rows=400, piece_rows=500, group_rows=200, small_rows=1000, file_rows=1500
)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small sizes, enough cores, and a scratch folder that must be empty at the end."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(processes, "_ROWS_FOR_ANOTHER", 1)
    monkeypatch.setattr(processes, "_cores", lambda: 4)
    monkeypatch.setattr("include.steps.transform.step.LIMITS", SMALL)
    return folder


@pytest.fixture(autouse=True)
def no_process_stays(scratch: Path) -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert list(scratch.iterdir()) == []


def day() -> list[bytes]:
    """Return blocks of lines: duplicates, unusual and refused ones, values that do not fit, and many of one second."""
    made = []
    for n in range(4000):
        extra: dict[str, Any] = {
            "$insert_id": f"{n % 3900}",
            "$city": ["Oslo", "Ålesund", 5][n % 3],
            "pad": "x" * 150,
        }
        extra["time"] = NOON + (n * 7 % 20_000 if n % 2 else 0)
        extra["mp_processing_time_ms"] = n
        if n % 5 == 0:
            extra["quantity"] = [n, f"{n}", "many", 1.5][n // 5 % 4]
        if n % 7 == 0:
            extra |= {"items": [{"sku": f"s{n}", "n": 1}, {"sku": "t"}], "more": {"k": {"a": n}}}
        if n % 11 == 0:
            extra["seen"] = ["2026-07-01T12:00:00Z", "1 July", "7/01/2026"][n // 11 % 3]
        body = line(event(["Purchase", "View"][n % 2], **extra))
        made.append(body.replace(b'"pad":', b'"pad" :') if n % 97 == 0 else body)
        if n % 501 == 0:
            made += [b"not json", body.replace(b'"pad"', b'"pad":1,"pad"')]
    return made


def wait_for_others(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Make every process read several blocks, and this one begin to write after another one has claimed a part.

    Return for each block that is offered to a process whether it takes it.
    """
    taken: list[bool] = []
    work = Worker.write
    offer = processes.WorkerProcess.offer

    def waits(self: Worker, *arguments: Any) -> Any:
        deadline = time.monotonic() + 60
        while not self.is_alone and not (self.job.scratch / "next-parts").exists():
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        return work(self, *arguments)

    def takes_every_second_one(self: processes.WorkerProcess, block: Block) -> bool:
        taken.append(len(taken) % 2 == 0)
        if not taken[-1]:
            return False
        deadline = time.monotonic() + 60
        while not offer(self, block):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        return True

    monkeypatch.setattr(passes, "read_blocks", partial(read_blocks, block_bytes=50_000))
    monkeypatch.setattr(processes.WorkerProcess, "offer", takes_every_second_one)
    monkeypatch.setattr(Worker, "write", waits)
    return taken


def test_any_number_of_processes_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = wait_for_others(monkeypatch)
    lines, found = day(), []
    for number in (1, 2, 3):
        monkeypatch.setenv(processes.VARIABLE, f"{number}")
        place = workspace(Lake(f"file://{tmp_path}/{number}"))
        made = transformed(place, XDM, MAPPING, *lines)
        assert made.counts["exported"] + made.counts["not_events"] == len(lines)
        assert len(made.files) > 1
        assert made.counts["compacted_by_day"] > 0
        found.append((made.model_dump(), quarantined(place, made)))
    assert found[0] == found[1] == found[2]
    assert taken.count(True) > 10 and taken.count(False) > 10


def test_rows_do_not_depend_on_the_order_of_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of blocks, pieces and row groups do not matter either."""
    monkeypatch.setenv(processes.VARIABLE, "1")
    lines, found = day(), []
    for number, limits in enumerate([SMALL, Limits()]):
        monkeypatch.setattr("include.steps.transform.step.LIMITS", limits)
        place = workspace(Lake(f"file://{tmp_path}/{number}"))
        made = transformed(place, XDM, MAPPING, *(lines if number else lines[::-1]))
        found.append((rows_of(place, made, tmp_path), made.counts, made.details["not_converted"]))
    assert sorted(found[0][0], key=by_id) == sorted(found[1][0], key=by_id)
    assert found[0][1:] == found[1][1:]


def by_id(found: dict[str, Any]) -> str:
    return str(found["_id"])


def rows_of(place: Any, made: Any, tmp_path: Path) -> list[dict[str, Any]]:
    return [
        found
        for file in made.files
        for found in rows(place, made.model_copy(update={"files": (file,)}), tmp_path)
    ]


def test_a_killed_process_ends_the_step_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")
    start = processes.WorkerProcess.__init__

    def start_and_kill(self: processes.WorkerProcess, *arguments: Any) -> None:
        start(self, *arguments)
        self._process.kill()

    monkeypatch.setattr(processes.WorkerProcess, "__init__", start_and_kill)
    lake = Lake(f"file://{tmp_path}/lake")
    with pytest.raises(
        WorkerFailed, match=r"ended before its work was finished \(signal SIGKILL\)\. .*memory"
    ):
        transformed(workspace(lake), XDM, MAPPING, *day())
    assert not list(lake.keys("shop/2026-07-01/xdm"))


@pytest.mark.parametrize("work", ["parse", "write"])
def test_a_process_killed_at_work_is_detected_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")
    started: list[processes.WorkerProcess] = []
    start, do = processes.WorkerProcess.__init__, getattr(Worker, work)

    def start_and_keep(self: processes.WorkerProcess, *arguments: Any) -> None:
        start(self, *arguments)
        started.append(self)

    def kill_the_other(self: Worker, *arguments: Any) -> Any:
        monkeypatch.setattr(SharedCounter, "__call__", lambda _: pytest.fail("it went on"))
        monkeypatch.setattr(_Parser, "block", lambda *_: pytest.fail("it went on"))
        started[0]._process.kill()
        started[0]._process.wait()
        return do(self, *arguments)

    monkeypatch.setattr(processes.WorkerProcess, "__init__", start_and_keep)
    monkeypatch.setattr(Worker, work, kill_the_other)
    with pytest.raises(WorkerFailed, match=r"ended before its work was finished \(signal SIGKILL\)"):
        transformed(workspace(Lake(f"file://{tmp_path}/lake")), XDM, MAPPING, *day())


def test_an_error_of_another_process_is_raised_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")
    send = processes.WorkerProcess.send
    monkeypatch.setattr(
        processes.WorkerProcess,
        "send",
        lambda self, message: send(self, ("unknown",) if message[0] == "parse" else message),
    )
    with pytest.raises(WorkerFailed, match=r"failed \(TypeError at worker_main\.py:\d+\)"):
        transformed(workspace(Lake(f"file://{tmp_path}/lake")), XDM, MAPPING, *day())
    error = processes._error("SchemaError", "It is wrong.", "Correct it.", None)
    assert isinstance(error, SchemaError)
    assert (error.sentence, error.hint) == ("It is wrong.", "Correct it.")
    assert isinstance(processes._error("OSError", "OSError", "", 28), OSError)


@pytest.mark.parametrize("failing", ["upload", "list of events"])
def test_after_an_error_waiting_uploads_are_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A lake that is down would otherwise delay the error by its retries for each file of the day."""
    limits = replace(SMALL, file_rows=100, small_rows=100)
    monkeypatch.setattr("include.steps.transform.step.LIMITS", limits)
    begun: list[str] = []

    def fails(_lake: Lake, key: str, *_: object, **__: object) -> None:
        begun.append(key)
        if failing != "upload" or not key.endswith("part-00000.parquet"):
            time.sleep(0.3)  # as a lake that is slow to fail; longer uploads would begin in the meantime
        raise LakeError("The lake is down.", "Wait.")

    def fails_to_add(*_: object) -> None:
        raise LakeError("The disk is full.", "Free space.")

    monkeypatch.setattr(output_files, "upload_file", fails)
    if failing != "upload":
        monkeypatch.setattr(output_files.EventsFile, "add", fails_to_add)
    with pytest.raises(LakeError):
        transformed(workspace(Lake(f"file://{tmp_path}/lake")), XDM, MAPPING, *day())
    assert 1 <= len(begun) <= 3


@pytest.mark.parametrize("number", ["0", "-1", "many", "65", ""])
def test_an_invalid_number_of_processes_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv(processes.VARIABLE, number)
    with pytest.raises(ConfigError, match="MIXPANEL_AEP_PROCESSES is not a whole number"):
        transformed(workspace(Lake(f"file://{tmp_path}/lake")), XDM, MAPPING, line(event()))


def test_a_small_day_uses_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(processes, "_cores", lambda: 8)
    assert [processes.wanted_processes(rows) for rows in (0, 1000, 100_000, 10**7)] == [1, 1, 1, 2]
    monkeypatch.setattr(processes, "_cores", lambda: 1)
    assert processes.wanted_processes(10**7) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_a_killed_step(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import sys; from tests.steps.transform.test_worker_processes import *; processes._ROWS_FOR_ANOTHER = 1; "
        "processes._cores = lambda: 2; lines = day() * 40; "
        f"transformed(workspace(Lake('file://{tmp_path}/lake')), XDM, MAPPING, *lines)"
    )
    folder = tmp_path / "of-the-step"
    folder.mkdir()
    environment = {**os.environ, processes.VARIABLE: "2", "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) as step:
        helper = wait_for_child(step.pid)
        step.send_signal(number)
        step.wait(30)
    helper.wait(10)
    assert not helper.is_running()


def wait_for_child(pid: int) -> psutil.Process:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(pid).children():
            if "worker" in " ".join(child.cmdline()):
                return child
        threading.Event().wait(0.02)
    raise AssertionError("the step started no other process")
