#!/usr/bin/env bash
# Before the demo's packages are installed: are its ports free? Names every port in use at once. Once .venv exists,
# scripts/demo checks the ports itself, and recognizes a demo that is already running.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ ! -e .venv/.mixpanel-aep-stamp ] || exit 0
find_python
"$PYTHON" -I -S - "$@" <<'PROGRAM'
import os
import socket
import sys

DEFAULTS = {"PORT": 8080, "SANDBOX_PORT": 8765, "WORKER_LOG_PORT": 8793, "TRIGGER_LOG_PORT": 8794}
if os.environ.get("LAKE") == "s3":
    DEFAULTS["S3_PORT"] = 8766
taken = []
for name, default in DEFAULTS.items():
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        continue  # scripts/demo/settings.py says what is wrong with it
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError:
            taken.append((name, int(text)))
if taken:
    used = ", ".join(f"{name}={port}" for name, port in taken)
    other = " ".join(f"{name}={port + 10000 if port < 55536 else port - 10000}" for name, port in taken)
    print(f"Other programs use these ports of the demo: {used}. Nothing was installed.", file=sys.stderr)
    print(f"Choose others: make demo {other}", file=sys.stderr)
    sys.exit(2)
PROGRAM
