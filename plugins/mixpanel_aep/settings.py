"""Adds connections, pools and variables to Airflow from a file in the Astro CLI's format, such as airflow_pools.yaml.

``python -m mixpanel_aep.settings FILE [--overwrite] [--sandbox-port N] [--variable NAME=VALUE]``

Entries that Airflow already has are kept, unless ``--overwrite`` is given: the file may contain the demo's credentials,
and Airflow those of production. An empty variable in the file never replaces a variable in Airflow.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import yaml

from include.json_types import JsonMapping, JsonObject

_SINGULAR = {"connections": "connection", "pools": "pool", "variables": "variable"}


def convert(settings: JsonMapping, sandbox_port: int | None = None) -> dict[str, JsonObject]:
    """Convert the content of a settings file to the formats of ``airflow connections|pools|variables import``.

    Args:
        settings: the content of the file in the Astro CLI's format; entries without a name are skipped.
        sandbox_port: replaces the port of every connection to the local sandbox.

    Returns:
        The entries by name, for each of ``connections``, ``pools`` and ``variables``.
    """
    airflow = settings.get("airflow") or {}
    connections = {
        row["conn_id"]: _convert_connection(row, sandbox_port)
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


def _convert_connection(row: JsonMapping, sandbox_port: int | None) -> JsonObject:
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


@dataclass(frozen=True)
class Difference:
    """The changes that loading a settings file makes in Airflow.

    Each attribute has the entries of each kind (``connections``, ``pools``, ``variables``) that has any.

    Attributes:
        added: the entries that only the file has, by name.
        replaced: the entries of the file that overwrite an entry of Airflow, by name.
        kept: the names of the entries that both have, and that stay in Airflow as they are.
    """

    added: Mapping[str, JsonMapping]
    replaced: Mapping[str, JsonMapping]
    kept: Mapping[str, list[str]]

    def lines(self) -> Iterator[str]:
        """Yield one line for each entry, with its name and without its value."""
        for verb, rows in (("added", self.added), ("replaced", self.replaced), ("kept", self.kept)):
            for kind, names in rows.items():
                yield from (f"{verb:<9}{_SINGULAR[kind]} {name}" for name in names)


def compare(
    converted: Mapping[str, JsonMapping], existing_names: Mapping[str, Collection[str]], *, overwrite: bool
) -> Difference:
    """Compare the entries of a file with those of Airflow.

    Args:
        converted: the entries of the file (:func:`convert`).
        existing_names: the names of the entries of Airflow, by kind.
        overwrite: whether the file replaces entries of Airflow.
    """
    added: dict[str, JsonObject] = {}
    replaced: dict[str, JsonObject] = {}
    kept: dict[str, list[str]] = {}
    for kind, rows in converted.items():
        for name, row in rows.items():
            if name not in existing_names[kind]:
                added.setdefault(kind, {})[name] = row
            elif overwrite and row != "":
                replaced.setdefault(kind, {})[name] = row
            else:
                kept.setdefault(kind, []).append(name)
    return Difference(added, replaced, kept)


def existing_entry_names() -> dict[str, set[str]]:
    """Return the names of the connections, pools and variables in Airflow's metadata database, by kind."""
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = {"connections": Connection.conn_id, "pools": Pool.pool, "variables": Variable.key}
    with create_session() as session:
        return {kind: set(session.scalars(select(column))) for kind, column in columns.items()}


def load(difference: Difference) -> None:
    """Write the added and replaced entries to Airflow's metadata database, by Airflow's own import commands."""
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        for kind in _SINGULAR:
            rows = {**difference.added.get(kind, {}), **difference.replaced.get(kind, {})}
            if not rows:
                continue
            path = Path(folder) / f"{kind}.json"
            path.touch(mode=0o600)
            path.write_text(json.dumps(rows))
            overwrite = ["--overwrite"] if kind == "connections" else []
            arguments = parser.parse_args([kind, "import", str(path), *overwrite])
            command: Callable[[argparse.Namespace], None] = arguments.func
            command(arguments)


def main(argv: list[str]) -> None:
    """Load the file that the arguments name, and print which entries were added, replaced and kept."""
    about, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m mixpanel_aep.settings",
        description=about,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what Airflow has; only for the demo and for tests"
    )
    parser.add_argument("--sandbox-port", type=int)
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args(argv)
    converted = convert(yaml.safe_load(arguments.file.read_text()) or {}, arguments.sandbox_port)
    for assignment in arguments.variable:
        name, _, value = assignment.partition("=")
        converted["variables"][name] = value
    difference = compare(converted, existing_entry_names(), overwrite=arguments.overwrite)
    load(difference)
    for line in difference.lines():
        print(line)  # noqa: T201 - output for a terminal
    if difference.kept and not arguments.overwrite:
        print("Airflow's entries were kept; --overwrite replaces them with those of the file.")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
