"""The least that reading a day can mean with the standard library: inflate it and decode every line.

    python -m benchmarks.baseline events.jsonl.gz

``gzip`` of the standard library inflates; ``msgspec.json.decode`` decodes each line into Python values, as fast as
orjson does. Prints the number of events and the seconds as JSON.
"""

from __future__ import annotations

import gzip
import json
import sys
import time

import msgspec


def read(path: str) -> tuple[int, int]:
    """Returns the number of events, and of bytes inflated."""
    events, size, decode = 0, 0, msgspec.json.decode
    with gzip.open(path, "rb") as file:
        for line in file:
            try:
                decode(line)
            except msgspec.DecodeError:  # a number beyond 64 bits and the like: read all the same
                json.loads(line)
            events += 1
            size += len(line)
    return events, size


if __name__ == "__main__":
    began = time.process_time()
    events, size = read(sys.argv[1])
    print(json.dumps({"events": events, "bytes": size, "cpu_seconds": time.process_time() - began}))
