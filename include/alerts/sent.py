"""Records in the lake of the alerts that were sent, so that each alert is sent once to each recipient."""

from __future__ import annotations

from datetime import datetime

import msgspec

from include.alerts.alert import Alert
from include.lake.keys import alert_key
from include.lake.lake import Lake
from include.lake.records import create_record, read_index


def was_sent(lake: Lake, alert: Alert, recipient: str) -> bool:
    """Return whether all conditions of an alert were sent to a recipient before.

    Raises:
        PipelineError: the lake cannot be read.
    """
    keys = [alert_key(alert.pipeline, digest) for digest in alert.digests(recipient)]
    return all(read_index(lake, key) is not None for key in keys)


def remember(lake: Lake, alert: Alert, recipient: str, now: datetime) -> None:
    """Record that an alert was sent to a recipient.

    Raises:
        PipelineError: the lake cannot be written.
    """
    body = {"kind": alert.kind, "partition": str(alert.partition or ""), "at": now.isoformat()}
    for digest in alert.digests(recipient):
        create_record(lake, alert_key(alert.pipeline, digest), msgspec.json.encode(body))
