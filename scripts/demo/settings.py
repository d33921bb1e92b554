"""The demo's folder, ports and environment."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from include.http.sandbox_address import SANDBOXES_VARIABLE

PROJECT = Path(__file__).parents[2]

PARTITIONS: dict[str, tuple[date, date]] = {
    "adobe-tutorial": (date(2022, 5, 17), date(2022, 5, 18)),
    "hostile": (date(2026, 6, 30), date(2026, 7, 1)),
    "shop": (date(2026, 6, 30), date(2026, 7, 2)),
}
"""The partitions of the demo: first and last day of each pipeline; 30 June of the hostile project is an empty day."""

PORTS = {
    "PORT": 8080,
    "SANDBOX_PORT": 8765,
    "S3_PORT": 8766,
    "WORKER_LOG_PORT": 8793,
    "TRIGGER_LOG_PORT": 8794,
}


USER = "demo"
"""The only user of the demo's Airflow, an admin."""


_WITH_NEW_FILES = {
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
}
"""A new or changed file is on Airflow's pages within seconds; Airflow's defaults are 300 and 30 seconds."""


class DemoError(Exception):
    """The demo cannot continue; the message is one sentence."""


@dataclass(frozen=True)
class DemoSettings:
    """The settings of one demo: the kind of its lake, its ports, its folder."""

    lake: str
    ports: Mapping[str, int]
    folder: Path
    has_new_files: bool = False
    """Whether a person may add DAG files and pipeline files while it runs. It costs processor time."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> DemoSettings:
        """Read ``LAKE`` (``file`` or ``s3``) and the port variables.

        Raises:
            DemoError: a value is invalid.
        """
        lake = env.get("LAKE") or "file"
        if lake not in ("file", "s3"):
            raise DemoError(f"LAKE={lake} is unknown; set LAKE=file or LAKE=s3.")
        ports = {}
        for name, default in PORTS.items():
            text = env.get(name) or str(default)
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise DemoError(f"{name}={text} is not a port; use a number from 1 to 65535.")
            ports[name] = int(text)
        return cls(lake, ports, PROJECT / ".run" / lake)

    @property
    def airflow_url(self) -> str:
        """The address of Airflow."""
        return f"http://127.0.0.1:{self.ports['PORT']}"

    @property
    def sandbox_url(self) -> str:
        """The address of the sandbox."""
        return f"http://127.0.0.1:{self.ports['SANDBOX_PORT']}"

    @property
    def s3_url(self) -> str:
        """The address of moto's S3."""
        return f"http://127.0.0.1:{self.ports['S3_PORT']}"

    @property
    def lake_url(self) -> str:
        """The address of the lake."""
        return "s3://mixpanel-aep-lake/demo" if self.lake == "s3" else f"file://{self.folder / 'lake'}"

    @property
    def needed_ports(self) -> dict[str, int]:
        """The ports that the demo uses, by variable."""
        return {name: port for name, port in self.ports.items() if name != "S3_PORT" or self.lake == "s3"}

    def lake_environment(self) -> dict[str, str]:
        """Return the environment variables for access to the lake; moto does not check the keys."""
        if self.lake == "file":
            return {}
        return {
            "AWS_ENDPOINT_URL": self.s3_url,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo-not-real",
            "AWS_REGION": "us-east-1",
        }

    def airflow_environment(self) -> dict[str, str]:
        """Return the environment of the demo's own Airflow: SQLite, loopback, one user, no examples, no telemetry."""
        home = self.folder / "airflow"
        return {
            **_clean_environment(),
            **self.lake_environment(),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # SQLite's own five seconds are too short when eight processes start concurrently on a busy machine.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=20",
            "AIRFLOW__CORE__PARALLELISM": str(max(2, min(4, (os.cpu_count() or 2) + 1))),
            # With a login, because web pages can reach this port too, by DNS rebinding as Airflow's own origin.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file(home)),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            # The Test button makes the server call the connection's host, which can only be this machine here.
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__FERNET_KEY": self._secret(home, "fernet_key"),
            **(_WITH_NEW_FILES if self.has_new_files else {}),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["PORT"]),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret(home, "jwt_secret"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.ports["WORKER_LOG_PORT"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.ports["TRIGGER_LOG_PORT"]),
            "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "client_secret,project_secret",
            # A task's supervisor may sleep for this long after its task has ended. The scheduler considers a task that is
            # resumed in the meantime finished ("state success, but the task instance's state attribute is queued"), which
            # costs a try; Airflow's default is 5 seconds. It also makes the demo faster.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "MIXPANEL_AEP_LAKE": self.lake_url,
            SANDBOXES_VARIABLE: self.sandbox_url,
        }

    def write_command_line_environment(self) -> Path:
        """Write the variables that the command line needs for this demo's Airflow and lake, for a shell; return the file.

        It contains the key of the demo's Airflow, so only its owner can read it.
        """
        path = self.folder / "command-line.env"
        names = (
            "AIRFLOW_HOME",
            "AIRFLOW__CORE__FERNET_KEY",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL",
            "MIXPANEL_AEP_LAKE",
            SANDBOXES_VARIABLE,
        )
        values = {
            **{n: v for n, v in self.airflow_environment().items() if n in names},
            **self.lake_environment(),
        }
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))
        return path

    @property
    def password(self) -> str:
        """The password of the demo's Airflow user."""
        return self._secret(self.folder / "airflow", "password")

    def _passwords_file(self, home: Path) -> Path:
        """Return the password file of Airflow's simple auth manager; only its owner can read it."""
        path = home / "passwords.json"
        text = json.dumps({USER: self.password})
        if not path.exists() or path.read_text() != text:
            path.touch(mode=0o600)
            path.write_text(text)
        return path

    @staticmethod
    def _secret(home: Path, name: str) -> str:
        """Return a key of this demo's Airflow, created at its first start; 32 bytes, as Fernet requires."""
        path = home / name
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return path.read_text()


def _clean_environment() -> dict[str, str]:
    """Return this process's environment without variables of another Airflow or that slow this one down.

    PYTHONDONTWRITEBYTECODE doubles the start of every Airflow process.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "AWS_"))
        and name not in ("PYTHONDONTWRITEBYTECODE", "MIXPANEL_AEP_ENV")
    }
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}
