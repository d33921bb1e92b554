"""Sends alerts through the notifiers of a pipeline file. The failure of a notifier is logged, and fails no task."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import msgspec
from airflow.configuration import conf
from airflow.sdk.log import mask_secret
from airflow.sdk.observability import stats

from include.alerts.alert import Alert
from include.alerts.sent import Claim, claim, record_sent, release
from include.clock import SYSTEM_CLOCK
from include.config.alerts import NotifierSettings
from include.config.model import Pipeline
from include.errors import ConfigError, PipelineError
from include.json_types import JsonObject
from include.lake.lake import Lake
from include.redact import one_line, scrub

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)
_MIN_SECRET_CHARACTERS = 16
# The text of an alert is passed as a value, not as a template, because it contains names of properties.
_TEXTS = {
    "subject": "{{ alert.title }}",
    "title": "{{ alert.title }}",
    "summary": "{{ alert.title }}",
    "html_content": "{{ alert.html }}",
    "text": "{{ alert.text }}",
    "body": "{{ alert.text }}",
    "message": "{{ alert.text }}",
    "content": "{{ alert.text }}",
}
"""The default values of a notifier's arguments, by the name of the argument. The values are Jinja templates."""


def send(
    pipeline: Pipeline, lake: Lake | None, alerts: Iterable[Alert], context: Mapping[str, object]
) -> int:
    """Send each alert through every notifier of its kind in the pipeline file, unless the notifier already sent it.

    Args:
        pipeline: the pipeline; without ``alerts`` in its file nothing is sent.
        lake: the lake that records sent alerts; None: nothing is recorded, so alerts may be sent again.
        alerts: the alerts to send.
        context: Airflow's context of the task or callback, for the templates of the notifiers.

    Returns:
        The number of messages that were sent.
    """
    sent = 0
    for alert in alerts:
        located = with_link(alert)
        for settings in pipeline.alerts.notifiers if pipeline.alerts else ():
            if alert.kind in settings.kinds:
                sent += _send_once(lake, located, settings, context)
    return sent


def require_notifiers(pipelines: Iterable[Pipeline]) -> None:
    """Check that every notifier can be created; otherwise, an error would appear only in the log of the first alert.

    Raises:
        ConfigError: a notifier cannot be created; the message names each such notifier and the cause.
    """
    faults = []
    for pipeline in pipelines:
        for settings in pipeline.alerts.notifiers if pipeline.alerts else ():
            try:
                signature = inspect.signature(resolve_name(settings.class_path))
                signature.bind(**_arguments(settings))
            except Exception as error:  # noqa: BLE001 - whatever importing a module may raise
                cause = one_line(f"{type(error).__name__}: {error}", 200)
                faults.append(
                    f"{pipeline.name}.yaml: notifier {settings.class_path} cannot be created. {cause}."
                )
    if faults:
        raise ConfigError(
            " ".join(faults),
            "Install the notifier's provider wherever Airflow runs, or correct alerts.notifiers. Other DAGs continue.",
        )


def _send_once(
    lake: Lake | None, alert: Alert, settings: NotifierSettings, context: Mapping[str, object]
) -> bool:
    """Send an alert through a notifier, unless that was done before; return whether it was sent now."""
    recipient = f"{settings.class_path} {msgspec.json.encode(settings.kwargs, order='sorted').decode()}"
    name, tags = settings.class_path.rpartition(".")[2], {"pipeline": alert.pipeline, "kind": alert.kind}
    may_send, claimed = _claim(lake, alert, recipient)
    if not may_send:
        log.info(
            "Alert %r was not sent through %s, because it was sent before or is being sent", alert.title, name
        )
        return False
    if cause := deliver(alert, settings, context):
        log.error("Alert %r was not sent through %s. %s", alert.title, name, cause)
        stats.incr("mixpanel_aep.alerts.failed", tags=tags)
        if lake is not None and claimed is not None:
            with _log_lake_errors():
                release(lake, claimed, SYSTEM_CLOCK.now())
        return False
    log.info("Alert %r was sent through %s", alert.title, name)
    stats.incr("mixpanel_aep.alerts.sent", tags=tags)
    if lake is not None:
        with _log_lake_errors():
            record_sent(lake, alert, recipient, SYSTEM_CLOCK.now())
    return True


def with_link(alert: Alert) -> Alert:
    """Return the alert with the full URL of its page; without ``[api] base_url`` of Airflow, return it unchanged."""
    base_url = conf.get("api", "base_url", fallback="") or ""
    return alert.with_base_url(base_url) if base_url else alert


def deliver(alert: Alert, settings: NotifierSettings, context: Mapping[str, object]) -> str:
    """Send an alert through one notifier; return the cause as a text if that failed, and an empty text if not."""
    _mask_addresses(settings.kwargs)
    try:
        notifier = resolve_name(settings.class_path)(**_arguments(settings))
        notifier({**context, "alert": alert})
    except Exception as error:  # noqa: BLE001 - any notifier, any library; the task must not fail
        return one_line(scrub(f"{type(error).__name__}: {error}"), 300)
    return ""


def _claim(lake: Lake | None, alert: Alert, recipient: str) -> tuple[bool, Claim | None]:
    """Claim an alert for this process, so that no concurrent process sends it to the same recipient.

    Returns:
        Whether to send the alert, and the claim in the lake. The claim is None if the alert must not be sent, or if the
            lake is missing or unreadable; in the second case, the alert is sent without a claim.
    """
    if lake is None:
        return True, None
    try:
        claimed = claim(lake, alert, recipient, SYSTEM_CLOCK.now())
    except PipelineError as error:
        log.warning("The lake could not be read to check whether the alert was sent before: %s", error)
        return True, None
    return claimed is not None, claimed


@contextmanager
def _log_lake_errors() -> Iterator[None]:
    try:
        yield
    except PipelineError as error:
        log.warning("The result of the alert was not recorded, so it may be sent late or again: %s", error)


def _mask_addresses(value: object) -> None:
    """Mask all URLs in a notifier's arguments in later logs, because URLs of chat services contain tokens."""
    if isinstance(value, str) and "://" in value:
        mask_secret(value)
        # Messages of HTTP libraries show the path without the host. A short path is not a token.
        path = value.partition("://")[2].partition("/")[2]
        for part in path.partition("?"):
            if len(part) >= _MIN_SECRET_CHARACTERS and not any(map(str.isspace, part)):
                mask_secret(part)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _mask_addresses(inner)


def _arguments(settings: NotifierSettings) -> JsonObject:
    """Return the keyword arguments of a notifier: those in the pipeline file, and the defaults in ``_TEXTS``."""
    parameters = inspect.signature(resolve_name(settings.class_path).__init__).parameters
    return {name: text for name, text in _TEXTS.items() if name in parameters} | settings.kwargs
