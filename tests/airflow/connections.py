"""Airflow connections of the demo, as environment variables that point to a sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.pipeline_runner import CONNECTIONS, quick_sandbox


def connection_variables(url: str, **changed: dict[str, str]) -> dict[str, str]:
    """``AIRFLOW_CONN_*`` for every connection of ``airflow_settings.yaml``; ``changed``: fields, by connection type."""
    scenario = urlsplit(url)
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(
            {
                "conn_type": row["conn_type"],
                "host": scenario.hostname,
                "port": scenario.port,
                "login": row["conn_login"],
                "password": row["conn_password"],
                "extra": row["conn_extra"],
                **changed.get(row["conn_type"], {}),
            }
        )
        for name, row in CONNECTIONS.items()
    }


@contextmanager
def connected_sandbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start a fast sandbox below ``folder``, with Airflow connections to it and a lake; yield its address."""
    with quick_sandbox(folder / "sandbox") as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{folder}/lake")
        yield server.url
