"""A notifier that posts alerts as JSON to a webhook, whose address is in an Airflow connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from airflow.sdk import BaseNotifier, Connection
from airflow.sdk.log import mask_secret

from include.alerts.alert import Alert
from include.errors import ConfigError, RequestRefused, ServiceUnavailable
from include.http.session import new_session
from mixpanel_aep.airflow_lookup import read_connection

_TIMEOUT_SECONDS = (5, 10)


class WebhookNotifier(BaseNotifier):
    """Posts an alert as JSON to a webhook.

    :param conn_id: the id of a connection of type ``http``. Its host is the full address, or its fields *Schema* (the
        scheme), *Host* and *Port* form the address. Its password, if set, is sent as a bearer token.
    :param payload: the JSON object to send; texts in it are Jinja templates. Default: all fields of the alert.
    """

    template_fields: Sequence[str] = ("payload",)

    def __init__(self, conn_id: str, payload: Mapping[str, object] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.payload = payload

    def notify(self, context: Mapping[str, object]) -> None:
        """Post the alert ``context["alert"]``.

        Raises:
            ConfigError: the connection was not found, or has no valid address.
            RequestRefused: the webhook responded with another status than 2xx.
            ServiceUnavailable: the webhook could not be reached.
        """
        connection = read_connection(self.conn_id)
        url = _address(connection, self.conn_id)
        headers = {}
        if connection.password:
            mask_secret(connection.password)
            headers["Authorization"] = f"Bearer {connection.password}"
        alert = context["alert"]
        assert isinstance(alert, Alert)
        payload = alert.fields if self.payload is None else self.payload
        try:
            with new_session() as session:
                response = session.post(
                    url, json=payload, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False
                )
        except requests.RequestException as error:  # its text contains the address, which may be a secret
            raise ServiceUnavailable(
                f"The webhook of connection {self.conn_id} could not be reached ({type(error).__name__})."
            ) from None
        if not 200 <= response.status_code < 300:
            raise RequestRefused(
                f"The webhook of connection {self.conn_id} responded with HTTP {response.status_code}."
            )


def _address(connection: Connection, conn_id: str) -> str:
    """Return the URL to which the webhook of a connection receives posts, and mask its path and query in later logs.

    Raises:
        ConfigError: the connection has no valid address.
    """
    host = connection.host or ""
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    if connection.port and urlsplit(url).port is None:
        parts = urlsplit(url)
        url = parts._replace(netloc=f"{parts.netloc}:{connection.port}").geturl()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"Connection {conn_id} has no address for a webhook.",
            "Enter the full address, such as https://hooks.example.com/alerts, as its host.",
        )
    for secret in filter(
        None, (parts.path.strip("/"), parts.query)
    ):  # they contain the token of a chat service
        mask_secret(secret)
    return url
