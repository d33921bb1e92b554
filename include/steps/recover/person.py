"""Identify the person who changes a ledger, for the records of the ledger."""

from __future__ import annotations

import getpass
import os
import socket


def current_person() -> str:
    """Return the operating system's user and host, as ``user@host``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # the user of a container may have no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
