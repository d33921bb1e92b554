"""Variables and connections of Airflow, where "not set" and "cannot ask" are different answers.

``Variable.get(..., default=None)`` and ``BaseHook.get_connection`` answer "not there" also when the API server, the
database or a secrets backend could not be asked: a task that believed them took the project's own folder as its lake.
So a "not there" is confirmed, by asking each place that Airflow reads and by looking at its errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from airflow.sdk import BaseHook, Variable
from airflow.sdk.exceptions import (
    AirflowNotFoundException,
    AirflowRuntimeError,
    AirflowSecretsBackendAccessDenied,
    ErrorType,
)

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import AccessDenied, ConfigError, SettingsUnavailable

LAKE_PREFIX = "mixpanel_aep"
"""Where the names of this project's variables begin."""
Kind = Literal["variable", "connection"]
T = TypeVar("T")
_WAIT_SECONDS = (1.0, 3.0, 9.0)
"""Between four tries; Airflow's own client has repeated each request before it gives up."""
_NOT_FOUND = {"variable": ErrorType.VARIABLE_NOT_FOUND, "connection": ErrorType.CONNECTION_NOT_FOUND}


def read_variable(name: str, clock: Clock = SYSTEM_CLOCK) -> str | None:
    """Return a variable's text, None where it is not set or empty.

    Raises:
        SettingsUnavailable: Airflow could not say whether it is set, also after some tries.
        AccessDenied: Airflow does not let this task read it.
    """
    return _ask("variable", name, lambda: Variable.get(name, default=None) or None, clock)


def read_connection(conn_id: str, clock: Clock = SYSTEM_CLOCK) -> Any:
    """Return a connection.

    Raises:
        ConfigError: there is none of this id.
        SettingsUnavailable: Airflow could not say whether there is one, also after some tries.
        AccessDenied: Airflow does not let this task read it.
    """
    found = _ask("connection", conn_id, lambda: _connection(conn_id), clock)
    if found is None:
        raise ConfigError(
            f"Airflow has no connection {conn_id!r}.",
            "Create it under Admin > Connections with this id, or in the secrets backend, or correct conn_id of the "
            "pipeline file.",
        )
    return found


def _connection(conn_id: str) -> Any:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _ask(kind: Kind, name: str, ask: Callable[[], T | None], clock: Clock) -> T | None:
    reason = ""
    for wait in (*_WAIT_SECONDS, None):
        try:
            found = ask()
            if found is not None or _is_absent(kind, name):
                return found
            reason = "its answers disagree"
        except AirflowSecretsBackendAccessDenied:
            raise AccessDenied(
                f"Airflow does not let this task read the {kind} {name!r}.",
                "Give the task's team access to it, or correct the pipeline file.",
            ) from None
        except AirflowRuntimeError as error:
            reason = error.error.error.value
        except Exception as error:  # noqa: BLE001 - of any secrets backend; its message may hold a secret
            reason = type(error).__name__
        if wait is not None:
            clock.sleep(wait)
    raise SettingsUnavailable(
        f"Airflow could not say whether the {kind} {name!r} is set ({reason}).",
        "Its API server, metadata database or secrets backend is away, or AIRFLOW__CORE__FERNET_KEY is not the key that "
        "encrypted the value. Nothing was done; the task may be run again.",
    )


def _is_absent(kind: Kind, name: str) -> bool:
    """Whether every place that Airflow reads says that it has none.

    Raises:
        Exception: of a place that could not be asked.
    """
    from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    for backend in ensure_secrets_backend_loaded():
        if isinstance(backend, ExecutionAPISecretsBackend):  # which turns every error into None
            found = _ask_supervisor(kind, name)
        elif kind == "variable":
            found = bool(backend.get_variable(key=name))
        else:
            found = backend.get_connection(conn_id=name) is not None
        if found:
            return False
    return True


def _ask_supervisor(kind: Kind, name: str) -> bool:
    """Whether the API server has it, by the request that the secrets backend of a task makes.

    The API server itself answers "not found" when it cannot read its database, so that it is made to read it.

    Raises:
        AirflowRuntimeError: the API server gave another answer than "there it is" and "there is none".
    """
    from airflow.sdk.execution_time.comms import GetConnection, GetVariable, GetVariableKeys

    # A list of names comes from the database alone and fails with it; read first, so that an outage that has just
    # ended cannot pass for "not found".
    _send(GetVariableKeys(prefix=LAKE_PREFIX, limit=1, offset=0))
    try:
        answer = _send(GetVariable(key=name) if kind == "variable" else GetConnection(conn_id=name))
    except AirflowRuntimeError as error:
        if error.error.error is not _NOT_FOUND[kind]:
            raise
        _send(GetVariableKeys(prefix=LAKE_PREFIX, limit=1, offset=0))
        return False
    return bool(getattr(answer, "value", None)) if kind == "variable" else answer is not None


def _send(message: Any) -> Any:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    answer = task_runner.SUPERVISOR_COMMS.send(message)
    if isinstance(answer, ErrorResponse):
        raise AirflowRuntimeError(answer)
    return answer
