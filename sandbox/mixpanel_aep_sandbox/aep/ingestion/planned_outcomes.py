"""Planned outcomes: a test determines in advance how the sandbox processes later batches."""

from __future__ import annotations

import fnmatch

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.setting_fields import is_amount
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.store import Store

_KIND = "aep/forced"
OUTCOME_KINDS = (
    "failed",
    "duplicate",
    "success",
    "stalled",
    "retrying",
    "status",
    "path",
    "partial",
    "refused",
    "delay",
)
"""The values of ``outcome`` in a plan:

* ``failed``: The batch fails, and none of its rows is loaded.
* ``duplicate``: The batch fails with Adobe's error 140.
* ``success``: The rows are processed as without a plan. The plan's ``errors`` are listed in addition to those of rows.
* ``stalled``, ``retrying``, ``status`` (any word as ``status``): Catalog shows this status instead of the final status,
  for ``seconds`` or permanently.
* ``path``: A list of ``{"status": word, "seconds": n}`` replaces the usual statuses after COMPLETE. The last entry may
  have no ``seconds``, and is then permanent.
* ``partial``: ``rows`` valid rows are lost; with ``silent`` they are not counted as failed.
* ``refused``: ``rows`` valid rows are rejected like invalid rows: they count for the error threshold and are in the
  diagnostics.
* ``delay``: The processing of the batch takes ``seconds`` longer.

For example, ``path`` lets a batch alternate between statuses (retrying, processing, retrying), stall after retries
(retrying, stalled), become active late (stalled for an hour), or have an undocumented status.
"""
_NUMBERS = (("seconds", (int, float)), ("rows", (int,)), ("times", (int,)))


def plan_outcome(store: Store, plan: object) -> None:
    """Store a plan that applies to batches that are completed later.

    Raises:
        ValueError: the plan is invalid.
    """
    if not isinstance(plan, dict) or plan.get("outcome") not in OUTCOME_KINDS:
        raise ValueError(f"A plan must be an object whose outcome is one of {', '.join(OUTCOME_KINDS)}.")
    outcome = plan["outcome"]
    if outcome == "status" and not isinstance(plan.get("status"), str):
        raise ValueError("The outcome status requires a status.")
    for name, kinds in _NUMBERS:
        if plan.get(name) is not None and not (type(plan[name]) in kinds and is_amount(plan[name])):
            raise ValueError(f"{name} must be a number that is not negative.")
    for name, expected in (("dataset", str), ("external_id", str), ("errors", list)):
        if type(plan.get(name)) not in (expected, type(None)):
            raise ValueError(f"{name} must be of type {expected.__name__}.")
    if outcome == "delay" and plan.get("seconds") is None:
        raise ValueError("The outcome delay requires seconds.")
    if outcome == "path":
        _check_path(plan.get("path"))
    with store.transaction():
        plans = planned_outcomes(store)
        store.put(_KIND, "plans", {"plans": [*plans, {**plan, "times": plan.get("times") or 1}]})


def _check_path(path: object) -> None:
    """Raise ValueError unless ``path`` is a list of statuses with durations."""
    steps = path if isinstance(path, list) else []
    for number, step in enumerate(steps, 1):
        known = isinstance(step, dict) and isinstance(step.get("status"), str)
        seconds = step.get("seconds") if known else None
        lasts = isinstance(seconds, (int, float)) and seconds is not True and is_amount(seconds)
        if not known or not (lasts or (seconds is None and number == len(steps))):
            raise ValueError(
                "Every step of a path requires a status and seconds; only the last step may have no seconds."
            )
    if not steps:
        raise ValueError("The outcome path requires a path.")


def planned_outcomes(store: Store) -> list[JsonObject]:
    """Return all stored plans, in the order in which they are tried."""
    return list((store.get(_KIND, "plans") or {"plans": []})["plans"])


def drop_planned_outcomes(store: Store) -> None:
    """Delete all stored plans."""
    store.delete(_KIND, "plans")


def use_planned_outcome(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Return the effects of the first plan that applies to a batch, and count this use; {} if no plan applies.

    A plan applies to ``times`` batches and is then deleted.
    """
    store = scope.state.store
    plans = planned_outcomes(store)
    for plan in plans:
        if plan["times"] <= 0 or not _applies_to(plan, batch):
            continue
        plan["times"] -= 1
        store.put(_KIND, "plans", {"plans": [each for each in plans if each["times"] > 0]})
        return _effect(plan)
    return {}


def _applies_to(plan: JsonObject, batch: JsonObject) -> bool:
    if plan.get("dataset") not in (None, batch["dataset"]):
        return False
    return fnmatch.fnmatchcase(batch["externalId"], plan.get("external_id") or "*")


def _effect(plan: JsonObject) -> JsonObject:
    """Convert a plan to the object that a batch stores as ``planned_outcome``, and that its processing reads."""
    outcome = plan["outcome"]
    if outcome == "delay":
        return {"delay_seconds": plan["seconds"]}
    if outcome == "path":
        return {"words": [[step["status"], step.get("seconds")] for step in plan["path"]], "at_once": True}
    if outcome in ("stalled", "retrying", "status"):
        return {"words": [[plan.get("status", outcome), plan.get("seconds")]]}
    if outcome == "partial":
        rows = plan.get("rows")
        return {"lose": 1 if rows is None else rows, "silent": bool(plan.get("silent"))}
    if outcome == "refused":
        return {"refuse": 1 if plan.get("rows") is None else plan["rows"]}
    if outcome == "success":
        return {"listed": plan.get("errors") or []}
    return {"fail": True, "duplicate": outcome == "duplicate", "errors": plan.get("errors")}
