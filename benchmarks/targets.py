"""The performance targets: events per processor second, as multiples of the baseline (``benchmarks/baseline.py``).

``make test-long`` fails a step that falls below ``MARGIN`` times its target: load on the machine changes a ratio by 10 to 20 %.
"""

from __future__ import annotations

CPU_TARGETS = {"export": 2.5, "transform": 0.26, "validate": 1.1, "stage": 8.0}
MARGIN = 0.6
