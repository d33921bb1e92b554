"""Remove the tickets of rate budgets that no limit counts any more; all pipelines of a lake share its budgets."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from include.errors import AccessDenied
from include.failpoint import failpoint
from include.lake.lake import Lake, LakeObject
from include.lake.own_keys import BUDGET
from include.lake.rate_budget import BUDGETS, expired_objects

log = logging.getLogger(__name__)
_KEPT = timedelta(days=2)
"""Twice the longest period of a limit (24 hours, for Profile's batches), because a worker's clock may be wrong."""


def expired_tickets(lake: Lake, now: datetime) -> Iterator[LakeObject]:
    """Yield the objects of rate budgets that no request needs any more: old tickets, and states of unused budgets."""
    for name in lake.folders(BUDGETS):
        objects = lake.objects(f"{BUDGETS}/{name}")
        own = (each for each in objects if re.fullmatch(BUDGET, each.key, re.ASCII))
        yield from expired_objects(lake, own, now - _KEPT)


def remove_tickets(lake: Lake, now: datetime, *, dry_run: bool = False) -> list[LakeObject]:
    """Remove expired tickets, and return them; a dry run only returns them.

    If the credential may not remove them, they stay in the lake, which does no harm: they are small.
    """
    removed = []
    for found in expired_tickets(lake, now):
        # Check again: a request may have replaced the state since the listing.
        if not dry_run and lake.modified(found.key) <= now - _KEPT:
            failpoint("clean.remove.before")
            try:
                lake.remove_object(found.key)
            except AccessDenied as denied:
                log.warning(
                    "Tickets of rate budgets below %s/ stay in the lake: %s", BUDGETS, denied.sentence
                )
                break
            failpoint("clean.remove.after")
        removed.append(found)
    return removed
