"""State that all parts of the sandbox share: the store, the clock and the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.types import ASGIApp

from mixpanel_aep_sandbox.core.store import Store

_EARLIEST, _LATEST = 0.0, datetime(2200, 1, 1, tzinfo=UTC).timestamp()


class SandboxClock:
    """The sandbox's clock: the system's time, optionally shifted or frozen. The setting survives restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        setting = store.get("clock", "setting") or {}
        self._offset: float = setting.get("offset", 0.0)
        self._frozen: float | None = setting.get("frozen")

    @property
    def is_frozen(self) -> bool:
        """Whether the clock is stopped at a fixed time."""
        return self._frozen is not None

    def seconds(self) -> float:
        """Return the sandbox's time in epoch seconds."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def milliseconds(self) -> int:
        """Return the sandbox's time in epoch milliseconds."""
        return int(self.seconds() * 1000)

    def now(self) -> datetime:
        """Return the sandbox's time as a datetime in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def set(self, epoch_seconds: float, *, frozen: bool = False) -> None:
        """Set the time, and stop the clock there if ``frozen``. Raises ValueError outside of the years 1970 to 2199."""
        if not _EARLIEST <= epoch_seconds < _LATEST:
            raise ValueError("The sandbox's time must be between 1970 and 2199.")
        self._offset = epoch_seconds - time.time()
        self._frozen = epoch_seconds if frozen else None
        self._save()

    def advance(self, seconds: float) -> None:
        """Move the clock forwards, or backwards if ``seconds`` is negative. Raises ValueError as ``set`` does."""
        self.set(self.seconds() + seconds, frozen=self.is_frozen)

    def reset(self) -> None:
        """Set the clock to the system's time, not frozen."""
        self._offset, self._frozen = 0.0, None
        self._save()

    def _save(self) -> None:
        self._store.put("clock", "setting", {"offset": self._offset, "frozen": self._frozen})


@dataclass(frozen=True)
class Settings:
    """The settings that all services of the sandbox share.

    Most of them select one of the behaviours that Adobe's documentation does not describe, or describes in
    contradictory ways.
    """

    batch_seconds: float = 1.0
    """Seconds of the sandbox's clock until a completed batch changes from ``loaded`` to ``active``."""
    active_status: str = "success"
    """Final status of a successful batch: ``success`` or ``active`` (synonyms)."""
    small_file_bytes: int = 256 * 1024 * 1024
    """Size of the largest file that may be uploaded in one request (EP:ingestion/batch-ingestion/api-overview.md)."""
    token_seconds: int = 86399
    """Lifetime of a new access token in seconds (dev-console: ServerToServerAuthentication/implementation.md)."""
    tenant_id: str = "acmesandbox"
    """Tenant id of the organization; the organization's own XDM fields are under ``_<tenant id>``."""


@dataclass
class SandboxState:
    """What all services of one sandbox share: its data, its time, its settings, and functions that services call.

    Every route gets this object. A service adds functions to ``on_reset`` and ``before_read``, so that other services
    can call them without importing it.
    """

    store: Store
    settings: Settings = field(default_factory=Settings)
    on_reset: list[Callable[[], None]] = field(default_factory=list)
    """Functions to call after a reset has emptied the store; they clear a service's memory or store demo data again."""
    before_read: list[Callable[..., object]] = field(default_factory=list)
    """Functions to call with an ``AepSandboxScope`` before reads of its batches; they start due dataflow runs."""
    query_address: tuple[str, int] | None = None
    """Host and port of Query Service while it accepts connections, otherwise None."""
    query_counts: Callable[[], dict[str, int]] = field(default=dict)
    """Function that returns Query Service's numbers of open sessions, running queries and queued queries, by name."""
    app: ASGIApp | None = None
    """The ASGI application of the sandbox, by which one service sends requests to another; None until it is built."""

    def __post_init__(self) -> None:
        self.clock = SandboxClock(self.store)
