"""Test alerts: messages that a person requests to try the notifiers of a pipeline file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from include.alerts.alert import Alert
from include.config.alerts import AlertKind, NotifierSettings
from include.config.model import Pipeline


def trial_alert(pipeline: Pipeline, kind: AlertKind) -> Alert:
    """Return a test alert of a kind; its title and its text say that it is a test."""
    return Alert(
        kind,
        pipeline.name,
        None,
        f"This is a test of the alerts of pipeline {pipeline.name} (kind {kind}); it reports no event.",
        "Nothing has to be done.",
        ("trial",),
        f"mixpanel-aep/board/dag/{pipeline.dag_id}",
        is_trial=True,
    )


def trials(
    pipeline: Pipeline, kinds: Collection[AlertKind]
) -> Iterator[tuple[NotifierSettings, AlertKind | None]]:
    """Yield each notifier of a pipeline file with each kind to try; None if it sends none of the requested kinds.

    ``kinds``: the requested kinds; without any, each notifier is tried once, with the first kind that it sends.
    """
    for settings in pipeline.alerts.notifiers if pipeline.alerts else ():
        if not kinds:
            yield settings, settings.kinds[0]
            continue
        wanted: list[AlertKind | None] = [kind for kind in settings.kinds if kind in kinds]
        yield from ((settings, kind) for kind in wanted or [None])
