"""Many concurrent requests, and large ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import requests

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, DEMO_SCOPE, IMPORT, REGISTRY
from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
from tests.support.sandbox.process import process

pytestmark = pytest.mark.sandbox

DAY = "2026-07-01"
MIB = 1 << 20
OCTETS = {"Content-Type": "application/octet-stream"}


def test_a_hundred_requests_at_a_time(aep_sandbox: AepSandbox, mixpanel_sandbox: MixpanelSandbox) -> None:
    aep, mixpanel, url = aep_sandbox, mixpanel_sandbox, aep_sandbox.url
    project, dataset = mixpanel.add_project(), aep.add_dataset()
    mixpanel.add_events(project, {"event": "A", "at": DAY, "copies": 500})
    headers, named = aep.headers(), {"Accept": "application/vnd.adobe.xed-id+json"}
    query = {"project_id": project, "from_date": DAY, "to_date": DAY}
    form = {"client_id": aep.client_id, "client_secret": aep.client_secret, "scope": DEMO_SCOPE}
    new = {"datasetId": dataset, "inputFormat": {"format": "json"}}
    calls: list[Callable[[], requests.Response]] = [
        lambda: requests.get(mixpanel.export_url, params=query, auth=mixpanel.auth, timeout=60),
        lambda: requests.post(aep.token_url, data={"grant_type": "client_credentials", **form}, timeout=60),
        lambda: requests.get(f"{url}{REGISTRY}/tenant/schemas", headers={**headers, **named}, timeout=60),
        lambda: requests.get(f"{url}{CATALOG}/dataSets/{dataset}", headers=headers, timeout=60),
        lambda: requests.post(f"{url}{IMPORT}/batches", json=new, headers=headers, timeout=60),
        lambda: requests.get(f"{url}/_sandbox/transcript", timeout=60),
        lambda: requests.get(f"{url}/_sandbox/openapi.json", timeout=60),
    ]
    together = Barrier(100)

    def call(number: int) -> tuple[int, int]:
        together.wait(60)
        answer = calls[number % len(calls)]()
        return number % len(calls), answer.status_code

    with ThreadPoolExecutor(100) as pool:
        answers = Counter(pool.map(call, range(100)))
    wanted = Counter((number % 7, 201 if number % 7 == 4 else 200) for number in range(100))
    assert answers == wanted
    assert len(mixpanel.returned(project)) == 500 * sum(number % 7 == 0 for number in range(100))
    numbers = [entry["n"] for entry in aep.transcript(service="")]
    assert numbers == list(range(1, len(numbers) + 1))


def peak_mib(pid: int) -> float:
    """Return the peak memory of a process."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().split("\n") if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_an_upload_and_an_export_use_no_memory(tmp_path: Path) -> None:
    def content() -> Iterator[bytes]:
        for number in range(64):
            row = json.dumps({"_id": str(number), "timestamp": f"{DAY}T00:00:00Z"}).encode()
            yield row.ljust(MIB - 1) + b"\n"

    with process(tmp_path) as (running, url):
        aep, mixpanel = AepSandbox(url), MixpanelSandbox(url)
        dataset = aep.add_dataset()
        aep.load(dataset, [{"_id": "first", "timestamp": f"{DAY}T00:00:00Z"}])
        new = {"datasetId": dataset, "inputFormat": {"format": "json"}}
        batch = aep.request("POST", f"{IMPORT}/batches", json=new).json()["id"]
        path = f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/large.json"
        before = peak_mib(running.pid)
        aep.request("PUT", path, data=content(), headers=OCTETS)
        assert peak_mib(running.pid) - before < 16
        aep.request("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
        assert aep.ended(batch)["metrics"]["outputRecordCount"] == 64
        assert len(aep.active_ids(dataset)) == 65
        assert peak_mib(running.pid) - before < 32
        project = mixpanel.add_project(source="shop", scale=4)
        with requests.get(
            mixpanel.export_url,
            params={"project_id": project, "from_date": "2026-06-02", "to_date": "2026-06-02"},
            auth=mixpanel.auth,
            stream=True,
            timeout=60,
        ) as answer:
            size = sum(len(piece) for piece in answer.iter_content(MIB))
        assert size > 8 * MIB
        assert peak_mib(running.pid) - before < 64
