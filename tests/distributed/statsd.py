"""Receives the timers that Airflow sends to StatsD."""

from __future__ import annotations

import socket
import threading
from collections import defaultdict
from statistics import quantiles

_LARGEST_DATAGRAM = 65_535


class Timers:
    """A StatsD server on a free UDP port of this machine. Values are milliseconds."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._receive, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """Return the variables with which Airflow sends its metrics here."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self._socket.getsockname()[1]),
        }

    def restart(self) -> None:
        """Forget all values."""
        self.values.clear()

    def seconds(self, name: str) -> tuple[float, float, float]:
        """Return median, 95th percentile and maximum of a timer in seconds; zeros without values."""
        found = [value / 1000 for value in self.values.get(f"airflow.{name}", [])]
        if len(found) < 2:
            return (found[0],) * 3 if found else (0.0,) * 3
        cuts = quantiles(found, n=100, method="inclusive")
        return cuts[49], cuts[94], max(found)

    def _receive(self) -> None:
        while True:
            for line in self._socket.recv(_LARGEST_DATAGRAM).decode(errors="replace").splitlines():
                name, _, rest = line.partition(":")
                value, _, kind = rest.partition("|")
                if kind.startswith("ms"):
                    self.values[name].append(float(value))
