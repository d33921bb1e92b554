"""Requests known vulnerabilities of the pins of both images from OSV (osv.dev): one request, and one per finding.

Exit code 1: a pinned version has a vulnerability that is not in ``ACCEPTED``. If the database cannot be reached, it
prints "not checked" and exits with 0, so that a machine without internet can still build and test.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).parent))
from licences import more_pins, pins

OSV = "https://api.osv.dev/v1"
_SECONDS = 20
ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that do not concern this project, by id or alias, with the reason."""

Ask = Callable[[str, Any], Any]
"""A function from path and body (None: a GET) to the JSON of the response."""


def ask_osv(path: str, body: Any) -> Any:
    """Return the JSON of OSV's response.

    Raises:
        requests.RequestException: the request failed, or the response is an error.
    """
    url = f"{OSV}/{path}"
    response = (
        requests.get(url, timeout=_SECONDS)
        if body is None
        else requests.post(url, json=body, timeout=_SECONDS)
    )
    response.raise_for_status()
    return response.json()


def found(packages: dict[str, list[str]], ask: Ask) -> Iterator[str]:
    """Yield one line for each vulnerability of a pinned version that is not accepted."""
    pinned = [(name, version) for name, versions in sorted(packages.items()) for version in versions]
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": version} for name, version in pinned
    ]
    for (name, version), result in zip(
        pinned, ask("querybatch", {"queries": queries})["results"], strict=True
    ):
        for entry in result.get("vulns") or []:
            details = ask(f"vulns/{entry['id']}", None)
            if details.get("withdrawn") or {entry["id"], *details.get("aliases", [])} & ACCEPTED.keys():
                continue
            yield f"{name} {version}: {entry['id']} {details.get('summary') or ''}".rstrip()


def main(ask: Ask = ask_osv) -> int:
    """Print the audit, and return the exit code."""
    packages = pins() | more_pins()
    number = sum(map(len, packages.values()))
    try:
        lines = list(found(packages, ask))
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stdout.write(f"audit: not checked, {OSV} did not respond ({type(error).__name__}).\n")
        return 0
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"audit: {number} pinned versions checked, {len(lines)} known vulnerabilities not accepted.\n"
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
