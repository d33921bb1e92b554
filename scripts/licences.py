"""Lists the licences of all packages in the images, in docs/licences.md. Needs no network.

``scripts/licences.py`` writes the tables from the locks and the metadata of the packages in its environment, of which
.venv-cluster has all; a package that is not installed there keeps the licence of its row.
``--check`` exits with 1 if the tables do not match the locks, or a package has an unknown licence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = "docs/licences.md"
KNOWN = {
    "0BSD", "Apache-2.0", "Artistic-1.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "LGPL-3.0", "MIT",
    "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""Licences that permit use in a service: permissive ones, and copyleft limited to the package's own files."""
# Licences in the classifiers or the free text of packages that have no licence expression.
_SPELLINGS = {
    "apache": "Apache-2.0", "apache 2": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "apache software license": "Apache-2.0", "apache-2.0 license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0", "bsd license": "BSD", "bsd": "BSD", "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause", "bsd-3-clause license": "BSD-3-Clause", "modified bsd license": "BSD-3-Clause",
    "mit license": "MIT", "the mit license": "MIT", "the mit license (mit)": "MIT", "isc license (iscl)": "ISC", "isc license": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "mpl 2.0": "MPL-2.0", "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0", "psfl": "PSF-2.0", "python-2.0": "PSF-2.0", "python-2.0.1": "PSF-2.0", "lgplv3": "LGPL-3.0",
    "lgpl-3.0-only": "LGPL-3.0", "lgpl-3.0-or-later": "LGPL-3.0", "the unlicense (unlicense)": "Unlicense",
    "mozilla public license 2.0 (mpl-2.0)": "MPL-2.0", "isc(iscl)": "ISC", "artistic license": "Artistic-1.0",
    "gnu general public license (gpl)": "GPL", "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL-3.0", "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0", "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0",
}  # fmt: skip
LOCK, CLUSTER_LOCK = "requirements.txt", "requirements-cluster.txt"
_HEAD = f"""# Licences

The packages of the images, and the licence that each package states. `make lock` writes this page; `make check-lock`
compares it with the locks. This project itself is under Apache-2.0 (`LICENSE`).

## `{LOCK}`

Both images install these.
"""
_CLUSTER_HEAD = f"""
## `{CLUSTER_LOCK}`

The image of `deploy/` installs these in addition.
"""
_TABLE = """
| package | version | licence |
|---|---|---|
"""


def pins(root: Path = ROOT, lock: str = LOCK) -> dict[str, list[str]]:
    """Return the pinned versions of each package of a lock; several where they differ by Python version."""
    found: dict[str, list[str]] = {}
    for line in (root / lock).read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", line):
            found.setdefault(_canonical(pin[1]), []).append(pin[2])
    return found


def written(root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """Return the version and licence of each package on the page."""
    path = root / PAGE
    rows = (
        re.findall(r"^\| (\S+) \| (.+?) \| (.*?) \|$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if path.is_file()
        else []
    )
    return {name: (version, licence) for name, version, licence in rows if name != "package"}


def more_pins(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the pins of the second lock that the first one does not have."""
    first = pins(root)
    return {
        name: versions for name, versions in pins(root, CLUSTER_LOCK).items() if first.get(name) != versions
    }


def page(root: Path = ROOT) -> str:
    """Return the new page: licences of installed packages from their metadata, others from the existing page."""
    installed = {_canonical(each.metadata["Name"]): each for each in distributions()}
    before = written(root)

    def table(found: Mapping[str, list[str]]) -> str:
        rows = []
        for name, versions in sorted(found.items()):
            licence = licence_of(installed[name]) if name in installed else before.get(name, ("", ""))[1]
            rows.append(f"| {name} | {', '.join(versions)} | {licence} |\n")
        return _TABLE + "".join(rows)

    return _HEAD + table(pins(root)) + _CLUSTER_HEAD + table(more_pins(root))


def faults(root: Path = ROOT) -> list[str]:
    """Return the errors of the page, one sentence each."""
    found = []
    rows, more = written(root), more_pins(root)
    expected = {name: ", ".join(versions) for name, versions in (pins(root) | more).items()}
    if {name: version for name, (version, _) in rows.items()} != expected:
        found.append(f"{PAGE} does not match the packages of {LOCK} and {CLUSTER_LOCK}.")
    for name in sorted(more.keys() & pins(root).keys()):
        found.append(f"{LOCK} and {CLUSTER_LOCK} have different versions of {name}.")
    for name, (_, licence) in rows.items():
        if not is_known(licence):
            found.append(f"{PAGE}: the licence of {name} is unknown: {licence or 'missing'}.")
    return found


def is_known(licence: str) -> bool:
    """Return whether a licence expression contains a choice of known licences only."""
    return bool(licence) and any(
        all(part in KNOWN for part in re.split(r" AND ", choice))
        for choice in re.sub(r"[()]", "", licence).split(" OR ")
    )


def licence_of(package: Distribution | Mapping[str, list[str]]) -> str:
    """Return a package's licence as an SPDX expression, empty where its metadata has none that is recognized."""
    metadata = package.metadata if isinstance(package, Distribution) else package
    if expression := (metadata.get_all("License-Expression") or [""])[0]:
        return _spelt(expression)
    classified = {
        _spelt(text.rpartition(" :: ")[2])
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::")
    } - {"OSI Approved", "DFSG approved"}
    free = _spelt(((metadata.get_all("License") or [""])[0].strip().splitlines() or [""])[0][:80])
    if is_known(free) and (not classified or classified == {"BSD"}):
        return free
    return " OR ".join(sorted(classified)) or (free if is_known(free) else "")


def _spelt(text: str) -> str:
    if whole := _SPELLINGS.get(text.strip().lower()):
        return whole
    parts = re.split(r"( AND | OR |[()])", text.strip())
    return "".join(_SPELLINGS.get(part.strip().lower(), part) for part in parts)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> int:
    """Write the page, or check it with ``--check``; return the exit code."""
    if arguments[:1] != ["--check"]:
        (ROOT / PAGE).write_text(page(), encoding="utf-8")
    wrong = faults()
    for sentence in wrong:
        sys.stderr.write(f"{sentence}\n")
    if wrong:
        sys.stderr.write("Run scripts/licences.py in .venv-cluster, and review its changes.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
