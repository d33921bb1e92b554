"""Records in the lake which alerts were sent, and which are being sent, so that each recipient gets each alert once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import msgspec

from include.alerts.alert import Alert
from include.lake.keys import alert_claim_key, alert_key
from include.lake.lake import Lake
from include.lake.records import create_record, read_index

CLAIM_LIFETIME = timedelta(minutes=20)
"""For how long a claim is valid: longer than the timeout of the task ``alerts``, so that its process has then ended."""


@dataclass(frozen=True)
class Claim:
    """The right of this process to send an alert to a recipient, while other processes may have the same alert.

    Attributes:
        pipeline: the name of the pipeline.
        lock: a digest of the recipient and the alert's conditions that were not sent yet; names the records' folder.
        number: the number of the record by which this process got the right.
    """

    pipeline: str
    lock: str
    number: int


class _State(msgspec.Struct):
    """The content of a record about an alert that is being sent.

    Attributes:
        state: ``claimed`` if a process is sending the alert, ``failed`` if its notifier failed.
        at: when the record was written.
    """

    state: str
    at: datetime


def was_sent(lake: Lake, alert: Alert, recipient: str) -> bool:
    """Return whether a recipient has already got all conditions of an alert.

    Raises:
        PipelineError: the lake cannot be read.
    """
    return not _unsent(lake, alert, recipient)


def claim(lake: Lake, alert: Alert, recipient: str, now: datetime) -> Claim | None:
    """Get the right to send an alert to a recipient.

    Of several processes with the same alert, only one gets it, because each numbered record can be created only once.

    Returns:
        The right to send the alert; None if the alert was already sent, or another process is sending it.

    Raises:
        PipelineError: the lake cannot be read or written.
    """
    unsent = _unsent(lake, alert, recipient)
    if not unsent:
        return None
    lock = hashlib.sha256("\0".join(sorted(unsent)).encode()).hexdigest()[:32]
    for number in count(1):
        key = alert_claim_key(alert.pipeline, lock, number)
        if create_record(lake, key, msgspec.json.encode(_State("claimed", now))):
            # Another process may have sent the alert between the two requests.
            return None if was_sent(lake, alert, recipient) else Claim(alert.pipeline, lock, number)
        found, following = _read(lake, key), _read(lake, alert_claim_key(alert.pipeline, lock, number + 1))
        is_last = following is None
        if is_last and found is not None and found.state == "claimed" and now - found.at < CLAIM_LIFETIME:
            return None
    raise AssertionError("counting ended")


def release(lake: Lake, claimed: Claim, now: datetime) -> None:
    """Record that sending a claimed alert failed, so that the next process with the same alert can claim it at once.

    Raises:
        PipelineError: the lake cannot be written.
    """
    key = alert_claim_key(claimed.pipeline, claimed.lock, claimed.number + 1)
    create_record(lake, key, msgspec.json.encode(_State("failed", now)))


def record_sent(lake: Lake, alert: Alert, recipient: str, now: datetime) -> None:
    """Record that an alert was sent to a recipient.

    Raises:
        PipelineError: the lake cannot be written.
    """
    body = {"kind": alert.kind, "partition": str(alert.partition or ""), "at": now.isoformat()}
    for digest in alert.digests(recipient):
        create_record(lake, alert_key(alert.pipeline, digest), msgspec.json.encode(body))


def _unsent(lake: Lake, alert: Alert, recipient: str) -> list[str]:
    """Return the digests (``Alert.digests``) of those conditions of the alert that the recipient has not got."""
    digests = alert.digests(recipient)
    return [each for each in digests if read_index(lake, alert_key(alert.pipeline, each)) is None]


def _read(lake: Lake, key: str) -> _State | None:
    """Return the record about an alert that is being sent; None if it is missing or cannot be read."""
    body = read_index(lake, key)
    try:
        return None if body is None else msgspec.json.decode(body, type=_State)
    except msgspec.DecodeError:
        return None
