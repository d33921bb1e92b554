"""Executes a row of the tables: tries as Airflow makes them, and the checks of every message and every day."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import requests

from include.errors import PipelineError, Throttled
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from scripts.demo.evidence import newest_manifests
from tests.failures.failure import CANARY_BODY, CANARY_ROW, Failure
from tests.support.fake_clock import FakeClock

T = TypeVar("T")
SECRETS = {"mixpanel": "canary-secret-mixpanel", "aep": "canary-secret-adobe"}
_HURRIED = {
    "batch_seconds": 0,
    "delete_seconds": 0,
    "batches_per_minute": None,
    "secrets": [SECRETS["aep"]],
    "next_batches": [],
}
"""Other than usual: hundreds of rows make more batches in a minute than a user of AEP may, and leave none behind."""
_LONGEST_MESSAGE = 700


class Sandbox:
    """The tables' client of the sandbox's control plane."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._seen = 0
        self._changed: set[str] = set()
        self._usual = {**self.get("/aep/settings").json(), **_HURRIED}
        self.usual_settings()

    def usual_settings(self) -> None:
        """Undo a row's changes to the sandbox's AEP side."""
        self.post("/aep/settings", self._usual)
        self._changed.discard("/aep/settings")

    def post(self, path: str, body: Any) -> Any:
        self._changed.add(path)
        return self._ask("POST", path, json=body)

    def clear_up(self) -> None:
        """Clear the faults and settings of a row that had any."""
        if "/faults" in self._changed:
            self._ask("DELETE", "/faults")
        if "/aep/settings" in self._changed:
            self.usual_settings()
        self._changed.clear()

    def get(self, path: str, **query: Any) -> requests.Response:
        answer = self._session.get(f"{self.url}/_sandbox{path}", params=query, timeout=20)
        answer.raise_for_status()
        return answer

    def lines(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        return (json.loads(text) for text in self.get(path, **query).content.split(b"\n") if text)

    def forget_requests(self) -> None:
        """Return the requests so far."""
        self._seen = max((entry["n"] for entry in self._entries()), default=self._seen)

    def asked(self, enough: Callable[[list[dict[str, Any]]], bool] = bool) -> list[dict[str, Any]]:
        """Return the services' requests since ``forget_requests``. An abandoned request is recorded when it ends."""
        deadline = time.monotonic() + 5
        while True:
            found = [entry for entry in self._entries() if entry["service"] != "sandbox"]
            if enough(found) or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def _entries(self) -> list[dict[str, Any]]:
        return list(self.get("/transcript", since=self._seen).json()["entries"])

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/_sandbox{path}", timeout=20, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def tries(failure: Failure, work: Callable[[], T], fake_clock: FakeClock) -> T | None:
    """Run ``work`` as often as Airflow would; return None if no retry helps."""
    for number, expected in enumerate(failure.raises, 1):
        with pytest.raises(PipelineError) as caught:
            work()
        error = caught.value
        assert type(error) is expected, f"try {number}: {error!r}"
        assert_explained(error)
        if isinstance(error, Throttled):
            fake_clock.at += error.wait_seconds
        if number == len(failure.raises):
            assert re.search(failure.says, str(error)), str(error)
    return work() if failure.succeeds else None


def assert_explained(error: PipelineError) -> None:
    """Assert that an error has one sentence and a hint, and contains no secret; nor do its causes."""
    text = str(error)
    assert error.sentence.endswith("."), text
    assert error.hint.endswith("."), text
    assert "\n" not in text
    assert len(text) < _LONGEST_MESSAGE, text
    link: BaseException | None = error
    while link is not None:
        assert_no_canary(f"{link!s}{link!r}")
        link = link.__cause__ or link.__context__


def assert_no_canary(text: str) -> None:
    for canary in (*SECRETS.values(), CANARY_ROW, CANARY_BODY, "sandbox-token-"):
        assert canary not in text, f"{canary} in {text[:2000]}"


def assert_waited(failure: Failure, fake_clock: FakeClock) -> None:
    assert all(0 <= waited <= 120 for waited in fake_clock.slept), fake_clock.slept
    if failure.waits:
        low, high = failure.waits
        assert low <= sum(fake_clock.slept) <= high, fake_clock.slept


def made(lake: Lake, partition: PartitionKey) -> dict[str, Manifest]:
    return newest_manifests(lake, partition)


def published_lines(lake: Lake, partition: PartitionKey) -> list[bytes] | None:
    """Return what the export step published, or None. Assert that a failed export leaves no files."""
    manifest = made(lake, partition).get("export")
    files = manifest.files if manifest else ()
    known = {file.key for file in files} | (
        {partition.manifest("export", manifest.digest)} if manifest else set()
    )
    assert set(lake.keys(partition.step("export"))) == known
    if manifest is None:
        return None
    text = b"".join(gzip.decompress(lake.read(file.key) or b"") for file in files)
    # Stored as received: with a byte order mark, CRLF, blank lines, and with or without a last newline.
    lines = [each.removesuffix(b"\r") for each in text.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    lines = [each for each in lines if each.strip()]
    assert len(lines) == manifest.rows
    assert manifest.rows == manifest.counts["exported"] + manifest.counts.get("not_events", 0)
    return lines


def reasons(lake: Lake, partition: PartitionKey) -> Counter[str]:
    """Return why events of a day are in quarantine."""
    found = made(lake, partition)
    steps = [found[step] for step in ("transform", "validate") if step in found]
    return sum((Counter(manifest.details["reasons"]) for manifest in steps), Counter())
