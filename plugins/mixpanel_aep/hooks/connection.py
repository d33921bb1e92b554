"""Converts an Airflow connection to the validated settings of a client."""

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
    """Airflow's ``mask_secret``."""

    def __call__(self, secret: str) -> None:
        """Mask a secret in every log."""
        ...


def read_settings(
    kind: type[Settings], conn_id: str, mask: Mask, name: str | None = None, clock: Clock = SYSTEM_CLOCK
) -> Settings:
    """Return the connection's checked settings; its secrets are masked in every log from here on.

    ``name``: the name of the connection in messages, if it differs from its id.

    Raises:
        ConfigError: the connection was not found, or a field of it is wrong or unknown.
        SettingsUnavailable: Airflow could not report whether it exists.
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


def tested_connection(conn_id: str) -> str:
    """Return the id of the connection whose Test button was pressed.

    Airflow gives the hook a temporary id for the test, and does not pass on the real one: it is in the body of the
    request, which the calling route holds. If the stack has no such route, ``conn_id`` is the real one.
    """
    frame = inspect.currentframe()
    while frame is not None:
        body = frame.f_locals.get("test_body") if frame.f_code.co_name == "test_connection" else None
        if isinstance(found := getattr(body, "connection_id", None), str):
            return found
        frame = frame.f_back
    return conn_id


def failed_test(name: str, error: PipelineError) -> tuple[bool, str]:
    """Return the response of a Test button whose test failed; it names the connection."""
    text = str(error)
    return False, text if name in text else f"Connection {name}: {text}"
