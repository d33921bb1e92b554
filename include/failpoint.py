"""Named points at which a test can end or stop the current process, like a crash; inert otherwise.

``MIXPANEL_AEP_FAILPOINTS`` contains plans, separated by blanks: ``ledger.created.after:2=exit`` ends the process the
second time that it passes that point. ``exit`` ends the process without cleanup, like SIGKILL; ``stop`` sends SIGSTOP,
after which another process must continue it.
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
    """Mark a point of the code. It has no effect unless the environment has a plan for it."""
    if (plans := os.environ.get(VARIABLE)) is not None:
        _reached(name, plans)


def _reached(name: str, plans: str) -> None:
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
