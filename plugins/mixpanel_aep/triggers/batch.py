"""Watches an AEP batch until it has ended or the deadline has passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.aep.decide import BatchOutlook, outlook

_ENDS = (BatchOutlook.ACTIVE, BatchOutlook.REFUSED, BatchOutlook.GONE)
_OPEN_SECONDS = 60.0
"""A batch that stays open that long after COMPLETE has not been completed: the operator has to do something."""


class BatchTrigger(BaseTrigger):
    """Only looks. ``deadline`` is in epoch seconds: a trigger moves between hosts, a countdown would start anew.

    The event holds the batch's last status; the operator asks AEP again and does not trust it.
    """

    def __init__(self, aep_conn_id: str, batch_id: str, deadline: float, poll_seconds: float = 2.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aep_conn_id = aep_conn_id
        self.batch_id = batch_id
        self.deadline = deadline
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "mixpanel_aep.triggers.batch.BatchTrigger",
            {
                "aep_conn_id": self.aep_conn_id,
                "batch_id": self.batch_id,
                "deadline": self.deadline,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        client = await asyncio.to_thread(self._client)
        wait, seen, started = self.poll_seconds, "", time.monotonic()
        while True:
            status = await asyncio.to_thread(self._status, client)
            if status != seen:
                self.log.info("Batch %s is %s", self.batch_id, status)
                seen = status
            state = outlook(status)
            still_open = state is BatchOutlook.OPEN and time.monotonic() - started > _OPEN_SECONDS
            ended = state in _ENDS or still_open
            if ended or time.time() >= self.deadline:
                yield TriggerEvent({"status": status, "in_time": ended})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(min(wait, max(0.0, self.deadline - time.time()) + 0.1))
            wait = min(wait * 1.5, 30.0)

    def _client(self) -> Any:
        from mixpanel_aep.hooks.aep import AepHook

        return AepHook(self.aep_conn_id).get_conn()

    def _status(self, client: Any) -> str:
        """The raw status. That AEP cannot be reached says nothing about the batch."""
        from include.errors import Transient

        try:
            batch = client.batches.find(self.batch_id)
        except Transient as error:
            return f"unknown ({type(error).__name__})"
        return str(batch.status) if batch else "unknown to the catalog"
