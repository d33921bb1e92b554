"""Polls an AEP batch until it has ended or the deadline has passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.aep.decide import BatchState, classify_status
from include.redact import one_line

if TYPE_CHECKING:
    from include.aep.client import AepClient

_ENDS = (BatchState.ACTIVE, BatchState.REFUSED, BatchState.GONE)
_OPEN_SECONDS = 60.0
"""A batch that stays open for so long after COMPLETE has not been completed: the operator has to act."""


class BatchTrigger(BaseTrigger):
    """Polls a batch, and writes nothing.

    ``deadline`` is in epoch seconds: a trigger moves between hosts, where a countdown would start again.

    The event has the batch's last status; the operator does not trust it and requests the status from AEP.
    """

    def __init__(self, aep_conn_id: str, batch_id: str, deadline: float, poll_seconds: float = 2.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aep_conn_id = aep_conn_id
        self.batch_id = batch_id
        self.deadline = deadline
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, object]]:
        """Return the class path and the arguments of the trigger."""
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
        """Poll until the batch has ended, the deadline has passed or access is denied."""
        wait, seen, started = self.poll_seconds, "", time.monotonic()
        while True:
            # The operator polled a moment ago, and a task that is resumed at once can lose a try (see there).
            await asyncio.sleep(min(wait, max(0.0, self.deadline - time.time()) + 0.1))
            wait = min(wait * 1.5, 30.0)
            status, locked_out = await asyncio.to_thread(self._poll)
            if status != seen:
                self.log.info("Batch %s is %s", self.batch_id, one_line(status))
                seen = status
            state = classify_status(status)
            still_open = state is BatchState.OPEN and time.monotonic() - started > _OPEN_SECONDS
            ended = state in _ENDS or still_open or locked_out
            if ended or time.time() >= self.deadline:
                yield TriggerEvent({"status": status, "in_time": ended})  # type: ignore[no-untyped-call]
                return

    @cached_property
    def _client(self) -> AepClient:
        from mixpanel_aep.hooks.aep import AepHook

        return AepHook(self.aep_conn_id).get_conn()

    def _poll(self) -> tuple[str, bool]:
        """Return the raw status, and whether access is denied.

        An unreachable AEP shows nothing about the batch. Denied access is left to the operator, which creates its
        client from the present connection.
        """
        from include.errors import PipelineError, Terminal

        try:
            batch = self._client.batches.find(self.batch_id)
        except PipelineError as error:
            return f"unknown ({type(error).__name__})", isinstance(error, Terminal)
        return str(batch.status) if batch else "unknown to the catalog", False
