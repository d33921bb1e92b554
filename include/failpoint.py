"""Named points at which a test can end or stop this very process, as a crash would; inert otherwise.

``MIXPANEL_AEP_FAILPOINTS`` holds plans, separated by blanks: ``ledger.created.after:2=exit`` ends the process the
second time that it passes that point. ``exit`` is death without any cleaning up, as by SIGKILL; ``stop`` is SIGSTOP,
from which somebody else wakes it.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter

VARIABLE = "MIXPANEL_AEP_FAILPOINTS"
KILLED = 137
"""The exit code of a process that SIGKILL ended, as a shell and a container runtime tell it."""

_PLAN = re.compile(r"(?P<name>[a-z_.]+):(?P<number>[1-9]\d*)=(?P<action>exit|stop)")
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Marks a point of the code. Nothing happens here unless the environment says so."""
    if (plans := os.environ.get(VARIABLE)) is not None:
        _reached(name, plans)


def _reached(name: str, plans: str) -> None:
    _passed[name] += 1
    for plan in plans.split():
        match = _PLAN.fullmatch(plan)
        if match is None:
            raise ValueError(f"{VARIABLE}: {plan!r} is no plan; write one like ledger.created.after:1=exit")
        if (match["name"], int(match["number"])) != (name, _passed[name]):
            continue
        if match["action"] == "exit":
            os._exit(KILLED)
        os.kill(os.getpid(), signal.SIGSTOP)
