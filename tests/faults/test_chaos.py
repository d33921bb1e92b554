"""Random plans of faults; a failing plan is reduced before it is reported.

``PLANS``: how many. ``SEED``: the first seed. ``MINUTES``: how long ``make faults`` may take in total.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.faults.chaos.plan import Plan, plan_of
from tests.faults.chaos.prepared_days import Prepared
from tests.faults.chaos.run import run_plan
from tests.faults.checker import Unexplained
from tests.faults.environment import FaultEnvironment

pytestmark = pytest.mark.sandbox
_PLANS, _SEED = int(os.environ.get("PLANS", "500")), int(os.environ.get("SEED", "1"))
_BEGAN, _MINUTES = float(os.environ.get("FAULTS_BEGAN", "inf")), float(os.environ.get("MINUTES", "10"))
_MOST_SMALLER = 12
_LAST_SECONDS = 20


@pytest.mark.parametrize("seed", range(_SEED, _SEED + _PLANS))
def test_a_random_plan(
    seed: int, stage: FaultEnvironment, prepared: Prepared, record_property: Callable[[str, object], None]
) -> None:
    if time.time() > _BEGAN + 60 * _MINUTES - _LAST_SECONDS:
        pytest.skip("time is up")
    plan = plan_of(seed)
    try:
        sets = run_plan(plan, stage, prepared, f"plan-{seed}")
    except AssertionError as broken:
        record_property("unexplained", len(broken.ends) if isinstance(broken, Unexplained) else 0)
        smallest = _shrunk(plan, stage, prepared)
        pytest.fail(f"PLANS=1 SEED={seed} breaks a promise: {broken}\nsmallest plan that does: {smallest}")
    record_property("seed", seed)
    for name in ("lost", "duplicate", "phantom"):
        record_property(name, getattr(sets, name))


def _shrunk(plan: Plan, stage: FaultEnvironment, prepared: Prepared) -> Plan:
    """Reduce the plan: remove every fault and run that the failure does not need."""
    for number in range(_MOST_SMALLER):
        for smaller in plan.smaller():
            try:
                run_plan(smaller, stage, prepared, f"plan-{plan.seed}-smaller-{number}-{id(smaller)}")
            except AssertionError:
                plan = smaller
                break
        else:
            break
    return plan
