"""``python -m mixpanel_aep_sandbox``: Mixpanel, IMS and AEP on one local port."""

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
_MORE = """Once it is ready, one line of JSON on stdout says where: {"url": ..., "state": ...}. It ends, with success, on
SIGTERM or SIGINT. <url>/_sandbox/ shows the demo credentials, every route, and how to plan faults; docs/sandbox.md
tells the rest. Exit code 2: it did not start, and one sentence on stderr says why."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; one JSON line on stdout says where. Returns the exit code."""
    given = _parser().parse_args(arguments)
    if (reason := reason_not_to_start()) is not None:
        return _exit_with_error(reason)
    # Imported late, so that a refusal costs nothing.
    from mixpanel_aep_sandbox.aep.query_service.listener import QueryListener
    from mixpanel_aep_sandbox.core.server import listen, make_server, url_of
    from mixpanel_aep_sandbox.core.state import SandboxState
    from mixpanel_aep_sandbox.core.store import Store

    try:
        listener = listen(given.host, given.port)
    except (OSError, OverflowError) as error:
        return _exit_with_error(f"The sandbox cannot listen on {given.host} port {given.port}: {error}.")
    try:
        lock = _lock(given.state)
        state = SandboxState(Store(given.state))
    except BlockingIOError:
        return _exit_with_error(f"The sandbox cannot use {given.state}: another one does.")
    except OSError as error:
        return _exit_with_error(f"The sandbox cannot keep its state in {given.state}: {error}.")
    try:
        queries = QueryListener(state, given.query_port, given.host)
    except (OSError, OverflowError) as error:
        return _exit_with_error(
            f"The sandbox cannot listen on {given.host} port {given.query_port}: {error}."
        )
    url = url_of(listener)
    line = json.dumps({"url": url, "state": str(given.state.resolve())})

    def announce() -> None:
        print(line, flush=True)  # noqa: T201 - the one line of output
        if sys.stderr.isatty():
            sys.stderr.write(_welcome(url))

    queries.start()
    own_name = f"[{given.host}]" if ":" in given.host else given.host
    make_server(state, announce, [own_name, *given.host_name]).run(sockets=[listener])
    queries.stop()
    state.store.close()
    lock.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mixpanel_aep_sandbox", description=_ABOUT, epilog=_MORE)
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; any free one when it is 0 (the default)"
    )
    parser.add_argument(
        "--query-port",
        type=int,
        default=0,
        help="port for Query Service (PostgreSQL's protocol); any free one when it is 0 (the default)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s). On any other one the services answer to whoever reaches"
        " it; the control plane still answers to this computer only",
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which the control plane may be called, such as the one of a container; may be given several"
        " times. Requests whose Host is another name than this, --host or one of loopback are refused, so that no web"
        " page can drive the control plane",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(".run/sandbox"),
        help="folder to remember everything in (default: %(default)s); delete it, or POST to /_sandbox/reset, to"
        " begin anew",
    )
    return parser


def _lock(state: Path) -> TextIO:
    """Keeps a second process off the folder, as long as this one lives. Raises BlockingIOError when there is one."""
    state.mkdir(parents=True, exist_ok=True)
    file = (state / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _welcome(url: str) -> str:
    """What a person at a terminal wants to know first."""
    from mixpanel_aep_sandbox.demo_data import credentials

    lines = ["", f"The sandbox is ready: {url}", f"All its routes, and faults: {url}/_sandbox/", ""]
    for service, pairs in (("Mixpanel", credentials.MIXPANEL), ("Adobe IMS and AEP", credentials.AEP)):
        lines += [service, *(f"  {name:16}{value}" for name, value in pairs.items()), ""]
    return "\n".join([*lines, "Ctrl-C ends it.", ""])


def _exit_with_error(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return _START_FAILED


if __name__ == "__main__":
    raise SystemExit(main())
