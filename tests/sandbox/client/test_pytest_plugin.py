"""The pytest fixtures, as another project uses them: in a separate folder, without product and Airflow, in parallel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox, SandboxError

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[3]
BLOCKED = ("airflow", "include", "mixpanel_aep")


def strangers_run(folder: Path, *options: str) -> str:
    """Return pytest's output in a folder outside this project, where neither Airflow nor the product can be imported."""
    (folder / "blocked").mkdir()
    for name in BLOCKED:
        (folder / "blocked" / f"{name}.py").write_text("raise ImportError('not installed')\n", "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "blocked"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documented_example() -> str:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/sandbox.md").read_text("utf-8"), re.DOTALL)
    return str(code)


def test_the_documented_example_runs_in_parallel_without_product_and_airflow(tmp_path: Path) -> None:
    code = documented_example()
    for number in (1, 2):
        (tmp_path / f"test_{number}.py").write_text(code, "utf-8")
    (tmp_path / "test_blocked.py").write_text(
        f"import importlib\n\nimport pytest\n\n\n@pytest.mark.parametrize('name', {BLOCKED})\ndef test_none(name):\n"
        "    with pytest.raises(ImportError):\n        importlib.import_module(name)\n",
        "utf-8",
    )
    count = 2 * code.count("\ndef test_") + len(BLOCKED)
    assert f"{count} passed" in strangers_run(tmp_path, "-n", "2")


def test_each_test_may_have_its_own_server(tmp_path: Path) -> None:
    (tmp_path / "test_scope.py").write_text(
        "import pytest\n\nseen = set()\n\n\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_server(n, mixpanel_aep_server, aep_sandbox, mixpanel_sandbox):\n"
        "    assert aep_sandbox.url == mixpanel_sandbox.url == mixpanel_aep_server.url\n"
        "    seen.add(aep_sandbox.url)\n    assert len(seen) == n\n",
        "utf-8",
    )
    assert "2 passed" in strangers_run(tmp_path, "-o", "mixpanel_aep_sandbox_scope=function")


@pytest.mark.parametrize("number", [1, 2])
def test_tests_do_not_share_state(
    number: int, mixpanel_sandbox: MixpanelSandbox, aep_sandbox: AepSandbox
) -> None:
    assert aep_sandbox.faults() == [] and mixpanel_sandbox.transcript() == []
    assert mixpanel_sandbox.clock.now().year != 2030
    assert aep_sandbox.settings()["batch_seconds"] == 0
    dataset = aep_sandbox.add_dataset("Same name")
    assert aep_sandbox.rows(dataset) == [] and aep_sandbox.batches() == []
    aep_sandbox.load(dataset, [{"_id": "1", "timestamp": "2026-07-01T00:00:00Z"}])
    aep_sandbox.plan_fault("answer", times=None)
    aep_sandbox.settings(batch_seconds=5)
    mixpanel_sandbox.clock.set("2030-01-01", freeze=True)


def test_projects_accounts_and_events(mixpanel_sandbox: MixpanelSandbox) -> None:
    one, other = mixpanel_sandbox.add_project(), mixpanel_sandbox.add_project(timezone="Europe/Paris")
    assert one != other
    mixpanel_sandbox.add_account("me", "mine", one)
    ann = {"event": "A", "properties": {"distinct_id": "ann"}, "at": "2026-07-01T12:00:00Z"}
    assert mixpanel_sandbox.add_events(one, ann, {**ann, "copies": 2}) == 3
    assert [event["event"] for event in mixpanel_sandbox.events(one, "2026-07-01")] == ["A", "A", "A"]
    assert mixpanel_sandbox.token(one) != mixpanel_sandbox.token(other)
    mixpanel_sandbox.merge_identity(one, "ann", "anna")
    found = {event["properties"]["distinct_id"] for event in mixpanel_sandbox.events(one, "2026-07-01")}
    assert found == {"anna"}
    mixpanel_sandbox.delete_events(one)
    assert mixpanel_sandbox.events(one, "2026-06-30", "2026-07-02") == []
    assert mixpanel_sandbox.returned() == []


def test_a_test_has_its_own_clock(mixpanel_sandbox: MixpanelSandbox) -> None:
    clock, then = mixpanel_sandbox.clock, datetime(2026, 7, 1, tzinfo=UTC)
    clock.set(then, freeze=True)
    clock.advance(90)
    assert (clock.now() - then).total_seconds() == 90
    clock.reset()
    clock.freeze()
    assert clock.now() == clock.now() != then


def test_batches_end_as_planned(aep_sandbox: AepSandbox) -> None:
    aep_sandbox.add_namespace("Mine")
    dataset = aep_sandbox.add_dataset("Events", {"plan": {"type": "string"}})
    aep_sandbox.plan_batches({"outcome": "failed"})
    row = {"_id": "1", "timestamp": "2026-07-01T00:00:00Z", "_acmesandbox": {"plan": "free"}}
    assert aep_sandbox.load(dataset, [row])["status"] == "failed"
    assert aep_sandbox.load(dataset, [row])["status"] == "success"
    assert aep_sandbox.rows(dataset) == [row] and len(aep_sandbox.batches()) == 2
    assert AepSandbox(aep_sandbox.url, "dev").batches() == []
    other = aep_sandbox.add_dataset("Other events")
    assert len(aep_sandbox.batches("Events")) == len(aep_sandbox.batches(dataset)) == 2
    assert aep_sandbox.batches(other) == []


def test_an_error_has_request_and_response(aep_sandbox: AepSandbox) -> None:
    with pytest.raises(SandboxError, match=r"GET /data/foundation/catalog/batches/none: 404 .*none"):
        aep_sandbox.batch("none")
    with pytest.raises(SandboxError, match=r"POST /_sandbox/faults: 422 .*action"):
        aep_sandbox.plan_fault("nothing")
    aep_sandbox.settings(batch_seconds=60)
    with pytest.raises(SandboxError, match="is still"):
        aep_sandbox.ended(_completed(aep_sandbox), within_seconds=0)


def _completed(aep_sandbox: AepSandbox) -> str:
    new = {"datasetId": aep_sandbox.add_dataset(), "inputFormat": {"format": "json"}}
    batch = str(aep_sandbox.request("POST", "/data/foundation/import/batches", json=new).json()["id"])
    aep_sandbox.request("POST", f"/data/foundation/import/batches/{batch}?action=COMPLETE")
    return batch


def test_faults_affect_the_service_they_are_planned_for(
    aep_sandbox: AepSandbox, mixpanel_sandbox: MixpanelSandbox
) -> None:
    aep_sandbox.plan_fault("answer", status=503, times=None)
    with pytest.raises(SandboxError, match="503"):
        aep_sandbox.request("GET", "/data/foundation/catalog/batches")
    assert requests.get(mixpanel_sandbox.export_url, timeout=9).status_code == 401
    assert {entry["service"] for entry in aep_sandbox.transcript()} == {"aep"}
    assert len(aep_sandbox.transcript(service="")) > len(aep_sandbox.transcript())
    aep_sandbox.forget_faults()
    aep_sandbox.request("GET", "/data/foundation/catalog/batches")
