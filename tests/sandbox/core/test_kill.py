"""A sandbox that is killed while it writes: confirmed writes are stored, and nothing is stored partially."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, IMPORT
from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox, SandboxError
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.transcript import Transcript
from tests.support.sandbox.process import process

pytestmark = pytest.mark.sandbox

DAY = "2026-07-01"
OCTETS = {"Content-Type": "application/octet-stream"}


class Caller:
    """Write until the server stops responding; ``done`` collects the confirmed writes."""

    def __init__(self, url: str, project: int, dataset: str) -> None:
        self.mixpanel, self.aep = MixpanelSandbox(url), AepSandbox(url)
        self.project, self.dataset = project, dataset
        self.events: set[str] = set()
        self.faults: set[str] = set()
        self.batches: dict[str, set[str]] = {}
        """Completed batches, with the ids of their rows."""
        self.tokens: set[str] = set()

    def run(self, reported: threading.Semaphore) -> None:
        work: list[Callable[[], None]] = [self._event, self._fault, self._batch, self._large_batch]
        try:
            while True:
                random.choice(work)()
                reported.release()
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return

    def _event(self) -> None:
        name = uuid.uuid4().hex
        event = {"event": name, "properties": {"text": "x" * 5000}, "at": f"{DAY}T12:00:00Z", "copies": 3}
        self.mixpanel.add_events(self.project, event)
        self.events.add(name)

    def _fault(self) -> None:
        self.faults.add(self.aep.plan_fault("delay", path="/" + "nowhere/" * 2000))

    def _batch(self) -> None:
        batch, rows = self._new(), [uuid.uuid4().hex for _ in range(50)]
        self.aep.request("PUT", self._file(batch), data=_content(rows), headers=OCTETS)
        self._complete(batch, rows)

    def _large_batch(self) -> None:
        """Upload in chunks, the last one first."""
        batch, rows = self._new(), [uuid.uuid4().hex for _ in range(50)]
        path, content = self._file(batch), _content(rows)
        self.aep.request("POST", f"{path}?action=INITIALIZE")
        for first, last in ((1000, len(content)), (0, 1000)):
            span = {"Content-Range": f"bytes {first}-{last - 1}"}
            self.aep.request("PATCH", path, data=content[first:last], headers={**OCTETS, **span})
        self.aep.request("POST", f"{path}?action=COMPLETE")
        self._complete(batch, rows)

    def _new(self) -> str:
        new = {"datasetId": self.dataset, "inputFormat": {"format": "json"}}
        return str(self.aep.request("POST", f"{IMPORT}/batches", json=new).json()["id"])

    def _file(self, batch: str) -> str:
        return f"{IMPORT}/batches/{batch}/datasets/{self.dataset}/files/rows.json"

    def _complete(self, batch: str, rows: list[str]) -> None:
        self.aep.request("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
        self.batches[batch] = set(rows)
        self.tokens.add(self.aep.token())


def _content(ids: list[str]) -> bytes:
    return b"".join(json.dumps({"_id": key, "timestamp": f"{DAY}T12:00:00Z"}).encode() + b"\n" for key in ids)


def test_confirmed_writes_survive_a_kill(tmp_path: Path) -> None:
    reported: list[Caller] = []
    with process(tmp_path) as (_, url):
        project, dataset = MixpanelSandbox(url).add_project(), AepSandbox(url).add_dataset()
    for _ in range(3):
        with process(tmp_path) as (running, url):
            look(url, reported, project, dataset)
            callers = [Caller(url, project, dataset) for _ in range(4)]
            answered = threading.Semaphore(0)
            threads = [threading.Thread(target=caller.run, args=(answered,)) for caller in callers]
            for thread in threads:
                thread.start()
            for _ in range(random.randrange(10, 40)):
                assert answered.acquire(timeout=20)
            running.kill()
            for thread in threads:
                thread.join(20)
                assert not thread.is_alive()
            reported += callers
    with process(tmp_path) as (_, url):
        look(url, reported, project, dataset)


def look(url: str, reported: list[Caller], project: int, dataset: str) -> None:
    """Confirmed writes are stored, and unconfirmed ones are stored completely or not at all."""
    mixpanel, aep = MixpanelSandbox(url), AepSandbox(url)
    copies: dict[str, int] = {}
    for event in mixpanel.events(project, DAY):
        copies[event["event"]] = copies.get(event["event"], 0) + 1
    assert set(copies.values()) <= {3}
    assert {name for caller in reported for name in caller.events} <= set(copies)
    planned = {fault["id"] for fault in aep.faults()}
    assert {name for caller in reported for name in caller.faults} <= planned
    active: dict[str, set[str]] = {}
    for row in aep.lines("/aep/active", dataset=dataset):
        active.setdefault(row["batch"], set()).add(row["_id"])
    for batch in aep.batches():
        assert batch["status"] in ("loading", "loaded", "staging", "processing", "staged", "success"), batch
    for caller in reported:
        for batch, rows in caller.batches.items():
            if batch not in active:
                assert aep.ended(batch)["status"] == "success"
                active[batch] = {
                    row["_id"] for row in aep.lines("/aep/active", dataset=dataset) if row["batch"] == batch
                }
            assert active[batch] == rows
        for token in caller.tokens:
            headers = aep.headers(Authorization=f"Bearer {token}")
            assert requests.get(f"{url}{CATALOG}/batches", headers=headers, timeout=20).status_code == 200
    entries = aep.transcript(service="")
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))


def test_an_incomplete_line_is_not_part_of_the_transcript(tmp_path: Path) -> None:
    (tmp_path / "transcript.jsonl").write_bytes(b'{"n": 1, "service": "aep", "path": "/"}\n{"n": 2, "servi')
    transcript = Transcript(tmp_path)
    assert [entry["n"] for entry in transcript.entries()] == [1]
    assert (tmp_path / "transcript.jsonl").read_bytes().endswith(b"}\n")


def test_an_interrupted_reset_is_completed_at_the_next_start(tmp_path: Path) -> None:
    with SandboxServer(tmp_path) as server:
        sandbox = MixpanelSandbox(server.url)
        project = sandbox.add_project()
        sandbox.add_events(project, {"event": "A", "at": DAY})
        # As if the process had ended there: the documents are deleted, the events are not.
        server.state.on_reset.insert(0, _cut_off)
        with pytest.raises(SandboxError):
            sandbox.reset()
    with SandboxServer(tmp_path) as server:
        sandbox = MixpanelSandbox(server.url)
        assert sandbox.add_project() == project
        assert sandbox.events(project, DAY) == []
        sandbox.reset()
    assert not (tmp_path / "resetting").exists()


def _cut_off() -> None:
    raise OSError


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with process(tmp_path):
        command = [sys.executable, "-m", "mixpanel_aep_sandbox", "--state", str(tmp_path)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == (
        f"The sandbox cannot use {tmp_path}: another sandbox process uses this folder."
        " Stop that process, or choose another folder with --state.\n"
    )
    with process(tmp_path) as (_, url):
        assert MixpanelSandbox(url).faults() == []
