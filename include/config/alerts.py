"""The section ``alerts:`` of a pipeline file: which notifiers send which alerts, and the limits that raise an alert."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from include.config.shares import parse_share
from include.json_types import JsonObject

AlertKind = Literal[
    "failed", "late", "quarantine", "volume", "properties", "credentials", "missing", "refresh"
]
KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
_SECRET = re.compile(
    r"(?<![a-z])pass(?:word|wd|phrase|code)?(?![a-z])|password|passwd|passphrase|(?<![a-z])pwd(?![a-z])|secret|token"
    r"|(?:api|private|access|routing|integration|account|sas)[-_ ]?key|authorization|bearer|cookie|credential"
    r"|signature|dsn|webhook_url",
    re.IGNORECASE,
)
"""The pattern of argument names that suggest a secret."""
_SECRET_VALUE = re.compile(
    r"://[^/@\s{}]*:[^/@\s{}]+@|^\s*(?:authorization:\s*)?(?:bearer|basic)\s+(?=\S*[\d=])[^\s{}]{8,}\s*$",
    re.IGNORECASE,
)
"""The pattern of values that contain a secret: a URL with a password, or an Authorization header."""


def _require_class_path(path: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", path, re.ASCII):
        raise ValueError(
            "write the path of a notifier's class, such as airflow.providers.smtp.notifications.smtp.SmtpNotifier"
        )
    return path


def _refuse_secrets(kwargs: JsonObject) -> JsonObject:
    """Return the arguments unchanged; raise an error if they contain a secret, because pipeline files are in Git."""
    if secret := _secret_name(kwargs):
        raise ValueError(
            f"{secret!r} may contain a secret; store it in an Airflow connection, and name the connection here"
        )
    return kwargs


def _secret_name(value: object, name: str = "") -> str | None:
    """Return the name of the first argument in ``value`` that seems to contain a secret; None if none does.

    Arguments are judged by their names and values, at any depth. A name that ends with ``conn_id`` is allowed, because
    its value is the id of a connection. ``name``: the name of the argument whose value is ``value``.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            is_connection = str(key).lower().endswith("conn_id")
            if _SECRET.search(str(key)) and not is_connection:
                return str(key)
            if found := _secret_name(inner, str(key)):
                return found
    elif isinstance(value, list | tuple):
        return next(filter(None, (_secret_name(inner, name) for inner in value)), None)
    elif isinstance(value, str) and _SECRET_VALUE.search(value):
        return name
    return None


class NotifierSettings(BaseModel):
    """An entry of ``alerts.notifiers`` in a pipeline file: an Airflow notifier, and the kinds of alerts it sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    class_path: Annotated[str, Field(alias="class"), AfterValidator(_require_class_path)]
    kwargs: Annotated[JsonObject, AfterValidator(_refuse_secrets)] = {}
    """The keyword arguments of the notifier's class. Texts in them are Jinja templates, which can use ``alert``."""
    kinds: tuple[AlertKind, ...] = Field(KINDS, min_length=1)


Limit = Annotated[float, BeforeValidator(parse_share)]


class Alerts(BaseModel):
    """The section ``alerts:`` of a pipeline file. A limit that is None disables the alert of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notifiers: tuple[NotifierSettings, ...] = Field(min_length=1)
    late_after_hours: float | None = Field(6, ge=0, le=240, strict=True)
    """Alert ``late``: how many hours after a day has settled it must be in AEP."""
    max_quarantined: Limit | None = 0.001
    """Alert ``quarantine``: the largest allowed share of a day's events in quarantine."""
    volume_factor: float | None = Field(2, gt=1, le=1000, strict=True)
    """Alert ``volume``: by which factor a day may have more or fewer events than usual on this day of the week."""
    new_properties: bool = True
    """Alert ``properties``: whether new properties, and columns with values of a new wrong type, are reported."""
    max_late: Limit | None = 0.01
    """Alert ``refresh``: the largest allowed number of late rows, as a share of the day's active rows."""
    max_vanished: Limit | None = 0.001
    """Alert ``refresh``: like ``max_late``, for active rows that Mixpanel no longer returns."""
    credentials: dict[str, date] = {}
    """The last valid day of each credential, by a name that the alert shows."""
    credentials_days: int = Field(30, ge=1, le=365, strict=True)
    """Alert ``credentials``: how many days before its last valid day a credential is reported."""
