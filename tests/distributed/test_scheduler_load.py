"""The measurement of the scheduler, with a few runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow


@pytest.mark.skipif(not os.environ.get("CLUSTER"), reason="minutes: make test-distributed runs it")
def test_two_pipelines_of_three_days_are_scheduled_and_measured() -> None:
    command = [sys.executable, "-m", "tests.distributed.scheduler_load", "--pipelines", "2", "--days", "3", "--minutes", "5",
               "--task-seconds", "0.5"]  # fmt: skip
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    last = done.stdout.strip().splitlines()[-1]
    assert re.fullmatch(
        r"scheduler: 2 pipelines, 6 runs, [1-9]\d* tasks/min, no task waits for more than \d+ s next to a free slot",
        last,
    )
    assert "runs: {'success': 6}" in done.stdout
    assert re.search(r"mixpanel_to_aep.py in \d+\.\d s", done.stdout)
    assert re.search(r"scheduler, loop: median \d", done.stdout)
