"""``make faults``: the matrix, the tests that show its other cases, and the random plans; the last line has the total.

Arguments are passed to pytest: further files, for example.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.faults.matrix import ELSEWHERE

HERE = Path(__file__).parent
CHAOS = HERE / "test_chaos.py"
#: One more than the cores, because the cases wait for the processes that they start.
WORKERS = (os.cpu_count() or 1) + 1

if __name__ == "__main__":
    # The random plans come last: they use the remaining time.
    files = [
        *sorted(str(path) for path in HERE.glob("test_*.py") if path != CHAOS),
        *sorted(ELSEWHERE),
        str(CHAOS),
    ]
    os.environ["FAULTS_BEGAN"] = str(time.time())
    # In a separate process: pytest must import first what it rewrites. Tests of one xdist_group share a
    # worker because they share an Airflow; the others go to any free worker.
    command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist=loadgroup", *sys.argv[1:], *files]
    os.execv(sys.executable, command)
