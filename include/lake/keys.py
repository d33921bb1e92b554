"""The keys of all objects in the lake. A key never contains an event name, a property or other customer data."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from include.errors import NotADigest
from include.lake.own_keys import BUDGET, DAY, DIGEST, OUTPUT_FILES, PIPELINE
from include.redact import one_line

STEP_FOLDERS = {
    "export": "raw",
    "transform": "xdm",
    "validate_shard": "valid-shards",
    "validate": "valid",
    "stage": "staged",
}

MANIFEST_NAME = "manifest.json"
REMOVAL_NAME = "removed.json"
REFUSED_NAME = "refused.jsonl.gz"
"""The file of a shard's quarantine records."""
HISTORIES = "_histories"
"""The folder of all histories; pipeline names cannot begin with an underscore."""
SUPPRESSION = "_suppressed"
"""The folder of the suppression list, and of the ``_id``s of forgotten people."""


@dataclass(frozen=True, order=True)
class PartitionKey:
    """One calendar day of one pipeline."""

    pipeline: str
    day: date

    def __str__(self) -> str:
        return self.day.isoformat()

    @property
    def prefix(self) -> str:
        """The folder of the partition."""
        return f"{self.pipeline}/{self.day.isoformat()}"

    def step(self, step: str) -> str:
        """Return the folder of all outputs of a step for this partition."""
        return f"{self.prefix}/{STEP_FOLDERS[step]}"

    def output(self, step: str, digest: str) -> str:
        """Return the folder of one output of a step."""
        return f"{self.step(step)}/{digest_part(digest)}"

    def manifest(self, step: str, digest: str) -> str:
        """Return the key of an output's manifest."""
        return f"{self.output(step, digest)}/{MANIFEST_NAME}"

    def removal(self, step: str, digest: str) -> str:
        """Return the key of the record that the files of an output are being or have been removed."""
        return f"{self.output(step, digest)}/{REMOVAL_NAME}"

    def quarantine(self, step: str, digest: str) -> str:
        """Return the key of an output's quarantine file."""
        return f"{self.prefix}/quarantine/{step}-{digest_part(digest)}.jsonl.gz"

    def report(self, digest: str) -> str:
        """Return the key of a quality report."""
        return f"{self.prefix}/report/{digest_part(digest)}.html"

    def refresh(self, name: str) -> str:
        """Return the key of the export that a refresh selected. ``name`` is hashed, because it can be any text."""
        return f"{self.refreshes}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    @property
    def refreshes(self) -> str:
        """The folder of the partition's refreshes."""
        return f"{self.prefix}/looks"

    @property
    def first_ledger(self) -> str:
        """The folder of the partition's ledger in data version 5 and older, for any dataset."""
        return f"{self.prefix}/ledger"


def step_of(key: str) -> str:
    """Return the step that wrote a file of a partition: an output may refer to files of earlier steps."""
    folder = key.split("/")[2]
    return next((step for step, name in STEP_FOLDERS.items() if name == folder), folder)


def schema_key(pipeline: str, digest: str) -> str:
    """Return the key of a schema."""
    return f"{pipeline}/schemas/{digest_part(digest)}.json"


def alert_key(pipeline: str, digest: str) -> str:
    """Return the key of the record that an alert was sent."""
    return f"{pipeline}/alerts/{digest_part(digest)}.json"


def alert_claim_key(pipeline: str, lock: str, number: int) -> str:
    """Return the key of a record that a process is sending an alert. ``lock``: a digest of the alert and its recipient."""
    return f"{pipeline}/alerts/{digest_part(lock)}/{number:06}.json"


def digest_part(digest: str) -> str:
    """Return the digest after a check of its form, for use in a key.

    Raises:
        NotADigest: the text is not a digest.
    """
    if not re.fullmatch(DIGEST, digest):
        raise NotADigest(
            f"A record refers to an output of the lake by {one_line(digest)!r}, which is not a digest.",
            "A record was changed manually. Restore it from a backup.",
        )
    return digest


class KeyKind(Enum):
    """The kind of a key below a pipeline's day. Only objects of the first three kinds may be removed."""

    OUTPUT_FILE = "output file"
    QUARANTINE = "quarantine"
    REPORT = "report"
    MANIFEST = "manifest"
    REMOVAL = "removal"
    KEPT = "kept"


_REMOVABLE = (KeyKind.OUTPUT_FILE, KeyKind.QUARANTINE, KeyKind.REPORT)
_STEPS = {folder: step for step, folder in STEP_FOLDERS.items()}
_PIPELINE_DAY = rf"(?P<pipeline>{PIPELINE})/(?P<day>{DAY})/"
_OUTPUT = re.compile(
    rf"{_PIPELINE_DAY}(?P<folder>{'|'.join(_STEPS)})/(?P<digest>{DIGEST})/(?P<name>[^/]+)", re.ASCII
)
_QUARANTINE = re.compile(rf"{_PIPELINE_DAY}quarantine/[a-z]+-{DIGEST}\.jsonl\.gz", re.ASCII)
_BUDGET = re.compile(BUDGET, re.ASCII)
_REPORT = re.compile(rf"{_PIPELINE_DAY}report/{DIGEST}\.html", re.ASCII)


@dataclass(frozen=True)
class DayKey:
    """A parsed key: ``step`` and ``digest`` are those of the output folder that contains it, else empty."""

    pipeline: str
    day: date
    kind: KeyKind
    step: str = ""
    digest: str = ""

    @property
    def is_removable(self) -> bool:
        """Whether cleaning may remove the object."""
        return self.kind in _REMOVABLE


def read_key(key: str) -> DayKey | None:
    """Parse a key of a pipeline's day; None for other keys. A key of an unknown form is ``KEPT``."""
    if (found := _OUTPUT.fullmatch(key)) is not None:
        kinds = {MANIFEST_NAME: KeyKind.MANIFEST, REMOVAL_NAME: KeyKind.REMOVAL}
        is_ours = re.fullmatch(OUTPUT_FILES[found["folder"]], found["name"], re.ASCII)
        kind = kinds.get(found["name"], KeyKind.OUTPUT_FILE if is_ours else KeyKind.KEPT)
        step, digest = _STEPS[found["folder"]], found["digest"]
    else:
        step = digest = ""
        if (found := _QUARANTINE.fullmatch(key)) is not None:
            kind = KeyKind.QUARANTINE
        elif (found := _REPORT.fullmatch(key)) is not None:
            kind = KeyKind.REPORT
        elif (found := re.match(_PIPELINE_DAY, key, re.ASCII)) is not None:
            kind = KeyKind.KEPT
        else:
            return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return DayKey(found["pipeline"], day, kind, step, digest)


def is_removable(key: str) -> bool:
    """Return whether cleaning may remove an object: a file, quarantine or a report of a day, or an old ticket of a budget."""
    found = read_key(key)
    return (found is not None and found.is_removable) or _BUDGET.fullmatch(key) is not None
