"""Random plans of faults, made from a seed: the same seed is the same plan."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from include.lake.ledger import Kind
from tests.failures.aep_failure import at
from tests.failures.failure import answer, cut, drop, html, sentinel
from tests.faults.observation import LakeKind
from tests.faults.process_run import DAYS, Run

Json = Mapping[str, Any]

POINTS_TO_VALIDATE = (
    "export.before", "export.piece",
    *(f"manifest.{step}.{when}" for step in ("export", "transform", "validate") for when in ("before", "after")),
)  # fmt: skip
POINTS_FROM_STAGE = (
    "lake.upload.before", "lake.upload.after", "refresh.before", "refresh.after", "manifest.stage.before", "manifest.stage.after",
    *(f"ledger.{kind}.{when}" for kind in get_args(Kind) for when in ("before", "after")),
    *(f"batch.{call}.{when}" for call in ("create", "upload", "complete", "abort") for when in ("before", "after")),
)  # fmt: skip
POINTS = POINTS_TO_VALIDATE + POINTS_FROM_STAGE
_AEP_ROUTES = ("token", "dataset", "find", "create", "upload", "complete", "poll")
_EXPORTS = {"service": "mixpanel", "path": "/api/2.0/export"}


@dataclass(frozen=True)
class Kill:
    """The first try of an actor dies, or stops until the others have ended, at a failpoint."""

    actor: int
    point: str
    number: int
    action: Literal["exit", "stop"]


@dataclass(frozen=True)
class KillAfter:
    """SIGKILL, some time after an actor's first try began."""

    actor: int
    seconds: float


@dataclass(frozen=True)
class Wire:
    """A fault of a sandbox service."""

    fault: Json


@dataclass(frozen=True)
class Storage:
    """A fault of S3."""

    match: str
    status: int
    times: int
    after: bool


@dataclass(frozen=True)
class NextBatch:
    """How one of the next batches ends."""

    plan: Json


@dataclass(frozen=True)
class Person:
    """A person ends the newest batch in AEP, or removes an active one."""

    seconds: float


@dataclass(frozen=True)
class Late:
    """An event of a day arrives."""

    day: date
    seconds: float


Change = Literal[
    "older lake", "lost lake", "dataset", "hidden batch", "second lake", "merge", "during export"
]
"""How the world changes between two runs; the last two only where the project is the plan's own."""
_OF_THE_PROJECT = ("merge", "during export")

Trouble = Kill | KillAfter | Wire | Storage | NextBatch | Person | Late


@dataclass(frozen=True)
class Plan:
    """1 to 3 concurrent runs on 3 partitions in one of two lakes, and 1 to 4 faults.

    ``prepared``: the days were exported, transformed and validated before, and no event is late.
    ``changes``: changes of the environment when the runs have ended; each is reverted before the next one.
    """

    seed: int
    lake: LakeKind
    actors: tuple[Run, ...]
    faults: tuple[Trouble, ...]
    batch_seconds: float
    prepared: bool
    changes: tuple[Change, ...] = ()
    point: str | None = None
    """Where runs die that a restored lake does not know of."""

    @property
    def days(self) -> set[date]:
        """Return the days that are run or receive a late event."""
        late = {fault.day for fault in self.faults if isinstance(fault, Late)}
        return {actor.day for actor in self.actors} | late

    def smaller(self) -> Iterator[Plan]:
        """Return the plans that lack one change, one fault, or one run."""
        for number in range(len(self.changes)):
            yield replace(self, changes=self.changes[:number] + self.changes[number + 1 :])
        for number in range(len(self.faults)):
            yield replace(self, faults=self.faults[:number] + self.faults[number + 1 :])
        for number in range(len(self.actors)):
            if len(self.actors) > 1 and not any(getattr(f, "actor", -1) >= number for f in self.faults):
                yield replace(self, actors=self.actors[:number] + self.actors[number + 1 :])


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed."""
    dice = random.Random(seed)
    lake: LakeKind = "s3" if dice.random() < 0.15 else "disk"
    prepared = dice.random() < 0.7
    # Mostly on one partition, so that runs overlap.
    days = [DAYS[0]] * 6 + [DAYS[1]] * 2 + [DAYS[2]]
    actors = tuple(
        Run(
            name=f"run-{number}",
            day=dice.choice(days),
            refresh=dice.random() < 0.4,
            replace=dice.random() < 0.15,
        )
        for number in range(dice.choice((1, 1, 1, 2, 2, 3)))
    )
    faults = tuple(_trouble(dice, len(actors), lake, prepared) for _ in range(dice.randint(1, 4)))
    seconds = dice.choice((0, 0, 0.05, 0.2))
    changes = _changes(dice, prepared)
    return Plan(
        seed, lake, actors, faults, seconds, prepared, changes, dice.choice((None, *POINTS_FROM_STAGE))
    )


def _changes(dice: random.Random, prepared: bool) -> tuple[Change, ...]:
    """None, one or two; drawn last, so that earlier draws of a seed stay the same."""
    possible = [change for change in get_args(Change) if not (prepared and change in _OF_THE_PROJECT)]
    return tuple(dice.sample(possible, dice.choice((0, 0, 0, 1, 1, 2))))


def _trouble(dice: random.Random, actors: int, lake: LakeKind, prepared: bool) -> Trouble:
    kinds = {"kill": 7, "stop": 4, "after": 3, "wire": 5, "batch": 2, "person": 2}
    kinds |= ({} if prepared else {"late": 2}) | ({"storage": 4} if lake == "s3" else {})
    points = POINTS_FROM_STAGE if prepared else POINTS
    lasts = 0.4 if prepared else 1.2
    match dice.choices(list(kinds), list(kinds.values()))[0]:
        case "kill":
            return Kill(dice.randrange(actors), dice.choice(points), dice.choice((1, 1, 1, 2, 3)), "exit")
        case "stop":
            return Kill(dice.randrange(actors), dice.choice(points), dice.choice((1, 1, 2)), "stop")
        case "after":
            return KillAfter(dice.randrange(actors), dice.uniform(0.02, lasts))
        case "wire":
            return Wire(_wire(dice))
        case "batch":
            return NextBatch(_batch(dice))
        case "person":
            return Person(dice.uniform(0.1, lasts))
        case "late":
            return Late(dice.choice(DAYS), dice.uniform(0, 1.0))
    verb = dice.choice(("PUT", "GET"))
    key = dice.choice(("/ledger/", "manifest.json", "/looks/", "/staged/", "/raw/", ""))
    return Storage(f"{verb} .*{key}", dice.choice((500, 503)), dice.choice((1, 2)), dice.random() < 0.5)


def _wire(dice: random.Random) -> Json:
    skip = dice.choice((0, 0, 1, 2))
    if dice.random() < 0.3:
        how = dice.choice((cut(), cut(honest=True), cut(before_end_bytes=8, encoding="gzip"), sentinel("terminated early"),
                           answer(503), answer(429, retry_after=1), drop(), html()))  # fmt: skip
        return {"match": _EXPORTS, **how, "skip": skip}
    how = dice.choice((drop(), drop(after=True), answer(500, after=True), answer(503), answer(429, retry_after=1),
                       answer(401, body_json={"error_code": "401013"}), html()))  # fmt: skip
    return {**at(dice.choice(_AEP_ROUTES), how), "skip": skip}


def _batch(dice: random.Random) -> Json:
    return dice.choice((
        {"outcome": "failed", "errors": [{"code": "INGEST-1401-400", "description": "x", "rows": []}]},
        {"outcome": "stalled", "seconds": 0.3},
        {"outcome": "stalled"},
        {"outcome": "path", "path": [{"status": word, "seconds": 0.1} for word in ("queued", "preparing", "retrying")]},
    ))  # fmt: skip
