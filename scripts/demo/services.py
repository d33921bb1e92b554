"""Starts and stops the demo's processes, and no other processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypedDict

import psutil
import requests

from scripts.demo.settings import PROJECT, DemoError, DemoSettings

_READY_SECONDS = 180
_STOP_SECONDS = 20


class StartedProcess(TypedDict):
    """An entry of ``services.json``. ``session``: the process id; ``created``: its start, in epoch seconds."""

    name: str
    session: int
    created: float


class Services:
    """The processes of one demo, each in its own session, recorded in ``services.json``."""

    def __init__(self, settings: DemoSettings) -> None:
        self.settings = settings
        self.record = settings.folder / "services.json"

    def running(self) -> list[StartedProcess]:
        """Return the started processes that still run; a process id that another program reuses does not count."""
        if not self.record.is_file():
            return []
        return [entry for entry in json.loads(self.record.read_text()) if _session_members(entry)]

    def require_free_ports(self) -> None:
        """Check that the demo does not run and its ports are free; raises DemoError with the ports in use."""
        if self.running():
            raise DemoError(
                f"The demo is already running at {self.settings.airflow_url}; stop it with `make down`."
            )
        taken = [f"{name}={port}" for name, port in self.settings.needed_ports.items() if _is_taken(port)]
        if taken:
            others = " ".join(
                f"{name}={_other(int(port))}" for name, port in (each.split("=") for each in taken)
            )
            raise DemoError(
                f"Other programs use these ports of the demo: {', '.join(taken)}. Choose others: `make demo {others}`."
            )

    def start_sandbox(self) -> None:
        """Start the sandbox, and wait until it responds."""
        port = str(self.settings.ports["SANDBOX_PORT"])
        state = str(self.settings.folder / "sandbox")
        self._start(
            "sandbox", [sys.executable, "-m", "mixpanel_aep_sandbox", "--port", port, "--state", state]
        )
        self._await(
            "the sandbox", lambda: requests.get(f"{self.settings.sandbox_url}/_sandbox/health", timeout=2).ok
        )

    def start_s3(self) -> None:
        """Start moto's server; it stores everything in memory, so this lake is new after each start."""
        port = str(self.settings.ports["S3_PORT"])
        self._start("s3", [sys.executable, "-m", "scripts.demo.s3", port])
        bucket = f"{self.settings.s3_url}/mixpanel-aep-lake"
        self._await("the S3 server", lambda: requests.put(bucket, timeout=5).ok)

    def start_airflow(self) -> None:
        """Start Airflow, and wait until all of its components are healthy."""
        config = self.settings.folder / "airflow" / "config"
        config.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("airflow_local_settings.py"), config)
        # A database in WAL mode allows reads during a write; the mode is stored in the file.
        with closing(sqlite3.connect(self.settings.folder / "airflow" / "airflow.db")) as database:
            database.execute("PRAGMA journal_mode=WAL")
        airflow = str(Path(sys.executable).parent / "airflow")
        self._start("airflow", [airflow, "standalone"], self.settings.airflow_environment())
        self._await("Airflow", self._airflow_healthy)

    def load_airflow_settings(self) -> None:
        """Load the demo's connections, pools and variables, with its sandbox port and lake."""
        done = subprocess.run(
            [
                sys.executable, "-m", "mixpanel_aep.settings", str(PROJECT / "airflow_settings.yaml"), "--overwrite",
                "--sandbox-port", str(self.settings.ports["SANDBOX_PORT"]),
                "--variable", f"mixpanel_aep_lake={self.settings.lake_url}",
            ],
            env=self.settings.airflow_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise DemoError(f"Airflow could not load airflow_settings.yaml: {done.stderr.strip()[-300:]}")

    def stop(self, patience_seconds: float = _STOP_SECONDS) -> None:
        """End every started process, children included: SIGTERM first, then SIGKILL for those that remain.

        A second Ctrl-C is ignored, because it would leave processes running.
        """
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_IGN)
        entries = self.running()
        for sign, seconds in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, _STOP_SECONDS)):
            deadline = time.monotonic() + seconds
            members = [process for entry in entries for process in _session_members(entry)]
            for process in members:
                try:
                    process.send_signal(sign)
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs(members, timeout=max(0.0, deadline - time.monotonic()))
        self.record.unlink(missing_ok=True)

    def _start(self, name: str, command: list[str], env: dict[str, str] | None = None) -> None:
        env = env or {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with self.log_path(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        entry = {"name": name, "session": process.pid, "created": psutil.Process(process.pid).create_time()}
        self.record.write_text(json.dumps([*self.running(), entry]))

    def log_path(self, name: str) -> Path:
        """Return the path of a process's log."""
        return self.settings.folder / f"{name}.log"

    def _await(self, what: str, ready: Callable[[], bool]) -> None:
        name = self.running()[-1]["name"] if self.running() else ""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if not any(entry["name"] == name for entry in self.running()):
                break
            try:
                if ready():
                    return
            except requests.RequestException:
                pass  # the process does not listen yet
            time.sleep(0.3)
        tail = self.log_path(name).read_text(errors="replace").strip().splitlines()[-3:] if name else []
        raise DemoError(f"{what} did not start; the last lines of its log: {' | '.join(tail) or 'none'}")

    def _airflow_healthy(self) -> bool:
        health = requests.get(f"{self.settings.airflow_url}/api/v2/monitor/health", timeout=5).json()
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)


def _other(port: int) -> int:
    """Return a port to suggest instead of one that is in use."""
    return port + 10000 if port < 55536 else port - 10000


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _session_members(entry: StartedProcess) -> list[psutil.Process]:
    """Return the processes of a started session. Airflow's parent process leaves its children behind, hence the session."""
    members = []
    for process in psutil.process_iter():
        try:
            # A session is never older than the process that opened it, which detects a reused id.
            is_member = (
                os.getsid(process.pid) == entry["session"] and process.create_time() >= entry["created"] - 1
            )
            if is_member and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            continue
    return members
