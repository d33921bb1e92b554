"""A day of hostile names, processed by all five steps once for each module that checks the result."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.security.canary_run import DAY, Running, all_logs, event, running
from tests.security.hostile_names import ALL


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A day whose events, properties and ids have every hostile name; ``said``: what was logged in the meantime."""
    with running(tmp_path_factory.mktemp("names")) as place:
        place.add(*(
            event(text, n, **{text: text, "distinct_id": text, "$insert_id": f"{n}{text}", "$user_id": text})
            for n, text in enumerate(ALL.values())
        ))  # fmt: skip
        place.runner.setup()
        with all_logs() as logs:
            place.runner.run_partition(DAY)
        place.said = logs.getvalue()
        yield place


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine with another program, and what it received."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(4000))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
