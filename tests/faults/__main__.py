"""``make faults``: the matrix, the tests that show its other cases, and the nemesis; the last line tells the sum."""

from __future__ import annotations

import sys

import pytest

from tests.faults.matrix import ELSEWHERE

if __name__ == "__main__":
    sys.exit(pytest.main(["-n", "2", "--dist=load", *sys.argv[1:], "tests/faults", *sorted(ELSEWHERE)]))
