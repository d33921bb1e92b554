"""Find the lake and the connections for the command line, in the same places as Airflow's tasks.

The lake is the first of: ``lake:`` in the pipeline file, ``--lake``, Airflow's variable ``mixpanel_aep_lake``, the
environment variable ``MIXPANEL_AEP_LAKE``, the folder ``lake`` of this project. A connection is the first of:
``AIRFLOW_CONN_<ID>``, the file of ``--connections``, Airflow's connection, and, without Airflow, the file
``airflow_settings.yaml``. Airflow is read, in a separate process, only if no earlier place has the setting.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from include.cli.local_airflow import Airflow
from include.config.model import Pipeline
from include.errors import ConfigError
from include.http.connection_fields import ConnectionFields
from include.json_types import JsonMapping
from include.lake.allowed_lakes import VARIABLE_IN_ENVIRONMENT, require_allowed_lake
from include.lake.lake_address import LAKE_ENVIRONMENT, default_lake
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT, SIGNING_KEYS_VARIABLE, SigningKeys

_VARIABLE = "mixpanel_aep_lake"
_OF_VARIABLE = f"Airflow's variable {_VARIABLE}"
_ON_COMMAND_LINE = "--lake"


@dataclass(frozen=True)
class LakeSetting:
    """The lake's address, and the name of the setting that it comes from."""

    url: str
    origin: str

    @property
    def is_from_option(self) -> bool:
        """Whether the address comes from the option ``--lake``."""
        return self.origin == _ON_COMMAND_LINE


def find_lake(pipeline: Pipeline, option: str | None, airflow: Airflow) -> LakeSetting:
    """Find the address of a pipeline's lake.

    Args:
        pipeline: the pipeline.
        option: the value of ``--lake``, or None.
        airflow: the Airflow on this machine.

    Raises:
        ConfigError: ``--lake`` and the pipeline file name different lakes, or this deployment does not allow the lake.
        SettingsUnavailable: Airflow's variable could not be read.
    """
    found = _lake_setting(pipeline, option, airflow)
    require_allowed_lake(found.url, from_airflow_variable=found.origin == _OF_VARIABLE)
    return found


def _lake_setting(pipeline: Pipeline, option: str | None, airflow: Airflow) -> LakeSetting:
    if pipeline.lake and option and option.rstrip("/") != pipeline.lake.rstrip("/"):
        raise ConfigError(
            f"The file of pipeline {pipeline.name} sets the lake {pipeline.lake}, but --lake sets another one.",
            "Airflow's tasks use the lake of the file. Omit --lake, or change the file.",
        )
    if pipeline.lake:
        return LakeSetting(pipeline.lake, "lake: of the pipeline file")
    if option:
        return LakeSetting(option, _ON_COMMAND_LINE)
    if text := os.environ.get(VARIABLE_IN_ENVIRONMENT):
        return LakeSetting(text, f"the environment variable {VARIABLE_IN_ENVIRONMENT}")
    if airflow.is_configured and (text := airflow.lake):
        return LakeSetting(text, _OF_VARIABLE)
    if os.environ.get(LAKE_ENVIRONMENT):
        return LakeSetting(default_lake(), f"the environment variable {LAKE_ENVIRONMENT}")
    return LakeSetting(default_lake(), "the default, because no setting names one")


def find_signing_keys(lake: LakeSetting, airflow: Airflow) -> SigningKeys | None:
    """Find the keys that sign the lake's records; return None if no setting contains keys.

    They come from the environment or from Airflow's variable. Airflow is not read for a lake that ``--lake`` names.

    Raises:
        ConfigError: a key is invalid.
        SettingsUnavailable: Airflow's variable could not be read.
    """
    keys = os.environ.get(SIGNING_KEYS_ENVIRONMENT) or os.environ.get(
        f"AIRFLOW_VAR_{SIGNING_KEYS_VARIABLE.upper()}"
    )
    if not keys and not lake.is_from_option and airflow.is_configured:
        keys = airflow.lake_secret
    return SigningKeys.parse(keys)


def find_connection(
    conn_id: str, option: Path | None, default_file: Path, airflow: Airflow
) -> ConnectionFields:
    """Find a connection, and return its fields as keyword arguments for ``from_connection`` of a service's settings.

    Args:
        conn_id: the id of the connection.
        option: the file that ``--connections`` names, or None.
        default_file: the file to read if neither the option nor Airflow is available.
        airflow: the Airflow on this machine.

    Raises:
        ConfigError: the connection was not found or is invalid; the message does not contain its values.
        SettingsUnavailable: Airflow could not be read.
    """
    found = _from_environment(conn_id)
    if found is None and option is None and airflow.is_configured:
        found = airflow.connection(conn_id)
        if found is None:
            raise ConfigError(
                f"Airflow on this machine has no connection {conn_id!r}.",
                "Create it under Admin > Connections, or pass a file with --connections.",
            )
    if found is None:
        found = _from_file(option or default_file, conn_id)
    port = str(found.get("port") or "")
    return {
        "conn_id": conn_id,
        "login": found.get("login"),
        "password": found.get("password"),
        "host": found.get("host"),
        "port": int(port) if port.isdecimal() else None,
        "schema": found.get("schema"),
        "extra": _extra(conn_id, found.get("extra")),
    }


def _from_environment(conn_id: str) -> JsonMapping | None:
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = os.environ.get(name)
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):  # the message does not repeat the text, which contains a secret
        raise ConfigError(
            f"The environment variable {name} is not a JSON object.",
            "Write the connection as a JSON object in that variable.",
        )
    return found


def _from_file(path: Path, conn_id: str) -> JsonMapping:
    if not path.is_file():
        raise ConfigError(
            f"The connections file {path.name} was not found.",
            "Correct the path, or name another connections file with the option --connections.",
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = (data.get("airflow") or {}).get("connections") or []
        found = {str(row["conn_id"]): row for row in rows if row.get("conn_id")}
    except (yaml.YAMLError, ValueError, AttributeError, TypeError):
        raise ConfigError(
            f"{path.name} contains no connections.",
            "Write connections in the format of airflow_settings.yaml.",
        ) from None
    if conn_id not in found:
        raise ConfigError(
            f"Connection {conn_id!r} was not found in {path.name}.",
            f"Add the connection to that file, or set AIRFLOW_CONN_{conn_id.upper()} to JSON.",
        )
    return {key.removeprefix("conn_"): value for key, value in found[conn_id].items()}


def _extra(conn_id: str, extra: object) -> Mapping[str, object]:
    """Return the extra fields of a connection, which can be an object or its JSON text."""
    try:
        fields = json.loads(extra) if isinstance(extra, str) and extra else extra or {}
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise ConfigError(
            f"Connection {conn_id}: extra is not an object.", "Write the field extra as a JSON object."
        )
    return fields
