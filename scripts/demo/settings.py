"""Where the demo lives and which ports it takes."""

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
"""What the demo backfills, first and last day of each pipeline; 30 June of the hostile project is an empty day."""

PORTS = {
    "PORT": 8080,
    "SANDBOX_PORT": 8765,
    "S3_PORT": 8766,
    "WORKER_LOG_PORT": 8793,
    "TRIGGER_LOG_PORT": 8794,
}


USER = "demo"
"""The one user of the demo's Airflow, an admin."""


class DemoError(Exception):
    """The demo cannot go on; one sentence."""


@dataclass(frozen=True)
class DemoSettings:
    """One demo: its lake's kind, its ports, its folder."""

    lake: str
    ports: Mapping[str, int]
    folder: Path

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> DemoSettings:
        """Reads ``LAKE`` (``file`` or ``s3``) and the port variables.

        Raises:
            DemoError: one of them is no such thing.
        """
        lake = env.get("LAKE") or "file"
        if lake not in ("file", "s3"):
            raise DemoError(f"LAKE={lake} is not known; write LAKE=file or LAKE=s3.")
        ports = {}
        for name, default in PORTS.items():
            text = env.get(name) or str(default)
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise DemoError(f"{name}={text} is no port; write a number from 1 to 65535.")
            ports[name] = int(text)
        return cls(lake, ports, PROJECT / ".run" / lake)

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['PORT']}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['SANDBOX_PORT']}"

    @property
    def s3_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['S3_PORT']}"

    @property
    def lake_url(self) -> str:
        return "s3://mixpanel-aep-lake/demo" if self.lake == "s3" else f"file://{self.folder / 'lake'}"

    @property
    def needed_ports(self) -> dict[str, int]:
        return {name: port for name, port in self.ports.items() if name != "S3_PORT" or self.lake == "s3"}

    def lake_environment(self) -> dict[str, str]:
        """What a process needs to reach the lake; the keys are moto's, which checks none."""
        if self.lake == "file":
            return {}
        return {
            "AWS_ENDPOINT_URL": self.s3_url,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo-not-real",
            "AWS_REGION": "us-east-1",
        }

    def airflow_environment(self) -> dict[str, str]:
        """An Airflow of its own: SQLite, loopback, one user, no examples, no telemetry."""
        home = self.folder / "airflow"
        return {
            **_clean_environment(),
            **self.lake_environment(),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # SQLite's own five seconds are short when eight processes start at once on a busy machine.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=20",
            "AIRFLOW__CORE__PARALLELISM": str(max(2, min(4, (os.cpu_count() or 2) + 1))),
            # With a login, because web pages reach this port too, by DNS rebinding as Airflow's own origin.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file(home)),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            # The Test button makes the server call the connection's host, which here can only be this machine.
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__FERNET_KEY": self._secret(home, "fernet_key"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["PORT"]),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret(home, "jwt_secret"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.ports["WORKER_LOG_PORT"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.ports["TRIGGER_LOG_PORT"]),
            "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "client_secret,project_secret",
            # A task's supervisor may sleep so long after its task has ended. A task that is resumed meanwhile is taken
            # for finished by the scheduler ("state success, but the task instance's state attribute is queued") and
            # loses a try; Airflow's default is 5 seconds. It also makes the demo faster.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "MIXPANEL_AEP_LAKE": self.lake_url,
            SANDBOXES_VARIABLE: self.sandbox_url,
        }

    def write_command_line_environment(self) -> Path:
        """Write what the command line needs to use this demo's Airflow and lake, to be read by a shell; return the file.

        It holds the key of the demo's Airflow: readable by its owner alone.
        """
        path = self.folder / "command-line.env"
        names = (
            "AIRFLOW_HOME",
            "AIRFLOW__CORE__FERNET_KEY",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
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
        """The password of the demo's one Airflow user."""
        return self._secret(self.folder / "airflow", "password")

    def _passwords_file(self, home: Path) -> Path:
        """The file in which Airflow's simple auth manager looks for passwords, readable by its owner alone."""
        path = home / "passwords.json"
        text = json.dumps({USER: self.password})
        if not path.exists() or path.read_text() != text:
            path.touch(mode=0o600)
            path.write_text(text)
        return path

    @staticmethod
    def _secret(home: Path, name: str) -> str:
        """A key for this demo's Airflow alone, made at its first start; 32 bytes, as Fernet wants them."""
        path = home / name
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return path.read_text()


def _clean_environment() -> dict[str, str]:
    """This process's environment without what would lead another Airflow's life or slow this one down.

    PYTHONDONTWRITEBYTECODE doubles the start of every Airflow process.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "AWS_"))
        and name not in ("PYTHONDONTWRITEBYTECODE", "MIXPANEL_AEP_ENV")
    }
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}
