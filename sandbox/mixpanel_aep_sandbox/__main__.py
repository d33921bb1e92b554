"""``python -m mixpanel_aep_sandbox``: serve Mixpanel, IMS and AEP on one local port."""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from pathlib import Path
from typing import TextIO

from mixpanel_aep_sandbox.core.environment import reason_not_to_start

_START_FAILED = 2
_ABOUT = """Local stand-ins for Mixpanel's raw event export, Adobe IMS and Adobe Experience Platform, after their
documentation, on one port. For tests and demos: no account, no network and no Airflow are needed."""
_EPILOG = """When the sandbox is ready, it prints one line of JSON on stdout: {"url": ..., "state": ...}. It exits with
code 0 on SIGTERM or SIGINT. <url>/_sandbox/ shows the demo credentials, every route, and how to plan faults;
docs/sandbox.md describes everything else. Exit code 2: the sandbox did not start; one sentence on stderr gives the
reason."""


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until SIGTERM or SIGINT, and return the exit code of the process.

    Print the sandbox's URL and state folder as one JSON line on stdout when the server accepts connections. Return 0
    after a normal stop and 2 if the start failed. ``arguments``: command-line arguments; None means ``sys.argv``.
    """
    args = _parser().parse_args(arguments)
    if (reason := reason_not_to_start()) is not None:
        return _exit_with_error(reason)
    # Imported late, so that the check above exits quickly.
    from mixpanel_aep_sandbox.aep.query_service.listener import QueryListener
    from mixpanel_aep_sandbox.core.server import listen, make_server, url_of
    from mixpanel_aep_sandbox.core.state import SandboxState
    from mixpanel_aep_sandbox.core.store import Store

    try:
        listener = listen(args.host, args.port)
    except (OSError, OverflowError) as error:
        return _exit_with_error(f"The sandbox cannot listen on {args.host} port {args.port}: {error}.")
    try:
        lock = _lock(args.state)
        state = SandboxState(Store(args.state))
    except BlockingIOError:
        return _exit_with_error(
            f"The sandbox cannot use {args.state}: another sandbox process uses this folder."
            " Stop that process, or choose another folder with --state."
        )
    except OSError as error:
        return _exit_with_error(f"The sandbox cannot keep its state in {args.state}: {error}.")
    try:
        queries = QueryListener(state, args.query_port, args.host)
    except (OSError, OverflowError) as error:
        return _exit_with_error(f"The sandbox cannot listen on {args.host} port {args.query_port}: {error}.")
    url = url_of(listener)
    line = json.dumps({"url": url, "state": str(args.state.resolve())})

    def announce() -> None:
        print(line, flush=True)  # noqa: T201 - the one line of output
        if sys.stderr.isatty():
            sys.stderr.write(_welcome(url))

    queries.start()
    own_name = f"[{args.host}]" if ":" in args.host else args.host
    make_server(state, announce, [own_name, *args.host_name]).run(sockets=[listener])
    queries.stop()
    state.store.close()
    lock.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mixpanel-aep-sandbox", description=_ABOUT, epilog=_EPILOG)
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 (the default) takes any free port"
    )
    parser.add_argument(
        "--query-port",
        type=int,
        default=0,
        help="port for Query Service (PostgreSQL's protocol); 0 (the default) takes any free port",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s). On any other address, the services answer every client"
        " that can reach it; the control plane still answers this computer only",
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name that the control plane accepts, such as a container's name; may be given several"
        " times. Requests with any other Host than this, --host or a loopback name are rejected, so that no web"
        " page can use the control plane",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(".run/sandbox"),
        help="folder for all stored state (default: %(default)s); delete it, or POST to /_sandbox/reset, to"
        " start with an empty sandbox",
    )
    return parser


def _lock(state: Path) -> TextIO:
    """Lock the state folder until the returned file is closed. Raises BlockingIOError if another process locked it."""
    state.mkdir(parents=True, exist_ok=True)
    file = (state / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _welcome(url: str) -> str:
    """Return the greeting for an interactive terminal: the sandbox's URL and the demo credentials."""
    from mixpanel_aep_sandbox.demo_data import credentials

    lines = ["", f"The sandbox is ready: {url}", f"Routes and planned faults: {url}/_sandbox/", ""]
    for service, pairs in (("Mixpanel", credentials.MIXPANEL), ("Adobe IMS and AEP", credentials.AEP)):
        lines += [service, *(f"  {name:16}{value}" for name, value in pairs.items()), ""]
    return "\n".join([*lines, "Press Ctrl-C to stop it.", ""])


def _exit_with_error(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return _START_FAILED


if __name__ == "__main__":
    raise SystemExit(main())
