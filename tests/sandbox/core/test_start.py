"""What ``python -m mixpanel_aep_sandbox`` shows a new user."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

pytestmark = pytest.mark.sandbox

COMMAND = [sys.executable, "-m", "mixpanel_aep_sandbox"]


def test_help_describes_the_program_and_links_the_documentation() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    for part in (
        "Mixpanel",
        "Adobe Experience Platform",
        "--port",
        "--query-port",
        "--host",
        "--state",
        "docs/sandbox.md",
        ".run/sandbox",
    ):
        assert part in text


def test_at_a_terminal_address_and_credentials_are_shown(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--state", str(tmp_path)], stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        try:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            shown = ""
            while "Ctrl-C" not in shown:
                shown += os.read(master, 4096).decode()
            page = requests.get(f"{url}/_sandbox/", timeout=20)
        finally:
            process.terminate()
            os.close(master)
    assert f"{url}/_sandbox/" in shown and page.ok
    for word in (data.SERVICE_ACCOUNT, data.SERVICE_ACCOUNT_SECRET, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET):
        assert word in shown and word in page.text
