"""Days with events of people to forget, and a search for the ids of these people in every file of a lake."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from include.clock import Clock
from include.json_types import JsonMapping
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.signing_keys import SigningKeys
from include.steps.forget import ForgetPlan, Forgetting, Forgotten, GivenIds
from include.steps.run_day import DryRun
from include.steps.workspace import Workspace
from include.xdm.mapping.mapping_set import bind
from tests.support.builders import (
    DAY,
    LATER,
    NOON,
    PROJECT_ID,
    SOURCE,
    STRING,
    Mixpanel,
    event,
    line,
    pipeline,
    row,
    schema,
)
from tests.support.canaries import _contents

XDM = schema(city={**STRING, "maxLength": 6})
MAPPING = [row("event", "eventType"), row("properties.$city", "city")]
QUALITY = {"max_quarantined": 1.0, "allow_empty": True, "show_values": True}
ANNA, ANNAS_PHONE, BERT, SHARED = "cnry-anna", "cnry-annas-phone", "cnry-bert", "cnry-shared-tablet"


def happened(
    key: str,
    user: str | None,
    device: str | None = None,
    day: date = DAY,
    properties: JsonMapping | None = None,
) -> bytes:
    """Return an event as Mixpanel returns it; without a user it is anonymous."""
    anonymous = f"$device:{device}" if device else None
    named = {"$user_id": user, "$device_id": device, "distinct_id": user or anonymous}
    at = NOON + 86_400 * (day - DAY).days
    return line(event("Purchase", **{"$insert_id": key, "time": at, **named, **(properties or {})}))


def ticking() -> Clock:
    """Return a clock that advances one second at each reading."""
    seconds = count(int((LATER + timedelta(days=7)).timestamp()))
    return Clock(seconds=lambda: float(next(seconds)), sleep=lambda _: None)


@dataclass
class People:
    """A lake with days of a project: every step except ingest was run, so no AEP is needed."""

    url: str
    signing_keys: SigningKeys | None = None
    days: dict[date, list[bytes]] = field(default_factory=dict)
    clock: Clock = field(default_factory=ticking)
    shard_events: int | None = None

    @property
    def lake(self) -> Lake:
        return Lake(self.url, self.signing_keys)

    @property
    def root(self) -> Path:
        return Path(str(self.lake.root))

    def place(self, day: date = DAY) -> Workspace:
        settings = pipeline(quality=QUALITY).model_copy(update={"shard_events": self.shard_events})
        return Workspace.of(self.lake, settings, day, self.clock)

    def export(self, day: date = DAY, refresh: str | None = None) -> Manifest:
        return self.steps(day, refresh).export()

    def make(self, day: date = DAY, refresh: str | None = None) -> Manifest:
        """Run the steps export, transform, validate and stage."""
        return self.steps(day, refresh).to_staged()

    def steps(self, day: date, refresh: str | None = None) -> DryRun:
        mapping = bind("test.json", [dict(each) for each in MAPPING], XDM, keep_unmapped=True)
        return DryRun(self.place(day), SOURCE, Mixpanel(*self.days[day]), XDM, mapping, refresh)

    @property
    def forgetting(self) -> Forgetting:
        return Forgetting(self.lake, pipeline(quality=QUALITY), PROJECT_ID, self.clock)

    def plan(self, *ids: str, **more: Any) -> ForgetPlan:
        return self.forgetting.plan(GivenIds(frozenset(ids)), **more)

    def forget(self, *ids: str, **more: Any) -> Forgotten:
        forgetting = self.forgetting
        return forgetting.apply(forgetting.plan(GivenIds(frozenset(ids)), **more), "test/me@here")

    def kept(self) -> list[str]:
        """Return the ``$insert_id``s of all raw events in the lake, with duplicates."""
        found = []
        for path in sorted(self.root.glob("*/*/raw/*/*.jsonl.gz")):
            found += [
                json.loads(text)["properties"]["$insert_id"]
                for text in gzip.decompress(path.read_bytes()).split(b"\n")
                if text
            ]
        return sorted(found)

    def files(self) -> dict[str, bytes]:
        """Return every file of the lake."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


def named_in(root: Path, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the files of a lake that contain an id: in their names, their bytes, and what gzip and Parquet make of these."""
    return [
        (path.relative_to(root).as_posix(), each)
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for each in ids
        if each in str(path) or any(each.encode() in data for _, data in _contents(path))
    ]


def later(days: int) -> date:
    return DAY + timedelta(days=days)


def usual_days() -> dict[date, list[bytes]]:
    """Return the lines of two days: Anna with her phone, Bert, and a tablet that both use; one line of each kind that is refused."""
    first = [
        happened("a1", ANNA, ANNAS_PHONE, properties={"$city": "Oslo"}),
        happened("a2", None, ANNAS_PHONE),
        happened("a3", ANNA, SHARED),
        happened("b1", BERT, SHARED),
        happened("s1", None, SHARED),
        happened("a4", ANNA, None, properties={"$city": "too long for its field"}),
        happened("b2", BERT, None, properties={"$city": "also too long for it"}),
        happened("a5", ANNA, None, day=later(40)),
        happened("b3", BERT, None, day=later(40)),
    ]
    second = [happened("a6", None, ANNAS_PHONE, day=later(1)), happened("b4", BERT, None, day=later(1))]
    return {DAY: first, later(1): second}


def every_line(days: dict[date, list[bytes]]) -> Iterator[bytes]:
    for lines in days.values():
        yield from lines
