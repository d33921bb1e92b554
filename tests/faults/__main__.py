"""``make faults``: the matrix, the tests that show its other cases, and the random plans; the last line tells the sum.

Arguments are for pytest: further files, for example.
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
    # The random plans come last: they play as many plans as there is time for.
    files = [
        *sorted(str(path) for path in HERE.glob("test_*.py") if path != CHAOS),
        *sorted(ELSEWHERE),
        str(CHAOS),
    ]
    os.environ["FAULTS_BEGAN"] = str(time.time())
    # A process of its own: pytest wants to be the first who imports what it rewrites. Tests of one xdist_group share a
    # worker, because they share an Airflow; all others go to whichever worker is free.
    command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist=loadgroup", *sys.argv[1:], *files]
    os.execv(sys.executable, command)
