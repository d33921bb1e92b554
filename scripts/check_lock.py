"""Checks that requirements*.txt are the locks of requirements*.in. Needs no network; exits with 1 if they are not.

Every lock begins with a digest of its sources (scripts/lock.sh writes it), contains only pins with hashes, and pins every
requirement of its .in file to a matching version. The deployed versions are the tested ones: requirements.txt has the
pins of requirements-dev.txt.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    "requirements-dev.in",
    "requirements.in",
    "requirements-cluster.in",
    "requirements-build.in",
    "requirements-browser.in",
    "requirements-docs.in",
)
TESTED, RUNS = "requirements-dev.txt", "requirements.txt"
HEADER = "# Locked by scripts/lock.sh from {source}: sha256 {digest}\n"

Pins = dict[str, set[str]]


def requirements_of(root: Path, source: str) -> Iterator[str]:
    """Yield the requirements of an .in file and of the files that it includes, without comments."""
    for line in (root / source).read_text(encoding="utf-8").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text.startswith("-r "):
            yield from requirements_of(root, text[3:].strip())
        elif text:
            yield text


def header(root: Path, source: str) -> str:
    """Return the first line of the lock of an .in file."""
    digest = hashlib.sha256("\n".join(sorted(requirements_of(root, source))).encode()).hexdigest()
    return HEADER.format(source=source, digest=digest)


def stamp(root: Path, source: str) -> None:
    """Write the first line of a newly compiled lock."""
    lock = _lock_of(root, source)
    lock.write_text(header(root, source) + lock.read_text(encoding="utf-8"), encoding="utf-8")


def faults(root: Path = ROOT) -> list[str]:
    """Return the errors of the locks, one sentence each."""
    found: list[str] = []
    pins: dict[str, Pins] = {}
    for source in SOURCES:
        lock = _lock_of(root, source)
        if not lock.is_file():
            found.append(f"{lock.name} is missing.")
            continue
        text = lock.read_text(encoding="utf-8")
        if not text.startswith(header(root, source)):
            found.append(f"{lock.name} was not compiled from the current {source}.")
        pins[lock.name] = _pins(lock.name, text, found)
        found.extend(_not_met(root, source, pins[lock.name]))
    for lock_name in (name for name in pins if name != TESTED):
        for name, versions in pins[lock_name].items():
            tested = pins.get(TESTED, {}).get(name, versions if lock_name != RUNS else set())
            if not versions <= tested:
                found.append(f"{lock_name} pins {name} {_list(versions)}, but {TESTED} pins {_list(tested)}.")
    return found


def _lock_of(root: Path, source: str) -> Path:
    return root / source.replace(".in", ".txt")


def _pins(lock: str, text: str, found: list[str]) -> Pins:
    """Return every pin of a lock; an entry that is not a pin, or has no hash, is an error."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    pins: Pins = defaultdict(set)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        entry = re.sub(r"(^|\s)#.*", "", line).strip()
        if not entry:
            continue
        pin, *hashes = re.split(r"\s--hash=", entry)
        try:
            requirement = Requirement(pin.strip())
        except InvalidRequirement:
            found.append(f"{lock} has a line that is not a pin: {entry[:80]!r}.")
            continue
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
            found.append(f"{lock} does not pin {requirement.name} to one version.")
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", each.strip()) for each in hashes):
            found.append(f"{lock} pins {requirement.name} without a hash.")
        pins[canonicalize_name(requirement.name)].update(each.version for each in specifiers)
    return pins


def _not_met(root: Path, source: str, pins: Pins) -> Iterator[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    for text in requirements_of(root, source):
        requirement = Requirement(text)
        versions = pins.get(canonicalize_name(requirement.name), set())
        if not versions:
            yield f"{source} requires {requirement.name}, but its lock does not contain it."
        for version in versions:
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{source} requires {text}, but its lock has {version}."


def _list(versions: set[str]) -> str:
    return " and ".join(sorted(versions)) or "nothing"


def main(arguments: list[str]) -> int:
    """Stamp locks with ``--stamp``, else check all of them; return the exit code."""
    if arguments[:1] == ["--stamp"]:
        for source in arguments[1:]:
            stamp(ROOT, source)
        return 0
    wrong = faults()
    for sentence in wrong:
        sys.stderr.write(f"{sentence}\n")
    if wrong:
        sys.stderr.write(
            "Run `make lock`, review the difference, and commit the .in and .txt files together.\n"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
