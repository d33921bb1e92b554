"""Loads ``airflow_settings.yaml`` (the Astro CLI's format) into a plain Airflow.

``python -m mixpanel_aep.settings airflow_settings.yaml [--sandbox-port N] [--variable NAME=VALUE]``
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

_Rows = dict[str, Any]


def convert(settings: Mapping[str, Any], sandbox_port: int | None = None) -> dict[str, _Rows]:
    """The settings as ``airflow connections|pools|variables import`` read them; entries without a name are skipped.

    ``sandbox_port`` replaces the port of every connection that is to the local sandbox.
    """
    airflow = settings.get("airflow") or {}
    connections = {
        row["conn_id"]: _connection(row, sandbox_port)
        for row in airflow.get("connections") or []
        if row.get("conn_id")
    }
    pools = {
        row["pool_name"]: {
            "slots": int(row["pool_slot"]),
            "description": row.get("pool_description") or "",
            "include_deferred": False,
        }
        for row in airflow.get("pools") or []
        if row.get("pool_name")
    }
    variables = {
        row["variable_name"]: row.get("variable_value") or ""
        for row in airflow.get("variables") or []
        if row.get("variable_name")
    }
    return {"connections": connections, "pools": pools, "variables": variables}


def _connection(row: Mapping[str, Any], sandbox_port: int | None) -> dict[str, Any]:
    extra = row.get("conn_extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else dict(extra)
    port = sandbox_port if sandbox_port and extra.get("sandbox") else row.get("conn_port")
    fields = {
        "conn_type": row.get("conn_type"),
        "host": row.get("conn_host"),
        "schema": row.get("conn_schema"),
        "login": row.get("conn_login"),
        "password": row.get("conn_password"),
        "port": int(port) if port else None,
        "extra": json.dumps(extra),
    }
    return {name: value for name, value in fields.items() if value is not None}


def load(converted: Mapping[str, _Rows]) -> None:
    """Writes them into Airflow's database, over what is there; one process for all three."""
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    with tempfile.TemporaryDirectory() as folder:
        for kind, rows in converted.items():
            if not rows:
                continue
            path = Path(folder) / f"{kind}.json"
            path.touch(mode=0o600)
            path.write_text(json.dumps(rows))
            overwrite = ["--overwrite"] if kind == "connections" else []
            arguments = parser.parse_args([kind, "import", str(path), *overwrite])
            command: Callable[[Any], None] = arguments.func
            command(arguments)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m mixpanel_aep.settings", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--sandbox-port", type=int)
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args(argv)
    converted = convert(yaml.safe_load(arguments.file.read_text()) or {}, arguments.sandbox_port)
    for assignment in arguments.variable:
        name, _, value = assignment.partition("=")
        converted["variables"][name] = value
    load(converted)


if __name__ == "__main__":
    main(sys.argv[1:])
