"""The sandbox in a separate process, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def process(state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a sandbox in a separate process; yield the process and its address."""
    command = [sys.executable, "-m", "mixpanel_aep_sandbox", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            yield running, json.loads(running.stdout.readline())["url"]
        finally:
            running.kill()
