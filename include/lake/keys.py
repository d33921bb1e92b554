"""Build and parse the keys of objects in the lake. A key never contains an event name or other customer data."""

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
"""The name of the file with a shard's quarantine records."""
HISTORIES = "_histories"
"""The folder of all histories. It cannot be a pipeline's folder: names of pipelines do not begin with an underscore."""
SUPPRESSION = "_suppressed"
"""The folder of the suppression list, and of the ``_id``s of forgotten people."""


@dataclass(frozen=True, order=True)
class PartitionKey:
    """One calendar day of one pipeline, with the keys of its objects in the lake."""

    pipeline: str
    day: date

    def __str__(self) -> str:
        return self.day.isoformat()

    @property
    def prefix(self) -> str:
        """The key of the partition's folder."""
        return f"{self.pipeline}/{self.day.isoformat()}"

    def step(self, step: str) -> str:
        """Return the key of the folder with all outputs of a step, such as ``transform``, for this partition."""
        return f"{self.prefix}/{STEP_FOLDERS[step]}"

    def output(self, step: str, digest: str) -> str:
        """Return the key of the folder with the output of a step that has this digest."""
        return f"{self.step(step)}/{require_digest(digest)}"

    def manifest(self, step: str, digest: str) -> str:
        """Return the key of the manifest of the step's output that has this digest."""
        return f"{self.output(step, digest)}/{MANIFEST_NAME}"

    def removal(self, step: str, digest: str) -> str:
        """Return the key of the record which announces that the files of an output are removed, or will be."""
        return f"{self.output(step, digest)}/{REMOVAL_NAME}"

    def quarantine(self, step: str, digest: str) -> str:
        """Return the key of the file with the rows that a step quarantined for the output with this digest."""
        return f"{self.prefix}/quarantine/{step}-{require_digest(digest)}.jsonl.gz"

    def report(self, digest: str) -> str:
        """Return the key of the quality report on validate's output with this digest."""
        return f"{self.prefix}/report/{require_digest(digest)}.html"

    def refresh(self, name: str) -> str:
        """Return the key of a refresh's result: the record of which export the refresh selected.

        ``name``: the refresh and the request; it is hashed, because a key cannot contain every text.
        """
        return f"{self.refreshes}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    @property
    def refreshes(self) -> str:
        """The key of the folder with the results of all refreshes of the partition; its name is that of the first version."""
        return f"{self.prefix}/looks"

    @property
    def legacy_ledger(self) -> str:
        """The key of the partition's ledger in data version 5 and older, when a ledger was not bound to a dataset."""
        return f"{self.prefix}/ledger"


def step_of(key: str) -> str:
    """Return the step that wrote the file with this key; the name of its folder if that is not the folder of a step.

    An output may refer to files of earlier steps, so the manifest's step does not answer this.
    """
    folder = key.split("/")[2]
    return next((step for step, name in STEP_FOLDERS.items() if name == folder), folder)


def schema_key(pipeline: str, digest: str) -> str:
    """Return the key of the copy of an XDM schema that a pipeline stored. ``digest``: that of the schema."""
    return f"{pipeline}/schemas/{require_digest(digest)}.json"


def alert_key(pipeline: str, digest: str) -> str:
    """Return the key of the record that an alert was sent. ``digest``: one of ``Alert.digests``."""
    return f"{pipeline}/alerts/{require_digest(digest)}.json"


def alert_claim_key(pipeline: str, lock: str, number: int) -> str:
    """Return the key of the record which claims the right to send an alert, so that only one process sends it.

    ``lock``: a digest of the alert and its recipient. ``number``: the number of the attempt, from 1.
    """
    return f"{pipeline}/alerts/{require_digest(lock)}/{number:06}.json"


def require_digest(digest: str) -> str:
    """Return ``digest`` unchanged if it has the form of a digest, so that it is safe as a part of a key.

    Raises:
        NotADigest: the text does not consist of 16 to 64 hex digits.
    """
    if not re.fullmatch(DIGEST, digest):
        raise NotADigest(
            f"A record refers to an output of the lake by {one_line(digest)!r}, which is not a digest.",
            "A record was changed manually. Restore it from a backup.",
        )
    return digest


class KeyKind(Enum):
    """The kind of an object in a partition's folder; only the first three kinds may be removed.

    ``KEPT``: any other object, such as the result of a refresh, an old ledger, or an object of another program.
    """

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
    """The parts of a key in a partition's folder.

    ``step`` and ``digest`` identify the output whose folder contains the object; both are empty for other objects.
    """

    pipeline: str
    day: date
    kind: KeyKind
    step: str = ""
    digest: str = ""

    @property
    def is_removable(self) -> bool:
        """Whether cleaning may remove the object."""
        return self.kind in _REMOVABLE


def parse_key(key: str) -> DayKey | None:
    """Return the parts of a key in a partition's folder, or None for other keys.

    A key of a form that this project does not write gets the kind ``KeyKind.KEPT``.
    """
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
    """Return whether the object with this key may ever be removed.

    True for output files, quarantine files and reports of a partition, and for the tickets of a rate budget.
    """
    found = parse_key(key)
    return (found is not None and found.is_removable) or _BUDGET.fullmatch(key) is not None
