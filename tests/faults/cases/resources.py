"""R: exhausted resources of a worker, and signals that stop it."""

from __future__ import annotations

import gzip
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

from include.lake.keys import step_of
from tests.faults.case import ALL_OF_IT, Case, Do, Elsewhere, Go, run
from tests.faults.chaos.faults import can_mount, ends_when_told, few_files, no_scratch, small_disk
from tests.faults.process_run import DAYS, STEPS
from tests.faults.scenario import Scenario
from tests.support.http_server import HttpServer, Reply

_AGAIN = Do("the worker is as it was", lambda scenario: scenario.change(prepare=None))
_GREEN_LATER = "transient, names the place; nothing half written; green when there is room"
_AIRFLOW = "tests/airflow/test_faults_through_airflow.py"
_NOTHING = "size=4k,nr_inodes=1"


def _before(step: str) -> tuple[Go, ...]:
    number = STEPS.index(step)
    return (Go(run(until=STEPS[number - 1])),) if number else ()


def _full(folder: str, options: str) -> Do:
    """Limit the space of every later process in a folder of the scenario or of the partition."""

    def change(scenario: Scenario) -> None:
        path = scenario.folder / folder.replace("lake/", f"lake/{scenario.partition().prefix}/")
        if folder in ("lake/ledger", "lake/ids"):
            path = (
                scenario.folder / f"lake/{scenario.history.prefix}/{folder.removeprefix('lake/')}/{DAYS[0]}"
            )
        scenario.change(prepare=partial(small_disk, str(path), options))

    return Do(f"{folder}: {options}", change)


def _full_disks() -> Iterator[Case]:
    tries = [
        *((f"scratch {step}", step, "scratch", _NOTHING) for step in ("export", "transform", "validate", "stage")),
        *((f"scratch {step} {kilobytes}k", step, "scratch", f"size={kilobytes}k")
          for step, sizes in (("transform", (4, 8)), ("validate", (4,))) for kilobytes in sizes),
        *((f"lake {folder}", step, f"lake/{folder}", options)
          for step, folder, options in (
              ("export", "raw", _NOTHING), ("transform", "xdm", _NOTHING), ("validate", "valid", _NOTHING),
              ("validate", "report", _NOTHING), ("stage", "staged", _NOTHING), ("stage", "ids", _NOTHING), ("ingest", "ledger", _NOTHING))),
    ]  # fmt: skip
    for name, step, folder, options in tries:
        error = "LakeError" if folder.startswith("lake") else "ScratchError"
        says = (
            f"Could not write .*{folder.partition('/')[2]}"
            if error == "LakeError"
            else "scratch.* (has no room|cannot be created)"
        )
        acts = (*_before(step), _full(folder, options), Go(run(until=step), f"again:{error}", says), _AGAIN)
        yield Case(f"R01/{name}", "disk full", _GREEN_LATER, acts, ledger=ALL_OF_IT)


def _evicted(scenario: Scenario, point: str) -> None:
    """Send SIGTERM to the process while it is at a failpoint."""
    scenario.change(prepare=ends_when_told)
    one = scenario.start(run(f"{point}=stop"))
    assert one.wait_until_stopped()
    one.signal(signal.SIGTERM)
    one.wake()
    assert one.wait(seconds=10).error == "SystemExit"


def _tidied(scenario: Scenario) -> None:
    """Remove the scratch folder while a step works in it."""
    one = scenario.start(run("lake.upload.before:2=stop"))
    assert one.wait_until_stopped()
    shutil.rmtree(scenario.folder / "scratch")
    one.wake()
    end = one.wait()
    assert str(end) == "again:ScratchError", end.text
    assert "was removed while a step worked in it" in end.text


def _bombed(scenario: Scenario) -> None:
    """Let Mixpanel's response be 16 GB of zeros in 16 MB."""
    member = gzip.compress(bytes(2**26))
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    mixpanel, before = (
        HttpServer(lambda request: Reply(200, member * 256, headers)),
        scenario.where.connection,
    )
    host, port = mixpanel.url.removeprefix("http://").split(":")
    scenario.change(connection={**before, "host": host, "port": int(port)})
    end = scenario.tried(run())
    mixpanel.close()
    scenario.change(connection=before)
    assert str(end) == "red:ExportTooLarge", end.text


_DAY_SECONDS = 86_400.0


def _cleaning(days: float, failpoints: str = "", **more: Any) -> Go:
    """Clean so many days later."""
    ends = "died" if failpoints else "green"
    return Go(run(failpoints, name="cleaning", task="clean", ahead=days * _DAY_SECONDS, **more), ends)


def _cleaned(scenario: Scenario) -> None:
    """Assert that the lake has only the export of the day's rows."""
    rows = [
        key for key in scenario.lake.keys(scenario.partition().prefix) if key.endswith((".parquet", ".gz"))
    ]
    assert [step_of(key) for key in rows] == ["export"], rows


def _forgetting(failpoints: str = "") -> Go:
    """Run the command that forgets the person of all events."""
    return Go(run(failpoints, name="forget", task="forget"), "died" if failpoints else "green")


def _forgotten(scenario: Scenario) -> None:
    """Assert that the lake holds no row of the day."""
    rows = [key for key in scenario.lake.keys(scenario.partition().prefix) if key.endswith(".parquet")]
    assert rows == [], rows


CASES: tuple[Case | Elsewhere, ...] = (
    # Mounting needs a privilege that some machines do not grant; the error messages are checked without it too.
    *(_full_disks() if can_mount() else ()),
    Elsewhere("R01", "disk full", _GREEN_LATER, ("tests/steps/test_scratch.py",)),
    Elsewhere("R02", "memory limit of 256 MB with a day of 2 GB", "completes; memory does not grow with the day",
              ("tests/faults/test_large_days.py",)),
    Elsewhere("R03", "10^7 events", "linear time", ("tests/faults/test_large_days.py",)),
    Case("R04", "64 file descriptors", "works", (), scenario={"prepare": few_files}, ledger=ALL_OF_IT),
    Case("R04/s3", "64 file descriptors, the lake in S3", "works", (), scenario={"prepare": few_files}, lake="s3", ledger=ALL_OF_IT),
    *(Case(f"R05/{point} {number}", "SIGTERM in mid step", "ends within 10 s; the next try goes on, as after a kill; tidy",
           (Do("evicted", partial(_evicted, point=f"{point}:{number}")), _AGAIN), ledger=ALL_OF_IT)
      for point, number in (("export.piece", 1), ("lake.upload.before", 1), ("lake.upload.before", 2), ("manifest.validate.before", 1),
                            ("manifest.stage.before", 1), ("batch.upload.before", 1), ("ledger.completing.after", 1))),
    Elsewhere("R05/Airflow", "SIGTERM to Airflow's worker", "the task ends at once and is retried",
              (f"{_AIRFLOW}::test_a_worker_is_terminated_during_a_step",)),
    Case("R06/before", "TMPDIR is gone", "red, with its name; green when it is there again",
         (Do("removed", lambda scenario: scenario.change(prepare=no_scratch)), Go(ends="again:ScratchError", says="scratch cannot be created"), _AGAIN),
         ledger=ALL_OF_IT),
    Case("R06/in between", "scratch is removed under a step", "reported with its name; the step starts again", (Do("tidied up", _tidied),),
         ledger=ALL_OF_IT),
    *(Case(f"R08/{lake}", "kill -9 while the lake is cleaned", "the next cleaning ends it; the day stays loaded, once",
           (Go(), *(_cleaning(8, f"clean.end.{at}:{number}=exit") for at, number in (("before", 1), ("after", 1), ("before", 2))),
            _cleaning(8), *(_cleaning(9, f"clean.remove.{at}:1=exit") for at in ("before", "after")),
            Go(run(name="between", refresh=True)), _cleaning(9)), lake=lake, check=_cleaned, ledger=ALL_OF_IT)
      for lake in ("disk", "s3")),
    *(Case(f"R09/{lake}", "kill -9 while a person is forgotten", "the command ends it; what AEP holds stays known, once",
           (Go(), *(_forgetting(f"forget.{point}=exit") for point in ("end.after:1", "end.after:1", "remove.before:1", "remove.before:1")),
            _forgetting()), lake=lake, check=_forgotten, ledger=ALL_OF_IT)
      for lake in ("disk", "s3")),
    Case("R07", "a gzip bomb: 16 MB that are 16 GB", "red: ExportTooLarge, before it is unpacked", (Do("the bomb", _bombed),), ledger=ALL_OF_IT),
)  # fmt: skip
