"""Sends alerts through the notifiers of a pipeline file. A notifier that fails is logged, and never fails a task."""

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
_LEAST_SECRET = 16
# The text of an alert is never a template itself: names of properties are in it.
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
"""What a notifier's argument gets if the pipeline file does not set it, by the argument's name."""


def send(
    pipeline: Pipeline, lake: Lake | None, alerts: Iterable[Alert], context: Mapping[str, object]
) -> int:
    """Send each alert to every notifier that the pipeline file names for its kind and that has not received it before.

    Args:
        pipeline: the pipeline; without ``alerts`` in its file nothing is sent.
        lake: the lake that records sent alerts; with None, alerts may be sent again.
        alerts: the alerts to send.
        context: the context of the task or callback, for the notifiers' templates.

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
    """Check that every notifier can be created; otherwise the failure of the first alert would appear only in a log.

    Raises:
        ConfigError: naming every notifier that cannot be created.
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
    recipient = f"{settings.class_path} {msgspec.json.encode(settings.kwargs, order='sorted').decode()}"
    name, tags = settings.class_path.rpartition(".")[2], {"pipeline": alert.pipeline, "kind": alert.kind}
    may_send, claimed = _claim(lake, alert, recipient)
    if not may_send:
        log.info("Alert %r was sent before through %s, or is being sent", alert.title, name)
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
    """Return the alert with the full address of its page, if Airflow's configuration has its own address."""
    base_url = conf.get("api", "base_url", fallback="") or ""
    return alert.with_base_url(base_url) if base_url else alert


def deliver(alert: Alert, settings: NotifierSettings, context: Mapping[str, object]) -> str:
    """Send an alert through one notifier; return the cause if it was not sent, else an empty text."""
    _mask_addresses(settings.kwargs)
    try:
        notifier = resolve_name(settings.class_path)(**_arguments(settings))
        notifier({**context, "alert": alert})
    except Exception as error:  # noqa: BLE001 - any notifier, any library; the task must not fail
        return one_line(scrub(f"{type(error).__name__}: {error}"), 300)
    return ""


def _claim(lake: Lake | None, alert: Alert, recipient: str) -> tuple[bool, Claim | None]:
    """Return whether to send an alert, and the claim; without a readable lake it is sent without one."""
    if lake is None:
        return True, None
    try:
        claimed = claim(lake, alert, recipient, SYSTEM_CLOCK.now())
    except PipelineError as error:
        log.warning("Whether the alert was sent before is not known: %s", error)
        return True, None
    return claimed is not None, claimed


@contextmanager
def _log_lake_errors() -> Iterator[None]:
    try:
        yield
    except PipelineError as error:
        log.warning("The alert may be sent late, or again: %s", error)


def _mask_addresses(value: object) -> None:
    """Mask addresses in the logs: addresses of chat services contain tokens."""
    if isinstance(value, str) and "://" in value:
        mask_secret(value)
        # The texts of HTTP libraries show the path without the host. A shorter one is not a token.
        path = value.partition("://")[2].partition("/")[2]
        for part in path.partition("?"):
            if len(part) >= _LEAST_SECRET and not any(map(str.isspace, part)):
                mask_secret(part)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _mask_addresses(inner)


def _arguments(settings: NotifierSettings) -> JsonObject:
    """Return the arguments of a notifier; its texts are those of the alert unless the pipeline file sets them."""
    parameters = inspect.signature(resolve_name(settings.class_path).__init__).parameters
    return {name: text for name, text in _TEXTS.items() if name in parameters} | settings.kwargs
