"""The trigger that polls an AEP batch until AEP has finished it or a deadline has passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.aep.batch_state import BatchState, classify_status
from include.redact import one_line

if TYPE_CHECKING:
    from include.aep.client import AepClient

_ENDS = (BatchState.ACTIVE, BatchState.REFUSED, BatchState.GONE)
_OPEN_SECONDS = 60.0
"""How long the trigger polls a batch that is still open.

A batch that is open for longer has not received the request to complete it, which the operator then sends again.
"""


class BatchTrigger(BaseTrigger):
    """Polls the status of an AEP batch, and fires when the task ``ingest`` has to continue.

    Its event contains the batch's last status. The operator does not trust it, and requests the status from AEP again.

    Args:
        aep_conn_id: the id of the AEP connection.
        batch_id: the id of the batch.
        deadline: when to stop polling, in seconds since the epoch. It is absolute, because a trigger can move to
            another host and start again there.
        poll_seconds: the wait before the first poll; later waits are longer.
    """

    def __init__(self, aep_conn_id: str, batch_id: str, deadline: float, poll_seconds: float = 2.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aep_conn_id = aep_conn_id
        self.batch_id = batch_id
        self.deadline = deadline
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, object]]:
        """Return the path of the class and the arguments, from which Airflow creates the trigger on any host."""
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
        """Poll the batch until AEP has finished it, it has been open for too long, or the deadline has passed.

        A terminal error of AEP also ends the polling.

        Yields:
            One event: ``status``, the batch's last status, and ``in_time``, False if only the deadline has passed.
        """
        wait, seen, started = self.poll_seconds, "", time.monotonic()
        while True:
            # A task that is resumed soon after its deferral can use up a retry (_POLL_SECONDS in operators/ingest.py).
            await asyncio.sleep(min(wait, max(0.0, self.deadline - time.time()) + 0.1))
            wait = min(wait * 1.5, 30.0)
            status, is_terminal = await asyncio.to_thread(self._poll)
            if status != seen:
                self.log.info("Batch %s is %s", self.batch_id, one_line(status))
                seen = status
            state = classify_status(status)
            still_open = state is BatchState.OPEN and time.monotonic() - started > _OPEN_SECONDS
            ended = state in _ENDS or still_open or is_terminal
            if ended or time.time() >= self.deadline:
                yield TriggerEvent({"status": status, "in_time": ended})  # type: ignore[no-untyped-call]
                return

    @cached_property
    def _client(self) -> AepClient:
        from mixpanel_aep.hooks.aep import AepHook

        return AepHook(self.aep_conn_id).get_conn()

    def _poll(self) -> tuple[str, bool]:
        """Return AEP's status of the batch, and whether a terminal error occurred, such as denied access.

        After an error, the status begins with ``unknown``. A terminal error ends the polling: the operator then creates
        a new client from the current connection, and handles the error.
        """
        from include.errors import PipelineError, Terminal

        try:
            batch = self._client.batches.find(self.batch_id)
        except PipelineError as error:
            return f"unknown ({type(error).__name__})", isinstance(error, Terminal)
        return str(batch.status) if batch else "unknown to the catalog", False
