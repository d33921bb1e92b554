"""Sends test alerts for the command line: ``python -m mixpanel_aep.alerts.trial PIPELINE_FILE KIND...``.

The command line starts this process, because it cannot import Airflow, whose notifiers and connections send the alerts.
Standard output is one JSON object: ``{"deliveries": [{"notifier": class path, "kind": kind or null, "cause": text}]}``.
The cause is empty if the alert was sent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

from include.alerts.trial import trial_alert, trials
from include.config.alerts import AlertKind
from include.config.loader import load_pipeline
from include.config.model import Pipeline
from mixpanel_aep.json_output import open_json_output


def try_notifiers(pipeline: Pipeline, kinds: Collection[AlertKind]) -> Iterator[dict[str, Any]]:
    """Send a test alert through each notifier of a pipeline file, and yield the result of each.

    ``kinds``: as in ``include.alerts.trial.trials``. The lake does not record test alerts: each call sends them again.
    """
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # not in its __all__

    from mixpanel_aep.alerts.send import deliver, with_link

    for settings, kind in trials(pipeline, kinds):
        cause = ""
        if kind is not None:
            alert = with_link(trial_alert(pipeline, kind))
            cause = str(redact(deliver(alert, settings, {"run_id": "test"})))
        yield {"notifier": settings.class_path, "kind": kind, "cause": cause}


def main(arguments: list[str]) -> None:
    """Send the test alerts and print the results as JSON; all other output is redirected to standard error."""
    out = open_json_output()
    path, *kinds = arguments
    found = list(try_notifiers(load_pipeline(Path(path)), cast("list[AlertKind]", kinds)))
    with out:
        json.dump({"deliveries": found}, out)


if __name__ == "__main__":
    main(sys.argv[1:])
