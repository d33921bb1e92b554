"""Processes of a cluster on one machine, each in its own session: started, killed, and restarted when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_STOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.3


class DidNotHappen(Exception):
    """A condition did not become true before its deadline."""


@dataclass
class Service:
    """A program and its command. ``restarts``: it is started again when it ends, as ``restart: always`` does."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    user: int | None = None
    restarts: bool = True
    process: subprocess.Popen[bytes] | None = None
    ended: int = 0
    """How often it ended by itself."""

    @property
    def members(self) -> list[psutil.Process]:
        """Return the living processes of its session."""
        if self.process is None:
            return []
        return [
            each for each in psutil.process_iter() if _session(each.pid) == self.process.pid and _lives(each)
        ]


@dataclass
class Processes:
    """All processes that one run started; it ends only these."""

    logs: Path
    services: dict[str, Service] = field(default_factory=dict)

    def start(self, service: Service) -> None:
        """Start a program; its output goes to ``<name>.log``."""
        self.services[service.name] = service
        service.folder.mkdir(parents=True, exist_ok=True)
        with self.log_of(service.name).open("ab") as log:
            service.process = subprocess.Popen(
                service.command,
                cwd=service.folder,
                env=dict(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=service.user,
            )

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def end(self, name: str, sign: signal.Signals = signal.SIGTERM) -> None:
        """End a program with all its child processes and wait: SIGKILL at once, or SIGTERM and SIGKILL after a delay."""
        service = self.services[name]
        members = service.members
        for each in [service.process] if sign is signal.SIGTERM and service.process else members:
            _send(each, sign)
        _, alive = psutil.wait_procs(members, timeout=_STOP_SECONDS)
        for each in alive:
            _send(each, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=_STOP_SECONDS)
        if service.process is not None:
            service.process.wait(_STOP_SECONDS)
            service.process = None

    def restart(self, name: str, sign: signal.Signals = signal.SIGTERM) -> None:
        self.end(name, sign)
        self.start(self.services[name])

    def tend(self) -> None:
        """Restart programs that ended.

        Raises:
            DidNotHappen: a program ended that is not to be restarted.
        """
        for service in self.services.values():
            if service.process is None or service.process.poll() is None:
                continue
            if not service.restarts:
                raise DidNotHappen(f"{service.name} ended; the end of its log: {self.tail(service.name)}")
            service.ended += 1
            self.end(service.name, signal.SIGKILL)
            self.start(service)

    def tail(self, name: str, lines: int = 5) -> str:
        path = self.log_of(name)
        text = path.read_text(errors="replace") if path.exists() else ""
        return " | ".join(text.strip().splitlines()[-lines:])[-1500:] or "nothing"

    def wait_for(self, what: str, ready: Callable[[], Any], seconds: float) -> Any:
        """Return the first true result of ``ready``, restarting programs that end.

        Raises:
            DidNotHappen: none was within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            if time.monotonic() > deadline:
                raise DidNotHappen(f"{what}: not within {seconds:.0f} seconds")
            self.tend()
            time.sleep(_PAUSE_SECONDS)
        return found

    def stop_all(self) -> None:
        """End everything at once: the data is discarded."""
        members = [each for service in self.services.values() for each in service.members]
        for each in members:
            _send(each, signal.SIGKILL)
        psutil.wait_procs(members, timeout=_STOP_SECONDS)
        for service in self.services.values():
            if service.process is not None:
                service.process.wait(_STOP_SECONDS)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process | subprocess.Popen[bytes], sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return
