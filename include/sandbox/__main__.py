"""``python -m include.sandbox``: Mixpanel, IMS and AEP on one local port."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

_REFUSED = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; one JSON line on stdout says where. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes any free port")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; loopback unless you say so"
    )
    parser.add_argument("--state", type=Path, default=Path(".run/sandbox"), help="folder to remember in")
    given = parser.parse_args(arguments)
    if os.environ.get("MIXPANEL_AEP_ENV", "").strip().lower() == "production":
        return _refuse("The sandbox does not start where MIXPANEL_AEP_ENV is production.")
    # Imported late, so that a refusal costs nothing.
    from include.sandbox.server import listen, make_server, url_of
    from include.sandbox.store import Store
    from include.sandbox.world import World

    try:
        listener = listen(given.host, given.port)
    except (OSError, OverflowError) as error:
        return _refuse(f"The sandbox cannot listen on {given.host} port {given.port}: {error}.")
    try:
        world = World(Store(given.state))
    except OSError as error:
        return _refuse(f"The sandbox cannot keep its state in {given.state}: {error}.")
    line = json.dumps({"url": url_of(listener), "state": str(given.state.resolve())})
    server = make_server(world, lambda: print(line, flush=True))  # noqa: T201 - the one line of output
    server.run(sockets=[listener])
    world.store.close()
    return 0


def _refuse(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return _REFUSED


if __name__ == "__main__":
    raise SystemExit(main())
