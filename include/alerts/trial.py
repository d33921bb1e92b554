"""Test alerts, which a user sends to check the notifiers of a pipeline file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from include.alerts.alert import Alert
from include.config.alerts import AlertKind, NotifierSettings
from include.config.model import Pipeline


def trial_alert(pipeline: Pipeline, kind: AlertKind) -> Alert:
    """Return an alert of the given kind whose title and text say that it is a test."""
    return Alert(
        kind,
        pipeline.name,
        None,
        f"This is a test of the alerts of pipeline {pipeline.name} (kind {kind}); it reports no event.",
        "No action is needed.",
        ("trial",),
        f"mixpanel-aep/board/dag/{pipeline.dag_id}",
        is_trial=True,
    )


def trials(
    pipeline: Pipeline, kinds: Collection[AlertKind]
) -> Iterator[tuple[NotifierSettings, AlertKind | None]]:
    """Yield which test alerts to send, as pairs of a notifier of the pipeline file and a kind of alert.

    Args:
        pipeline: the pipeline.
        kinds: the kinds to test. If empty, each notifier is tested with the first kind that it sends.

    Yields:
        The notifier, and the kind of the test alert; None if the notifier does not send any of ``kinds``.
    """
    for settings in pipeline.alerts.notifiers if pipeline.alerts else ():
        if not kinds:
            yield settings, settings.kinds[0]
            continue
        wanted: list[AlertKind | None] = [kind for kind in settings.kinds if kind in kinds]
        yield from ((settings, kind) for kind in wanted or [None])
