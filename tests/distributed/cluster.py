"""An Airflow on PostgreSQL and Redis with two Celery workers, as ``deploy/compose.yaml`` has it, on one machine.

Each worker has a host name, an Airflow home, a working folder and a scratch disk of its own; the lake on S3, Airflow's
database and the broker are all that they share, as on two machines.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import requests

from include.failpoint import VARIABLE as FAILPOINTS
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.settings import DemoSettings
from tests.distributed.processes import Processes, Service

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKERS = ("worker-1", "worker-2")
BUCKET = "cluster-lake"
_PORTS = (
    "PORT",
    "SANDBOX_PORT",
    "S3_PORT",
    "POSTGRES_PORT",
    "REDIS_PORT",
    "WORKER_LOG_PORT",
    "TRIGGER_LOG_PORT",
)
_START_SECONDS = 180.0
_HURRIED = {
    # Airflow's own waits, shortened: the decisions stay the same.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
}


def free_ports() -> dict[str, int]:
    """Return a free port for each service, all different."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in _PORTS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


@dataclass(frozen=True)
class Cluster:
    """The programs of one cluster below ``folder``, and how to start each. ``connections``: Airflow's, as variables."""

    folder: Path
    programs: Mapping[str, Path]
    connections: Mapping[str, str]
    pipelines: Path
    ports: Mapping[str, int] = field(default_factory=free_ports)
    more: Mapping[str, str] = field(default_factory=dict)
    """Additional variables of every component of Airflow."""
    worker: tuple[str, ...] = (str(BIN / "airflow"),)
    """The program that runs ``celery worker``."""
    slots: int = 2
    """Tasks that a worker runs at the same time."""
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @cached_property
    def processes(self) -> Processes:
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return Processes(logs)

    @cached_property
    def settings(self) -> DemoSettings:
        return DemoSettings("s3", self.ports, self.folder)

    @property
    def lake_url(self) -> str:
        return f"s3://{BUCKET}/mixpanel"

    @property
    def database_url(self) -> str:
        """The address of Airflow's metadata database."""
        return (
            f"postgresql+psycopg2://airflow:{self.password}@127.0.0.1:{self.ports['POSTGRES_PORT']}/postgres"
        )

    @property
    def slow_down(self) -> Path:
        """While this file exists, S3 answers 503."""
        return self.folder / "slow-down"

    @cached_property
    def api(self) -> AirflowApi:
        return AirflowApi(self.settings.airflow_url, self.settings.password)

    def start_stores(self) -> None:
        """Start PostgreSQL, Redis, S3 and the sandbox."""
        self._start_postgres()
        redis = self.folder / "redis"
        redis.mkdir(exist_ok=True)
        config = redis / "redis.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self.ports['REDIS_PORT']}\ndir {redis}\nappendonly yes\nrequirepass {self.password}\n"
        )
        self._start("redis", [str(self.programs["redis-server"]), str(config)], folder=redis)
        self._start(
            "s3", [sys.executable, "-m", "tests.distributed.s3", str(self.ports["S3_PORT"]), str(self.slow_down)],
            folder=PROJECT, restarts=False,
        )  # fmt: skip
        self._start(
            "sandbox", [sys.executable, "-m", "mixpanel_aep_sandbox", "--port", str(self.ports["SANDBOX_PORT"]),
                        "--state", str(self.folder / "sandbox")], folder=PROJECT, restarts=False,
        )  # fmt: skip
        for name, port in (("PostgreSQL", "POSTGRES_PORT"), ("Redis", "REDIS_PORT"), ("S3", "S3_PORT"),
                           ("the sandbox", "SANDBOX_PORT")):  # fmt: skip
            self.processes.wait_for(f"{name} listens", lambda port=port: self._listens(port), _START_SECONDS)
        requests.put(f"{self.settings.s3_url}/{BUCKET}", timeout=10).raise_for_status()

    def start_airflow(self, failpoints: Mapping[str, str]) -> None:
        """Start every component of Airflow; ``failpoints``: what the workers' tasks do, by worker."""
        environment = self.environment()
        airflow = str(BIN / "airflow")
        done = subprocess.run(
            [airflow, "db", "migrate"],
            env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"airflow db migrate: {done.stderr[-1500:]}"
        self._start("api-server", [airflow, "api-server"])
        self._start("scheduler", [airflow, "scheduler", "--skip-serve-logs"])
        self._start("dag-processor", [airflow, "dag-processor"])
        self._start("triggerer", [airflow, "triggerer", "--skip-serve-logs"])
        for name in WORKERS:
            self.start_worker(name, failpoints.get(name, ""))
        self.processes.wait_for("Airflow is healthy", self._healthy, _START_SECONDS)

    def start_worker(self, name: str, failpoints: str = "") -> None:
        """Start a Celery worker with its own home, working folder and scratch disk."""
        home = self.folder / name
        scratch = home / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        own = {
            "AIRFLOW_HOME": str(home / "airflow"),
            "HOME": str(home),
            "TMPDIR": str(scratch),
            "TESTS_HOST_NAME": name,
            FAILPOINTS: failpoints,
        }
        if not failpoints:
            del own[FAILPOINTS]
        command = [*self.worker, "celery", "worker", "--celery-hostname", f"{name}@%h", "--concurrency", str(self.slots),
                   "--skip-serve-logs"]  # fmt: skip
        self._start(name, command, environment={**self.environment(), **own}, folder=home, restarts=False)

    def environment(self) -> dict[str, str]:
        """Return the environment of every component of this Airflow."""
        redis = f"redis://:{self.password}@127.0.0.1:{self.ports['REDIS_PORT']}/0"
        return {
            **self.settings.airflow_environment(),
            **_HURRIED,
            **self.connections,
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'plugins'}",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.distributed.hostname.host_name",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url,
            "AIRFLOW__CELERY__BROKER_URL": redis,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.database_url}",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
            # A restarting database or API server is unavailable for longer than three heartbeats of a second.
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "30",
            "AIRFLOW_VAR_MIXPANEL_AEP_LAKE": self.lake_url,
            "MIXPANEL_AEP_LAKE": self.lake_url,
            "MIXPANEL_AEP_LAKES": self.lake_url,
            "MIXPANEL_AEP_PIPELINES": str(self.pipelines),
            **self.more,
        }

    def _start_postgres(self) -> None:
        data, user = self.folder / "postgres", _unprivileged()
        self.folder.chmod(0o711)
        data.mkdir(mode=0o700)
        password = data.with_name("postgres-password")
        password.write_text(self.password)
        for path in (data, password):
            os.chown(path, user if user is not None else -1, -1)
        initdb = [str(self.programs["initdb"]), "-D", str(data), "--username=airflow", "--auth=scram-sha-256",
                  f"--pwfile={password}", "--encoding=UTF8", "--no-sync"]  # fmt: skip
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=data, timeout=120)
        password.unlink()
        command = [str(self.programs["postgres"]), "-D", str(data), "-p", str(self.ports["POSTGRES_PORT"]),
                   "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]  # fmt: skip
        self._start("postgres", command, folder=data, user=user, environment={"PATH": os.defpath})

    def _start(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: int | None = None,
        restarts: bool = True,
    ) -> None:
        environment = self.environment() if environment is None else environment
        self.processes.start(
            Service(name, command, environment, folder or self.folder / name, user, restarts)
        )

    def _listens(self, port: str) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex(("127.0.0.1", self.ports[port])) == 0

    def _healthy(self) -> bool:
        try:
            health = requests.get(f"{self.settings.airflow_url}/api/v2/monitor/health", timeout=5).json()
        except requests.RequestException:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return (
            all((health.get(part) or {}).get("status") == "healthy" for part in parts)
            and self._workers_ready()
        )

    def _workers_ready(self) -> bool:
        return all("ready." in self.processes.log_of(name).read_text(errors="replace") for name in WORKERS)


def _unprivileged() -> int | None:
    """Return the user for PostgreSQL, which refuses to run as root; None: the current one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("this system has no user nobody")
