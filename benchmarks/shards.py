"""Measures validate as one process, and as two processes that validate a shard each, followed by validate itself.

    python -m benchmarks.shards --events 400000

Prints a table: wall time, processor time and peak memory of each process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import sandbox
from benchmarks.environment import DAY, BenchmarkEnvironment
from benchmarks.event_days import write_day
from benchmarks.measure import Measured, measured
from benchmarks.variants import VARIANTS

_WHOLE, _DAY = "whole", "validate after its shards"


def main() -> None:
    """Run the benchmark, or one of its processes, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--process", nargs=4, metavar=("FOLDER", "URL", "DIGEST", "PART"))
    given = parser.parse_args()
    if given.process:
        folder, url, digest, part = given.process
        print(json.dumps(validate_part(Path(folder), url, digest, part)))
        return
    print("| process | wall | processor | peak memory |\n|---|---|---|---|")
    for name, each in measure(given.events).items():
        print(
            f"| {name} | {each.seconds:.1f} s | {each.cpu_seconds:.1f} s | {each.peak_bytes / 1e6:.0f} MB |"
        )


def measure(events: int) -> dict[str, Measured]:
    """Return what each process used, on a day whose rows are in two files."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-aep-shards-") as name:
        folder = Path(name)
        VARIANTS["shipped"].write_files(folder)
        write_day(folder / "answer.gz", events)
        with sandbox(folder) as url:
            measured("benchmarks.step", name, url, "setup")
            raw = measured("benchmarks.step", name, url, "export").said["digest"]
            mapped = measured("benchmarks.step", name, url, "transform", raw).said["digest"]

            def part(which: str) -> Measured:
                return measured("benchmarks.shards", "--process", name, url, mapped, which)

            found = {_WHOLE: part(_WHOLE)}
            shutil.rmtree(folder / f"lake/shop/{DAY}/valid")
            with ThreadPoolExecutor(2) as both:
                found |= dict(zip(("shard 1", "shard 2"), both.map(part, ("0", "1")), strict=True))
            found[_DAY] = part(_DAY)
            if found[_DAY].said != found[_WHOLE].said:
                raise RuntimeError(f"{found[_DAY].said} in shards, {found[_WHOLE].said} as a whole.")
        return found


def validate_part(folder: Path, url: str, digest: str, part: str) -> dict[str, int]:
    """Validate the day as a whole, one of its two shards, or the day after its shards; return the counts."""
    from include.steps.validate.shard_step import validate_shard
    from include.steps.validate.shards import shards_of
    from include.steps.validate.step import validate_partition

    environment = BenchmarkEnvironment(folder, url)
    environment.use_variant()
    place = environment.workspace
    mapped = place.require("transform", digest)
    if part == _WHOLE:
        return validate_partition(place, mapped).counts
    half = -(-mapped.rows // 2)
    place = replace(place, pipeline=place.pipeline.model_copy(update={"shard_events": half}))
    if part == _DAY:
        return validate_partition(place, mapped).counts
    return validate_shard(place, mapped, shards_of(mapped, half)[int(part)]).counts


if __name__ == "__main__":
    main()
