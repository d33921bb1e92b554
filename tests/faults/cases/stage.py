"""S: staging, and the lake under every step."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.lake.keys import step_of
from scripts.demo.evidence import newest_manifests
from tests.faults.case import ALL_OF_IT, NO_FAULTS, Case, Do, Elsewhere, Go, Together, dies, run
from tests.faults.s3_proxy import S3Fault
from tests.faults.scenario import Scenario, event

_VALID, _STAGED = Go(run(until="validate")), Go(run(until="stage"))
_PART = r"PUT .*/staged/.*partNumber="
_FILE = r"PUT .*/staged/.*/events-"
_MANIFEST = r"PUT .*/staged/.*manifest\.json"
_WRITES = {"aep": {"file_format": "json"}}
"""A pipeline whose stage always writes files; Parquet of validate or transform is staged as it is."""
_LARGE = tuple(event(key=f"large-{n}", text=random.Random(n).randbytes(450_000).hex()) for n in range(14))
"""More than one part of an upload (5 MB), and hard to compress."""


def _s3(match: str, status: int = 503, code: str = "SlowDown", **more: Any) -> Do:
    return Do(
        f"S3: {code} for {match}",
        lambda scenario: scenario.stage.s3.plan(S3Fault(match, status, code, **more)),
    )


def _killed_at_part(scenario: Scenario) -> None:
    """Kill the process with SIGKILL while the second part of an upload is being sent."""
    scenario.stage.s3.plan(S3Fault(_PART + "2", hold=True))
    attempt = scenario.start(run())
    assert scenario.stage.s3.held.wait(30)
    attempt.kill()
    scenario.stage.s3.calm()


def _staged(change: Callable[[Scenario, dict[str, Any]], object]) -> Do:
    """Change the staged manifest; ``change`` receives its text as an object."""

    def how(scenario: Scenario) -> None:
        manifest = newest_manifests(scenario.lake, scenario.partition())["stage"]
        change(scenario, manifest.model_dump(mode="json"))

    return Do("the staged output is changed", how)


def _files(change: Callable[[Path], object]) -> Do:
    """Change the staged file of a folder lake."""

    def how(scenario: Scenario, manifest: dict[str, Any]) -> None:
        assert scenario.lake.root is not None
        change(scenario.lake.root / manifest["files"][0]["key"])

    return _staged(how)


def _replace(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"other bytes")


def _manifest(make: Callable[[dict[str, Any]], str]) -> Do:
    def how(scenario: Scenario, manifest: dict[str, Any]) -> None:
        assert scenario.lake.root is not None
        path = scenario.lake.root / scenario.partition().manifest("stage", manifest["digest"])
        path.write_text(make(manifest))

    return _staged(how)


def _output_removed(scenario: Scenario) -> None:
    """A person follows the message: removes the folder and clears the task."""
    assert scenario.lake.root is not None
    shutil.rmtree(scenario.lake.root / scenario.partition().step("stage"))
    scenario.tasks(run()).clear("stage")


def _file_removed(scenario: Scenario) -> None:
    """The same for a file written by the step that the message names."""
    assert scenario.lake.root is not None
    (file,) = newest_manifests(scenario.lake, scenario.partition())["stage"].files
    shutil.rmtree((scenario.lake.root / file.key).parent)
    scenario.tasks(run()).clear(step_of(file.key))


_BY_HAND = Do("the folder is removed and the task stage cleared", _output_removed)
_FILE_BY_HAND = Do("the file's folder is removed and its task cleared", _file_removed)


def _another_code(scenario: Scenario) -> None:
    """Between this run's file and its manifest, other code publishes other content of the same inputs."""
    attempt = scenario.start(run("manifest.stage.before:1=stop"))
    assert attempt.wait_until_stopped()
    (mine,) = scenario.lake.keys(scenario.partition().step("stage"))
    digest = mine.split("/")[3]
    mapped = newest_manifests(scenario.lake, scenario.partition())["validate"]
    other = mapped.model_copy(update={"step": "stage", "digest": digest, "files": ()})
    assert scenario.lake.create(
        scenario.partition().manifest("stage", digest), other.model_dump_json().encode()
    )
    attempt.wake()
    end = attempt.wait()
    assert (str(end), "already describes other content" in end.text) == ("again:Conflict", True), end


CASES: tuple[Case | Elsewhere, ...] = (
    Case("S01/before the file", "kill -9 before the file's upload", "no manifest; the rerun stages", (_VALID, dies("lake.upload.before")),
         pipeline=_WRITES, ledger=ALL_OF_IT),
    Case("S01/after the file", "kill -9 after it", "no manifest; the rerun stages", (_VALID, dies("lake.upload.after")),
         pipeline=_WRITES, ledger=ALL_OF_IT),
    # The parts are invisible to list requests; the bucket's life cycle rule removes them (docs/security.md).
    Case("S01/between parts", "kill -9 between two parts of an upload", "no file, no manifest; the rerun stages",
         (_VALID, Do("SIGKILL in the second part", _killed_at_part)), _LARGE, "s3", pipeline=_WRITES, active=14, left=frozenset({"unfinished upload", "scratch"}),
         ledger=ALL_OF_IT),
    Case("S02", "kill -9 after all files, before the manifest", "the same files again, then the manifest", (dies("manifest.stage.before"),),
         ledger=ALL_OF_IT),
    Case("S02/s3", "the same in S3", "the same files again, then the manifest", (dies("manifest.stage.before"),), lake="s3", ledger=ALL_OF_IT),
    Case("S03", "kill -9 after the manifest", "the rerun finds it", (dies("manifest.stage.after"),), ledger=ALL_OF_IT),
    *(Case(f"S04/{code} {times}", "S3 is busy or fails on a part", "retried by the store's client; then by Airflow",
           (_VALID, _s3(_PART, status, code, times=times, skip=1)), _LARGE, "s3", pipeline=_WRITES, active=14, ledger=ALL_OF_IT)
      for code, status, times in (("SlowDown", 503, 1), ("InternalError", 500, 3))),
    Case("S04/for ever", "S3 is busy for longer than its client has patience", "again: LakeError; nothing half published",
         (_VALID, _s3(_FILE, 400, "RequestTimeout", times=99), Go(run(until="stage"), "again:LakeError"), NO_FAULTS), lake="s3",
         pipeline=_WRITES, ledger=ALL_OF_IT),
    Case("S05", "200 with an error in CompleteMultipartUpload", "no success", (
        _VALID, _s3(r"POST .*/staged/.*uploadId=", 200, "InternalError", times=99), Go(run(until="stage"), "again:LakeError"), NO_FAULTS),
        _LARGE, "s3", pipeline=_WRITES, active=14, ledger=ALL_OF_IT, left=frozenset({"unfinished upload"})),
    # Each request contains the SHA-256 of its body, so that S3 itself refuses changed content.
    Case("S06", "a byte changes in transit", "S3 refuses it; again", (_VALID, _s3(_FILE, damage=True)), lake="s3", pipeline=_WRITES,
         ledger=ALL_OF_IT),
    Case("S07", "the manifest is there already, of the same content", "success",
         (_VALID, Together((run("manifest.stage.before:1=stop"), run(name="other")), ("green", "green"))), ledger=None),
    Case("S08", "the manifest is there already, of other content", "Conflict, names it",
         (_VALID, Do("other code publishes first", _another_code)), pipeline=_WRITES, finally_=None, active=0, lost=3, batches=0, left=frozenset({"staged"})),
    Case("S09", "409 ConditionalRequestConflict on the manifest", "again", (
        _VALID, _s3(_MANIFEST, 409, "ConditionalRequestConflict"), Go(run(until="stage"), "again:.*|green")), lake="s3", ledger=ALL_OF_IT),
    Case("S09/ledger", "409 on a ledger record", "again", (_s3(r"PUT .*/ledger/000001", 409, "ConditionalRequestConflict"),), lake="s3",
         ledger=ALL_OF_IT),
    *(Case(f"S10/{code}", "the lake says no", f"{ends.partition(':')[2]}, names the lake and what was to be done", (
        _VALID, _s3(_FILE, status, code, times=99), Go(run(until="stage"), ends, "lake s3://"), NO_FAULTS), lake="s3",
        pipeline=_WRITES, ledger=ALL_OF_IT)
      for code, status, ends in (("AccessDenied", 403, "red:AccessDenied"), ("NoSuchBucket", 404, "again:LakeError"),
                                 ("ExpiredToken", 400, "again:LakeError"), ("KMS.DisabledException", 400, "again:LakeError"))),
    Case("S11/overwritten", "a staged file is overwritten", "red before anything is sent; after staging again, it is loaded",
         (_STAGED, _files(_replace), Go(ends="red:BadManifest", says="differs from its manifest.*Remove the folder"),
          _FILE_BY_HAND), ledger=ALL_OF_IT),
    Case("S11/deleted", "a staged file is deleted", "it is made again by the run that needs it", (_STAGED, _files(Path.unlink), Go()),
         ledger=ALL_OF_IT),
    *(Case(f"S12/{name}", "the manifest is damaged", "red, never read as missing; after it is moved away, it is created again",
           (_STAGED, _manifest(make), Go(ends="red:BadManifest", says=says), _BY_HAND), ledger=ALL_OF_IT)
      for name, says, make in (("cut", "not a readable manifest", lambda m: json.dumps(m)[:100]),
                               ("no JSON", "not a readable manifest", lambda m: "<html>"),
                               ("newer", "newer version", lambda m: json.dumps({**m, "version": 99})))),
    Elsewhere("S13", "more than 25,000 files or 1 TB", "red before AEP is asked",
              ("tests/steps/stage/test_stage.py::test_more_than_one_batch_may_hold_is_reported_before_a_request",)),
    Elsewhere("S14/public", "the bucket is public", "red on check",
              ("tests/lake/test_lake.py::test_a_publicly_readable_bucket_is_reported",
               "tests/cli/test_check_lake.py::test_check_refuses_a_publicly_readable_lake")),
    # S3 encrypts all objects. The pipeline's role may not read which key was used.
    Elsewhere("S14/not encrypted", "the bucket has another key", "documented: the role, the bucket's policy and its life cycle",
              ("tests/security/test_policies.py",)),
)  # fmt: skip
