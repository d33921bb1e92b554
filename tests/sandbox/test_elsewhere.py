"""A sandbox on another machine than the tasks, as in a compose file, represented by this machine's private address."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
import requests

from include.errors import ConfigError
from include.http.address_ranges import AddressScope, address_scope
from include.http.sandbox_address import SANDBOXES_VARIABLE
from include.lake.lake import Lake
from include.steps.history.open_history import open_history
from include.steps.verify import verify
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
ADDRESSES = [
    found.address
    for each in psutil.net_if_addrs().values()
    for found in each
    if found.family.name in ("AF_INET", "AF_INET6")
    and "%" not in found.address
    and address_scope(ip_address(found.address)) is AddressScope.INSIDE
]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    address = ADDRESSES[0]
    command = [sys.executable, "-m", "mixpanel_aep_sandbox", "--host", "::" if ":" in address else "0.0.0.0",
               "--state", str(tmp_path / "sandbox")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["url"].rpartition(":")[2]
        local = f"http://127.0.0.1:{port}" if ":" not in address else f"http://[::1]:{port}"
        requests.post(
            f"{local}/_sandbox/aep/settings", json={"batch_seconds": 0}, timeout=10
        ).raise_for_status()
        yield f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        process.terminate()


@pytest.mark.skipif(not ADDRESSES, reason="this machine has no address of a private network")
def test_a_listed_sandbox_at_another_address_is_loaded_into_and_verified(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
    assert requests.get(f"{url}/_sandbox/health", timeout=10).status_code == 403, "control stays at home"
    with pytest.raises(ConfigError, match=f"listed in {SANDBOXES_VARIABLE}"):
        carrier.setup()
    monkeypatch.setenv(SANDBOXES_VARIABLE, url)
    carrier.setup()
    carrier.ingest(DAY, carrier.stage(DAY))
    aep = carrier.aep
    opened = open_history(carrier.lake, carrier.pipeline, aep, carrier.source, all_days=True)
    with aep.lake_reader("query_service") as reader:  # On its own port, at the same address.
        found = verify(opened.history, opened.dataset, reader, aep, carrier.pipeline, None, carrier.clock)
    assert found.is_verified
    assert not found.differing
    assert "8 ids" in str(found)
