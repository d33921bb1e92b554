"""From an Airflow connection to the validated settings of a client."""

from __future__ import annotations

from typing import Protocol, TypeVar

from airflow.sdk import BaseHook

from include.aep.settings import AepSettings
from include.mixpanel.settings import MixpanelSettings

Settings = TypeVar("Settings", AepSettings, MixpanelSettings)


class Mask(Protocol):
    """Airflow's ``mask_secret``."""

    def __call__(self, secret: str) -> None: ...


def read_settings(kind: type[Settings], conn_id: str, mask: Mask) -> Settings:
    """The connection, checked; its secrets are masked in every log from here on.

    Raises:
        ConfigError: a field is wrong or unknown.
    """
    conn = BaseHook.get_connection(conn_id)
    settings = kind.from_connection(
        conn_id=conn_id,
        login=conn.login,
        password=conn.password,
        host=conn.host,
        port=conn.port,
        extra=conn.extra_dejson,
    )
    for secret in settings.secrets:
        mask(secret)
    return settings
