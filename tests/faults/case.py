"""A case of the fault matrix, as data: what happens, in which order, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.faults.observation import LakeKind
from tests.faults.process_run import DAYS, Run
from tests.faults.scenario import Scenario, event

Json = Mapping[str, Any]
ALL_OF_IT = ("claimed", "created", "completing", "active")
"""The ledger of a partition that one batch brought in without any trouble."""


@dataclass(frozen=True)
class Go:
    """One try of a run. ``ends``: ``green``, ``died``, ``again:TruncatedExport`` (Airflow retries), ``red:BadManifest``."""

    run: Run = field(default_factory=Run)
    ends: str = "green"
    says: str = ""
    """A regular expression for the error's sentence and hint."""


@dataclass(frozen=True)
class Together:
    """Concurrent runs. Those that stop at a failpoint are resumed in order when the others have ended.

    ``between``: what happens after the first one has stopped.
    """

    runs: tuple[Run, ...]
    ends: tuple[str, ...]
    """Of each run, a regular expression; a run that lost a race may be retried."""
    between: tuple[Do, ...] = ()


@dataclass(frozen=True)
class Do:
    """Something that happens outside: at Mixpanel, at AEP, to the lake, by a person."""

    what: str
    how: Callable[[Scenario], object]


Act = Go | Together | Do


@dataclass(frozen=True)
class Case:
    """``id``: of the matrix, and after a slash the variant. ``left``: the kinds of things that may be left behind."""

    id: str
    fault: str
    expected: str
    acts: tuple[Act, ...]
    events: Sequence[Json] = field(default_factory=lambda: three())
    lake: LakeKind = "disk"
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the pipeline file, by section."""
    scenario: Mapping[str, Any] = field(default_factory=dict)
    """Changes to ``Where``: limits, connections."""
    tagged: bool = True
    """False: an earlier version has set it up, so that neither the lake nor the dataset has an id."""
    finally_: str | None = "green"
    """How the same run ends when it is tried until it does; None: it is left as the acts have left it."""
    run: Run = field(default_factory=Run)
    active: int | None = 3
    """Rows that AEP holds; None: whatever the sets say."""
    quarantined: int = 0
    batches: int | None = 1
    """Batches that were ever made; None: any number."""
    ledger: tuple[str, ...] | None = None
    left: frozenset[str] = frozenset()
    lost: int = 0
    """Events that are nowhere yet, because the case ends red."""
    check: Callable[[Scenario], object] | None = None
    """What else has to be so."""

    @property
    def number(self) -> str:
        return self.id.partition("/")[0]


@dataclass(frozen=True)
class Elsewhere:
    """A case that other tests show, which ``make faults`` runs with it: ``tests`` are files or node ids."""

    id: str
    fault: str
    expected: str
    tests: tuple[str, ...]

    @property
    def number(self) -> str:
        return self.id.partition("/")[0]


def three(day: date = DAYS[0], prefix: str = "i") -> tuple[Json, ...]:
    """Return three events of a day."""
    return tuple(
        event(name, day=day, key=f"{prefix}-{name}-{day}") for name in ("Viewed", "Added", "Purchase")
    )


def run(failpoints: str = "", **more: Any) -> Run:
    """Return the scheduled run, which dies or stops at ``failpoints``."""
    return Run(failpoints=failpoints, **more)


def dies(at: str, times: int = 1, **more: Any) -> Go:
    """Return a try that dies the ``times``-th time that it reaches a failpoint."""
    return Go(run(f"{at}:{times}=exit", **more), "died")


def add(*events: Json) -> Do:
    return Do("events arrive", lambda scenario: scenario.add(*events))


def fault(fault: Json) -> Do:
    return Do(f"planned: {fault['action']}", lambda scenario: scenario.fault(fault))


def forced(*plans: Json) -> Do:
    return Do(f"the next batches: {plans}", lambda scenario: scenario.forced(*plans))


def becomes(status: str) -> Do:
    return Do(f"the newest batch is {status} from now on", lambda scenario: scenario.batch_becomes(status))


NO_FAULTS = Do("the services behave again", lambda scenario: scenario.no_faults())


def settings(**changes: Any) -> Do:
    return Do(f"AEP: {changes}", lambda scenario: scenario.settings(**changes))
