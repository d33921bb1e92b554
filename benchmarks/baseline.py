"""The baseline: the minimal work to read a day with Python, decompressing it and decoding every line.

    python -m benchmarks.baseline events.jsonl.gz

``gzip`` of the standard library decompresses; ``msgspec.json.decode`` decodes each line into Python values, as fast as
orjson. Prints the number of events and the seconds as JSON.
"""

from __future__ import annotations

import gzip
import json
import sys
import time

import msgspec


def read(path: str) -> tuple[int, int]:
    """Return the number of events, and of decompressed bytes."""
    events, size, decode = 0, 0, msgspec.json.decode
    with gzip.open(path, "rb") as file:
        for line in file:
            try:
                decode(line)
            except msgspec.DecodeError:  # such as a number beyond 64 bits
                json.loads(line)
            events += 1
            size += len(line)
    return events, size


if __name__ == "__main__":
    began = time.process_time()
    events, size = read(sys.argv[1])
    print(json.dumps({"events": events, "bytes": size, "cpu_seconds": time.process_time() - began}))
