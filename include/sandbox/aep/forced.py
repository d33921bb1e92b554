"""Ends of batches that a test asks for beforehand."""

from __future__ import annotations

import fnmatch
from typing import Any

from include.sandbox.aep.place import Place
from include.sandbox.store import Store

_KIND = "aep/forced"
OUTCOMES = ("failed", "stalled", "retrying", "status", "partial", "delay")
"""``failed``: no row gets in. ``stalled``, ``retrying`` and ``status`` (with ``status``: any word): shown at the end
instead of it, for ``seconds`` or for good. ``partial``: ``rows`` of the good rows are lost; with ``silent`` they are
not counted as failed. ``delay``: takes ``seconds`` longer."""


def plan_forced(store: Store, plan: dict[str, Any]) -> None:
    """Keeps a plan for batches that are completed later. Raises ValueError for one that makes no sense."""
    outcome = plan.get("outcome")
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}.")
    if outcome == "status" and not isinstance(plan.get("status"), str):
        raise ValueError("outcome status needs a status.")
    for name, kinds in (("seconds", (int, float)), ("rows", (int,)), ("times", (int,))):
        if plan.get(name) is not None and not isinstance(plan[name], kinds):
            raise ValueError(f"{name} must be a number.")
    if outcome == "delay" and plan.get("seconds") is None:
        raise ValueError("outcome delay needs seconds.")
    with store.transaction():
        plans = planned(store)
        store.put(_KIND, "plans", {"plans": [*plans, {"times": 1, **plan}]})


def planned(store: Store) -> list[dict[str, Any]]:
    return list((store.get(_KIND, "plans") or {"plans": []})["plans"])


def drop_forced(store: Store) -> None:
    store.delete(_KIND, "plans")


def take_forced(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    """What is planned for this batch; a plan is used up after ``times`` batches."""
    store = place.world.store
    plans = planned(store)
    for plan in plans:
        if plan["times"] <= 0 or not _fits(plan, batch):
            continue
        plan["times"] -= 1
        store.put(_KIND, "plans", {"plans": [each for each in plans if each["times"] > 0]})
        return _effect(plan)
    return {}


def _fits(plan: dict[str, Any], batch: dict[str, Any]) -> bool:
    if plan.get("dataset") not in (None, batch["dataset"]):
        return False
    return fnmatch.fnmatchcase(batch["externalId"], plan.get("external_id") or "*")


def _effect(plan: dict[str, Any]) -> dict[str, Any]:
    outcome = plan["outcome"]
    if outcome == "delay":
        return {"delay_seconds": plan["seconds"]}
    if outcome in ("stalled", "retrying", "status"):
        return {"status": plan.get("status", outcome), "seconds": plan.get("seconds")}
    if outcome == "partial":
        return {"lose": plan.get("rows", 1), "silent": bool(plan.get("silent"))}
    return {"fail": True, "errors": plan.get("errors")}
