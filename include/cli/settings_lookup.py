"""Finds the lake and the connections in the same places, in the same order, as Airflow's tasks.

Lake: ``lake:`` of the pipeline file; ``--lake``; Airflow's variable ``mixpanel_aep_lake``; ``MIXPANEL_AEP_LAKE``; the
project's folder. Connections: ``AIRFLOW_CONN_<ID>``; ``--connections``; Airflow; without Airflow,
``airflow_settings.yaml``. Airflow runs in a separate process, and only if no earlier place has the setting.
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
    """The lake's URL, and the setting that names it."""

    url: str
    origin: str

    @property
    def is_from_option(self) -> bool:
        """Whether ``--lake`` sets the lake."""
        return self.origin == _ON_COMMAND_LINE


def find_lake(pipeline: Pipeline, option: str | None, airflow: Airflow) -> LakeSetting:
    """Return the pipeline's lake and the setting that names it. ``option``: the value of ``--lake``.

    Raises:
        ConfigError: ``--lake`` and the pipeline file name two lakes, or this deployment does not allow the lake.
        SettingsUnavailable: Airflow, whose variable may name it, could not be read.
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
    """Return the keys that sign the lake's records; None if no setting has any.

    For a lake from ``--lake`` they come from the environment; without them, signed records are refused.

    Raises:
        ConfigError: a key is too short, or has another encoding.
        SettingsUnavailable: Airflow, whose variable may hold them, could not be read.
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
    """Return a connection's fields, as ``from_connection`` of both services' settings accepts them.

    ``option``: the file of ``--connections``. ``default_file``: the file to read without that option and without Airflow.

    Raises:
        ConfigError: the connection was not found or cannot be read; its text is not in the message.
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
    if not isinstance(found, dict):  # without its text, which contains a secret
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
