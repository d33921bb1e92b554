"""The host name of a worker, as ``[core] hostname_callable``: workers on one machine have different names."""

from __future__ import annotations

import os
import socket


def host_name() -> str:
    return os.environ.get("TESTS_HOST_NAME") or socket.gethostname()
