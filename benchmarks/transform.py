"""How fast is the transform? Run: .venv/bin/python benchmarks/transform.py [events]

Prints for each kind of day the ratio of a baseline (gzip and one JSON decode of each line, in the same run) to the step:
of wall time, and of processor time of all processes. Then the highest memory of the process tree and of scratch.
"""

from __future__ import annotations

import gzip
import json
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import psutil

from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.steps.transform import transform_partition
from include.steps.workspace import Workspace
from include.xdm.mapping import bind
from include.xdm.schema import XdmSchema
from tests.making import DATE_TIME, INT, LONG, NUMBER, PROJECT_ID, STRING, array_of, frozen, pipeline, row
from tests.making import schema as schema_of

DAY = date(2026, 7, 1)
MIDNIGHT = 1_782_864_000
NAMES = ["Page View", "Product Viewed", "Add to Cart", "Purchase", "Search", "Login"]
CITIES = ["Oslo", "Bergen", "São Paulo", "New York", "Zürich", "Ålesund", "London"]

FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "city": ("$city", STRING), "region": ("$region", STRING), "country": ("mp_country_code", STRING),
    "browser": ("$browser", STRING), "browserVersion": ("$browser_version", INT), "os": ("$os", STRING),
    "url": ("$current_url", STRING), "referrer": ("$referrer", STRING), "height": ("$screen_height", INT),
    "width": ("$screen_width", INT), "price": ("price", NUMBER), "quantity": ("quantity", INT),
    "sku": ("sku", STRING), "currency": ("currency", STRING), "tags": ("tags", array_of(STRING)),
    "arrived": ("$mp_api_timestamp_ms", LONG), "campaign": ("campaign", STRING), "seen": ("seen", DATE_TIME),
}  # fmt: skip
EXPRESSIONS = {
    "city": "upper(properties.$city)",
    "region": "iif(properties.$screen_width > 1000, 'wide', 'narrow')",
    "browser": "concat(properties.$browser, ' ', properties.$browser_version)",
    "os": "coalesce(properties.$os, 'unknown')",
    "url": "get_url_host(properties.$current_url)",
    "sku": "sha256(properties.$insert_id)",
    "campaign": "dformat(properties.time * 1000, 'yyyy-MM-dd')",
}


@dataclass(frozen=True)
class Kind:
    """A kind of day: the share of odd lines, and whether some fields are computed."""

    name: str
    odd: float = 0.0
    computed: bool = False


KINDS = [Kind("plain"), Kind("7 expressions", computed=True), Kind("1 % odd", 0.01), Kind("100 % odd", 1.0)]


def main(events: int) -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            measure(kind, events, Path(folder))


def measure(kind: Kind, events: int, folder: Path) -> None:
    path = folder / "raw.jsonl.gz"
    size = write_day(path, events, kind.odd)
    base_wall, base_cpu, _ = timed(lambda: baseline(path))
    place = Workspace.of(Lake(f"file://{folder}/lake"), pipeline(mixpanel={"timezone": "UTC"}), DAY, frozen())
    raw = exported(place, path, events)
    xdm = XdmSchema(dict(schema_of(**{field: node for field, (_, node) in FIELDS.items()}).document))
    mapping = bind("benchmark", mapping_rows(kind.computed), xdm, keep_unmapped=True)
    tempfile.tempdir = str(folder / "scratch")
    Path(tempfile.tempdir).mkdir()
    with Watch(Path(tempfile.tempdir)) as watch:
        wall, cpu, made = timed(lambda: transform_partition(place, raw, xdm, mapping))
    tempfile.tempdir = None
    print(
        f"{kind.name:14} {events} events of {size / events:.0f} bytes: wall {wall:.2f} s ({base_wall / wall:.2f} of the "
        f"baseline), CPU {cpu:.2f} s ({base_cpu / cpu:.2f}), {watch.megabytes:.0f} MB, scratch "
        f"{watch.scratch_bytes / path.stat().st_size:.2f} of the raw gzip, mapped {made.rows}",
        flush=True,
    )


def baseline(path: Path) -> None:
    decode = msgspec.json.Decoder().decode
    with gzip.open(path, "rb") as file:
        for line in file:
            decode(line)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall and processor seconds, of children that have ended too."""
    wall, before = time.perf_counter(), _cpu()
    result = work()
    return time.perf_counter() - wall, _cpu() - before, result


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Watch:
    """The most memory of the process tree, and the most bytes in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.megabytes = 0.0
        self.scratch_bytes = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.megabytes = max(self.megabytes, total / 1e6)
            self.scratch_bytes = max(self.scratch_bytes, _size(self._folder))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def exported(place: Workspace, path: Path, events: int) -> Manifest:
    """The manifest of a raw file, as export publishes it."""
    key = f"{place.partition.output('export', 'ab' * 16)}/events.jsonl.gz"
    return place.publish(
        step="export", digest="ab" * 16, inputs={}, files=(upload_file(place.lake, key, path, events),),
        counts={"exported": events}, details={"project_id": PROJECT_ID},
    )  # fmt: skip


def mapping_rows(computed: bool) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [row("event", "eventType")]
    for field, (name, _) in FIELDS.items():
        if computed and field in EXPRESSIONS:
            made.append({**row(EXPRESSIONS[field], field), "sourceType": "EXPRESSION"})
        else:
            made.append(dict(row(f"properties.{name}", field)))
    return made


def write_day(path: Path, events: int, odd: float) -> int:
    total = 0
    chance = random.Random(2)  # noqa: S311
    with gzip.open(path, "wb", 6) as file:
        for number, text in enumerate(lines(events)):
            if chance.random() < odd:
                text = text.replace(b'"properties":{', b'"properties":{"odd" :{"n":%d},' % number, 1)
            file.write(text + b"\n")
            total += len(text) + 1
    return total


def lines(events: int) -> Iterator[bytes]:
    """Events of 21 to 31 properties, spread over the day in its order."""
    r = random.Random(1)  # noqa: S311
    for n in range(events):
        at = MIDNIGHT + n * 86_400 // events
        properties: dict[str, Any] = {
            "time": at, "distinct_id": f"u-{r.randrange(50_000)}", "$browser": r.choice(["Chrome", "Safari", "Firefox"]),
            "$browser_version": r.randrange(90, 130), "$city": r.choice(CITIES),
            "$current_url": f"https://shop.example.com/products/{r.randrange(10_000)}?utm_source=mail",
            "$device_id": f"{r.getrandbits(128):032x}", "$insert_id": f"{r.getrandbits(64):016x}",
            "$lib_version": "2.47.0", "$mp_api_endpoint": "api-js.mixpanel.com",
            "$mp_api_timestamp_ms": at * 1000 + r.randrange(3000), "$os": r.choice(["Windows", "Mac OS X", "iOS"]),
            "$region": f"Region {r.randrange(50)}", "$screen_height": 1080, "$screen_width": 1920,
            "mp_country_code": r.choice(["NO", "BR", "US", "CH"]), "mp_lib": "web",
            "mp_processing_time_ms": at * 1000 + 5000 + r.randrange(999), "$user_id": f"u-{r.randrange(50_000)}",
            "logged_in": bool(n & 1), "quantity": r.randrange(10), "session": f"{r.getrandbits(96):024x}",
        }  # fmt: skip
        name = r.choice(NAMES)
        if n % 2:
            properties["price"] = round(r.random() * 1000, 2)
        if name in ("Purchase", "Add to Cart"):
            properties |= {"sku": f"SKU-{r.randrange(1000)}", "currency": "NOK"}
        if n % 3 == 0:
            properties |= {"$referrer": "https://www.google.com/", "$referring_domain": "www.google.com"}
        if n % 5 == 0:
            properties |= {"campaign": "summer", "tags": ["a", "b"]}
        if n % 7 == 0:
            properties |= {"note": "hello", "coupon": "X"}
        if n % 11 == 0:
            properties["seen"] = "2026-07-01T12:00:00.000Z"
        event = {"event": name, "properties": properties}
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
