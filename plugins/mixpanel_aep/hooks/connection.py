"""Reads an Airflow connection as the validated settings of a client, and supports Airflow's Test button."""

from __future__ import annotations

import inspect
from typing import Protocol, TypeVar

from include.aep.settings import AepSettings
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import PipelineError
from include.mixpanel.settings import MixpanelSettings
from mixpanel_aep.airflow_lookup import read_connection

Settings = TypeVar("Settings", AepSettings, MixpanelSettings)


class Mask(Protocol):
    """The type of Airflow's function ``mask_secret``, with which hooks keep secrets out of logs."""

    def __call__(self, secret: str) -> None:
        """Mask a secret in all later logs of this process."""
        ...


def read_settings(
    kind: type[Settings], conn_id: str, mask: Mask, name: str | None = None, clock: Clock = SYSTEM_CLOCK
) -> Settings:
    """Read a connection, validate its fields, and mask its secrets.

    Args:
        kind: the class of the settings.
        conn_id: the id of the connection.
        mask: masks a secret in all later logs.
        name: the name of the connection in messages, if it is not the id.
        clock: the clock for the waits between attempts.

    Raises:
        ConfigError: the connection was not found, or one of its fields is invalid or unknown.
        SettingsUnavailable: Airflow could not report whether the connection exists.
        AccessDenied: this task may not read the connection.
    """
    conn = read_connection(conn_id, clock)
    settings = kind.from_connection(
        conn_id=name or conn_id,
        login=conn.login,
        password=conn.password,
        host=conn.host,
        port=conn.port,
        extra=conn.extra_dejson,
        schema=conn.schema,
    )
    for secret in settings.secrets:
        mask(secret)
    return settings


def id_of_tested_connection(conn_id: str) -> str:
    """Return the real id of a connection that Airflow's Test button tests.

    For the test, Airflow gives the hook the id of a temporary connection (``conn_id``). The real id is in the body of
    the request, a local variable of the route in the call stack. Without that route, ``conn_id`` is returned.
    """
    frame = inspect.currentframe()
    while frame is not None:
        body = frame.f_locals.get("test_body") if frame.f_code.co_name == "test_connection" else None
        if isinstance(found := getattr(body, "connection_id", None), str):
            return found
        frame = frame.f_back
    return conn_id


def failed_test_response(name: str, error: PipelineError) -> tuple[bool, str]:
    """Return the result of a failed test for Airflow's Test button: False, and a text that names the connection."""
    text = str(error)
    return False, text if name in text else f"Connection {name}: {text}"
