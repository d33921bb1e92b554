"""Reads Airflow's variables and connections, and distinguishes "not set" from "cannot be read".

``Variable.get(..., default=None)`` and ``BaseHook.get_connection`` also report "not found" if the API server, the
database or a secrets backend could not be reached. A task that trusted such a result would use the default lake. So a
"not found" is confirmed by a separate request to each place from which Airflow reads, whose errors are not hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from airflow.sdk import BaseHook, Connection, Variable
from airflow.sdk.exceptions import (
    AirflowNotFoundException,
    AirflowRuntimeError,
    AirflowSecretsBackendAccessDenied,
    ErrorType,
)

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import AccessDenied, ConfigError, SettingsUnavailable

if TYPE_CHECKING:
    from airflow.sdk.execution_time.comms import GetConnection, GetVariable, GetVariableKeys

LAKE_PREFIX = "mixpanel_aep"
"""The prefix of the names of all Airflow variables that this project reads."""
Kind = Literal["variable", "connection"]
T = TypeVar("T")
_WAIT_SECONDS = (1.0, 3.0, 9.0)
"""The delays between four attempts; in addition, Airflow's client repeats each request before it gives up."""
_NOT_FOUND = {"variable": ErrorType.VARIABLE_NOT_FOUND, "connection": ErrorType.CONNECTION_NOT_FOUND}


def read_variable(name: str, clock: Clock = SYSTEM_CLOCK) -> str | None:
    """Return the value of an Airflow variable, or None if it is not set or empty.

    Raises:
        SettingsUnavailable: after several attempts, Airflow could not report whether the variable is set.
        AccessDenied: this task may not read the variable.
    """
    return _read_confirmed("variable", name, lambda: Variable.get(name, default=None) or None, clock)


def read_connection(conn_id: str, clock: Clock = SYSTEM_CLOCK) -> Connection:
    """Return the Airflow connection with this id.

    Raises:
        ConfigError: no connection has this id.
        SettingsUnavailable: after several attempts, Airflow could not report whether the connection exists.
        AccessDenied: this task may not read the connection.
    """
    found = _read_confirmed("connection", conn_id, lambda: _find_connection(conn_id), clock)
    if found is None:
        raise ConfigError(
            f"Airflow has no connection {conn_id!r}.",
            "Create it under Admin > Connections with this id, or in the secrets backend, or correct conn_id of the "
            "pipeline file.",
        )
    return found


def _find_connection(conn_id: str) -> Connection | None:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _read_confirmed(kind: Kind, name: str, read: Callable[[], T | None], clock: Clock) -> T | None:
    """Return the result of ``read``, or None if every place from which Airflow reads confirms that it is not set.

    Args:
        kind: whether ``read`` reads a variable or a connection.
        name: the name of the variable, or the id of the connection.
        read: reads it through Airflow's own function, and returns None for "not found".
        clock: the clock for the waits between attempts.

    Raises:
        SettingsUnavailable: after several attempts, a place could not be read, or the responses contradict each other.
        AccessDenied: this task may not read the variable or connection.
    """
    reason = ""
    for wait in (*_WAIT_SECONDS, None):
        try:
            found = read()
            if found is not None or _is_absent(kind, name):
                return found
            reason = "its responses disagree"
        except AirflowSecretsBackendAccessDenied:
            raise AccessDenied(
                f"This task may not read the {kind} {name!r} in Airflow.",
                "Give the task's team access to it, or correct the pipeline file.",
            ) from None
        except AirflowRuntimeError as error:
            reason = error.error.error.value
        except Exception as error:  # noqa: BLE001 - of any secrets backend; its message may contain a secret
            reason = type(error).__name__
        if wait is not None:
            clock.sleep(wait)
    raise SettingsUnavailable(
        f"Airflow could not report whether the {kind} {name!r} is set ({reason}).",
        "Airflow's API server, metadata database or secrets backend is unavailable, or AIRFLOW__CORE__FERNET_KEY is not the "
        "key that encrypted the value. Nothing was done. Run the task again.",
    )


def _is_absent(kind: Kind, name: str) -> bool:
    """Return whether the variable or connection is set in none of the places where Airflow looks for it.

    Raises:
        Exception: the error of a place that could not be read.
    """
    from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    for backend in ensure_secrets_backend_loaded():
        if isinstance(
            backend, ExecutionAPISecretsBackend
        ):  # this backend returns None in place of every error
            found = _exists_in_api_server(kind, name)
        elif kind == "variable":
            found = bool(backend.get_variable(key=name))
        else:
            found = backend.get_connection(conn_id=name) is not None
        if found:
            return False
    return True


def _exists_in_api_server(kind: Kind, name: str) -> bool:
    """Return whether the API server has the variable or connection.

    The API server also returns "not found" when it cannot read its database. So a request that needs the database is
    sent before and after.

    Raises:
        AirflowRuntimeError: the API server returned another error than "not found".
    """
    from airflow.sdk.execution_time.comms import GetConnection, GetVariable, GetVariableKeys

    # A list of names comes only from the database, and fails if the database does. It is requested before as well, so
    # that an outage which has just ended is not mistaken for "not found".
    _send_to_supervisor(GetVariableKeys(prefix=LAKE_PREFIX, limit=1, offset=0))
    try:
        response = _send_to_supervisor(
            GetVariable(key=name) if kind == "variable" else GetConnection(conn_id=name)
        )
    except AirflowRuntimeError as error:
        if error.error.error is not _NOT_FOUND[kind]:
            raise
        _send_to_supervisor(GetVariableKeys(prefix=LAKE_PREFIX, limit=1, offset=0))
        return False
    return bool(getattr(response, "value", None)) if kind == "variable" else response is not None


def _send_to_supervisor(message: GetVariable | GetConnection | GetVariableKeys) -> object:
    """Send a request to the API server through the task's supervisor, and return the response.

    Raises:
        AirflowRuntimeError: the response is an error.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    response = task_runner.SUPERVISOR_COMMS.send(message)
    if isinstance(response, ErrorResponse):
        raise AirflowRuntimeError(response)
    return response
