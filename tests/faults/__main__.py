"""``make faults``: the matrix, the tests that show its other cases, and the nemesis; the last line tells the sum."""

from __future__ import annotations

import os
import sys

from tests.faults.matrix import ELSEWHERE

if __name__ == "__main__":
    # A process of its own: pytest wants to be the first who imports what it rewrites.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "--dist=load",
        *sys.argv[1:],
        "tests/faults",
        *sorted(ELSEWHERE),
    ]
    os.execv(sys.executable, command)
