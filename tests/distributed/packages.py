"""PostgreSQL and Redis of the operating system: finds their programs, and installs missing ones with apt."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_PACKAGES = {"initdb": "postgresql", "redis-server": "redis-server"}
_POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"


class Missing(Exception):
    """A program is missing and cannot be installed here; one sentence says what to do."""


def find_programs() -> dict[str, Path]:
    """Return the folders of ``initdb``, ``postgres`` and ``redis-server``; missing ones are installed first.

    Raises:
        Missing: they cannot be installed by this user, on this system, or from here.
    """
    missing = sorted({package for program, package in _PACKAGES.items() if _find(program) is None})
    if missing:
        _install(missing)
    found = {program: _find(program) for program in ("initdb", "postgres", "redis-server")}
    if absent := [program for program, path in found.items() if path is None]:
        raise Missing(f"{', '.join(absent)} cannot be found, although {', '.join(missing)} is installed.")
    return {program: path for program, path in found.items() if path is not None}


def _find(program: str) -> Path | None:
    folders = sorted(map(str, Path("/").glob(_POSTGRES_FOLDERS.lstrip("/"))), reverse=True)
    path = shutil.which(program, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    return Path(path) if path else None


def _install(packages: list[str]) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(
            f"{names} missing: install it (Debian, as root: apt-get install -y --no-install-recommends {names})."
        )
    # Debian must not start either of them: a policy for this one call keeps their services from starting.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode:
            raise Missing(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")
