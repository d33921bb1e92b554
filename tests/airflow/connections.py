"""Airflow connections of the demo, as environment variables that point to a sandbox."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from tests.support.pipeline_runner import CONNECTIONS


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
