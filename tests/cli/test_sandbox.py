"""``sandbox``: the services start, and end with the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_serves_and_ends_with_the_command(tmp_path: Path, how: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "include.cli",
        "sandbox",
        "--port",
        "0",
        "--state",
        str(tmp_path / "state"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert requests.get(f"{url}/_sandbox/health", timeout=20).json()["status"] == "ok"
        if how is signal.SIGINT:  # As a terminal sends it: to every process of the group.
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        assert process.wait(timeout=60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_sandbox/health", timeout=5)


def test_an_error_of_the_sandbox_is_the_commands(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "include.cli", "sandbox", "--port", "no"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
