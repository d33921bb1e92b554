"""Prints variables, connections and settings of Airflow as JSON: ``python -m mixpanel_aep.cli_bridge CONN_ID...``.

The command line starts this process, because no module in ``include/`` imports Airflow. The command line must use the
lake and the connections of Airflow's tasks: otherwise it could load events a second time. Standard output is one JSON
object: an ``include.cli.local_airflow.BridgeOutput``, or ``{"error": [sentence, hint], "terminal": bool}``. It contains
secrets, so it must only be written to a pipe.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixpanel_aep.json_output import open_json_output

if TYPE_CHECKING:
    from include.cli.local_airflow import BridgeOutput, DeploymentOutput
    from include.json_types import JsonMapping


def read_airflow(conn_ids: Sequence[str]) -> BridgeOutput:
    """Return the variables and settings of Airflow that the command line needs, and the connections ``conn_ids``.

    A connection that Airflow does not have is None in the result.

    Raises:
        PipelineError: Airflow could not be read, or the lake is a folder although tasks may run on several machines.
    """
    from urllib.parse import urlsplit

    from include.errors import ConfigError
    from include.lake.lake import default_lake
    from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SIGNING_KEYS_VARIABLE
    from mixpanel_aep.airflow_lookup import read_connection, read_variable
    from mixpanel_aep.lakes import LAKE_VARIABLE, require_shared

    lake = read_variable(LAKE_VARIABLE)
    if urlsplit(lake or default_lake()).scheme == "file":
        require_shared(lake or default_lake())
    connections: dict[str, JsonMapping | None] = {}
    for conn_id in conn_ids:
        try:
            conn = read_connection(conn_id)
        except ConfigError:
            connections[conn_id] = None
            continue
        connections[conn_id] = {
            name: getattr(conn, name) for name in ("login", "password", "host", "port", "schema", "extra")
        }
    secret = None if os.environ.get(SIGNING_KEYS_ENVIRONMENT) else read_variable(SIGNING_KEYS_VARIABLE)
    return {"lake": lake, "lake_secret": secret, "connections": connections, **_deployment()}


def _deployment() -> DeploymentOutput:
    """Return the settings of Airflow that the DAGs depend on. Pools are read from the metadata database.

    Raises:
        SettingsUnavailable: the metadata database could not be read.
    """
    from airflow import __version__
    from airflow.configuration import conf
    from sqlalchemy.exc import SQLAlchemyError

    from include.errors import SettingsUnavailable
    from mixpanel_aep.pools import missing_pools

    try:
        missing = missing_pools()
    except SQLAlchemyError as error:
        raise SettingsUnavailable(
            f"Airflow's metadata database could not be read for its pools ({type(error).__name__}).",
            "`airflow db check` shows whether it works; `airflow db migrate` creates its tables.",
        ) from None
    heartbeat = conf.getfloat("workers", "min_heartbeat_interval")
    return {"airflow": __version__, "missing_pools": missing, "heartbeat_seconds": heartbeat}


def main(conn_ids: Sequence[str]) -> None:
    """Print the result of :func:`read_airflow` or its error; all other output is redirected to standard error."""
    out = open_json_output()
    from include.errors import PipelineError, Terminal

    result: object
    try:
        result = read_airflow(conn_ids)
    except PipelineError as error:
        result = {"error": [error.sentence, error.hint], "terminal": isinstance(error, Terminal)}
    with out:
        json.dump(result, out)


if __name__ == "__main__":
    main(sys.argv[1:])
