"""The contents of the files in ``deploy/``, read once for the tests in this folder."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path.name for path in DEPLOY.iterdir() if path.is_file())
IN_IMAGE = "/opt/mixpanel-aep"
"""Where the image has the project."""


@cache
def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text_of(name)))


def services(*names: str) -> dict[str, dict[str, Any]]:
    """Return the services of compose files; later files override earlier ones as ``docker compose -f`` merges them."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        for service, fields in load(name)["services"].items():
            before = found.get(service, {})
            environment = {**before.get("environment", {}), **fields.get("environment", {})}
            found[service] = {**before, **fields, **({"environment": environment} if environment else {})}
    return found


def environment_of(service: dict[str, Any], secrets: dict[str, str]) -> dict[str, str]:
    """Return a service's environment with the values of ``.env``: ``${NAME:?}`` and ``${NAME:-default}``."""

    def filled(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        return secrets.get(name, default or "") if default is not None else secrets[name]

    pattern = re.compile(r"\$\{([A-Z_]+)(?::\?|:-([^}]*))\}")
    return {name: pattern.sub(filled, str(value)) for name, value in service.get("environment", {}).items()}


def values(*names: str) -> dict[str, Any]:
    """Return Helm values; later files override earlier ones, maps are merged and lists replaced."""
    merged: dict[str, Any] = {}
    for name in names:
        merged = _merge(merged, load(name))
    return merged


def _merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merge(one[key], other[key]) for key in one.keys() & other.keys()
            if isinstance(one[key], dict) and isinstance(other[key], dict)}  # fmt: skip
    return {**one, **other, **both}
