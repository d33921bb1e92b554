"""What the steps should reach: events per processor second, as a multiple of the baseline's (``benchmarks/baseline.py``).

``make faults`` fails a step that falls below ``MARGIN`` times its target: a loaded machine moves a ratio by a tenth or two.
"""

from __future__ import annotations

CPU_TARGETS = {"export": 2.5, "transform": 0.2, "validate": 0.9, "stage": 2.0}
MARGIN = 0.6
