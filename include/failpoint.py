"""Named points of the code at which tests can kill or pause the current process, to simulate a crash.

The variable ``MIXPANEL_AEP_FAILPOINTS`` contains plans, separated by blanks. ``ledger.created.after:2=exit`` ends the
process when it passes the point ``ledger.created.after`` for the second time, without cleanup, like SIGKILL. With
``stop`` instead of ``exit``, the process is paused by SIGSTOP until another process sends SIGCONT. Without the
variable, the points have no effect.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter

VARIABLE = "MIXPANEL_AEP_FAILPOINTS"
KILLED = 137
"""The exit code of a process that SIGKILL ended, as shells and container runtimes report it."""

_PLAN = re.compile(r"(?P<name>[a-z_.]+):(?P<number>[1-9]\d*)=(?P<action>exit|stop)")
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kill or pause the process if ``MIXPANEL_AEP_FAILPOINTS`` has a plan for this pass of the point ``name``."""
    if (plans := os.environ.get(VARIABLE)) is not None:
        _execute_plan(name, plans)


def _execute_plan(name: str, plans: str) -> None:
    _passed[name] += 1
    for plan in plans.split():
        match = _PLAN.fullmatch(plan)
        if match is None:
            raise ValueError(f"{VARIABLE}: {plan!r} is not a plan; use the form ledger.created.after:1=exit")
        if (match["name"], int(match["number"])) != (name, _passed[name]):
            continue
        if match["action"] == "exit":
            os._exit(KILLED)
        os.kill(os.getpid(), signal.SIGSTOP)
