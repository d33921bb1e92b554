"""Asks OSV (osv.dev) for known vulnerabilities of what requirements.txt pins; one request and one for each finding.

Exit code 1: a pinned version has one that is not in ``ACCEPTED``. Where the database cannot be reached it says "not
checked", and exits with 0: a machine without internet can build and test all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).parent))
from licences import pins

OSV = "https://api.osv.dev/v1"
_SECONDS = 20
ACCEPTED: dict[str, str] = {}
"""Vulnerabilities by id or alias that do not concern this project, and why."""

Ask = Callable[[str, Any], Any]
"""Path and body (None: a GET) to the JSON of the answer."""


def ask_osv(path: str, body: Any) -> Any:
    """Raises requests.RequestException: there is no answer, or it is not OSV's."""
    url = f"{OSV}/{path}"
    answer = (
        requests.get(url, timeout=_SECONDS)
        if body is None
        else requests.post(url, json=body, timeout=_SECONDS)
    )
    answer.raise_for_status()
    return answer.json()


def found(packages: dict[str, list[str]], ask: Ask) -> Iterator[str]:
    """Yield one line for each vulnerability of a pinned version that is not accepted."""
    wanted = [(name, version) for name, versions in sorted(packages.items()) for version in versions]
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": version} for name, version in wanted
    ]
    for (name, version), result in zip(
        wanted, ask("querybatch", {"queries": queries})["results"], strict=True
    ):
        for entry in result.get("vulns") or []:
            details = ask(f"vulns/{entry['id']}", None)
            if details.get("withdrawn") or {entry["id"], *details.get("aliases", [])} & ACCEPTED.keys():
                continue
            yield f"{name} {version}: {entry['id']} {details.get('summary') or ''}".rstrip()


def main(ask: Ask = ask_osv) -> int:
    packages = pins()
    number = sum(map(len, packages.values()))
    try:
        lines = list(found(packages, ask))
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stdout.write(f"audit: not checked, because {OSV} gave no answer ({type(error).__name__}).\n")
        return 0
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"audit: {number} pinned versions, {len(lines)} known vulnerabilities that are not accepted.\n"
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
