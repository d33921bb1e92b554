"""The suite can fail: each deliberate bug of the product is caught, and the product itself passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.failures.failure import cut
from tests.faults import broken
from tests.faults.case import Case, Together, add, fault, run
from tests.faults.environment import FaultEnvironment
from tests.faults.matrix import CASES
from tests.faults.run_case import play
from tests.faults.scenario import Scenario, event

pytestmark = pytest.mark.sandbox

_OVERTAKEN = Together(
    (
        run("batch.complete.before:1=stop", name="one"),
        run("ledger.claimed.after:1=stop", name="two", refresh=True),
    ),
    ("green|again:Conflict", "green|again:.*"),
    between=(add(event("Late", key="late")),),
)
"""A run pauses before COMPLETE; another one, which has seen a later event, claims the partition and pauses too."""
_CUT = {"match": {"path": "/api/2.0/export"}, **cut(before_end_bytes=40, honest=True, encoding="gzip")}


def _case(name: str) -> Case:
    """Return a case of the matrix."""
    return next(case for case in CASES if case.id == name)


_OUTAGE = _case("W10")
_UNAUDITED = replace(
    _OUTAGE, acts=tuple(act for act in _OUTAGE.acts if getattr(act, "ends", "green") == "green")
)
"""The outage, without a word about which days the audit has to name."""
_CASES: tuple[tuple[Callable[[], None], Case, str], ...] = (
    (broken.no_record_before_complete, Case("overtaken", "two runs of one day", "each event once", (_OVERTAKEN,), active=4, batches=2),
     # Found by the sets, or earlier: the witness finds the batch that no record names.
     "duplicate=|red:UnknownBatch, not green"),
    # The stored file is truncated too, and its reader refuses it.
    (broken.truncated_gzip_is_whole, Case("cut", "a gzip without its end", "the day whole", (fault(_CUT),), active=40,
                                          events=tuple(event(key=f"k{number}") for number in range(40))), "not green"),
    (broken.insert_id_alone, Case("ids", "two events share an $insert_id", "both", (), active=2,
                                  events=(event("A", key="same"), event("B", key="same"))), "phantom="),
    (broken.no_binding, _case("W01/append"), "lost="),
    (broken.one_ledger_for_all_datasets, _case("W01/append"), "not green"),
    (broken.no_answer_is_active, _case("W08/active"), "green, not again:BatchUnconfirmed"),
    (broken.audit_skips_a_day, _UNAUDITED, "lost="),
    (broken.witness_sees_nothing, _case("W07/untagged"), "green, not red:UnknownBatch"),
    (broken.newest_recipe_for_all, _case("W18"), "duplicate="),
    (broken.refused_rows_are_forgotten, _case("L17/before the ledger"), "lost="),
    (broken.no_way_out, _case("L16"), "hint=''"),
)  # fmt: skip


@pytest.mark.parametrize(("breaks", "case", "says"), _CASES, ids=[breaks.__name__ for breaks, _, _ in _CASES])
def test_a_deliberate_bug_is_caught(
    breaks: Callable[[], None], case: Case, says: str, stage: FaultEnvironment
) -> None:
    play(case, _place(stage, "sound", case))
    stage.clear_up()
    with pytest.raises(AssertionError, match=says):
        play(replace(case, scenario={"prepare": breaks}), _place(stage, breaks.__name__, case))


def _place(stage: FaultEnvironment, name: str, case: Case) -> Scenario:
    return stage.scenario(f"{name}-{case.id}-{time.monotonic_ns()}", tagged=case.tagged, **case.pipeline)
