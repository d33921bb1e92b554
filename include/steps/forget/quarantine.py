"""Remove the rows of forgotten people from quarantine: write the other records to a file with another name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from include.errors import BadManifest
from include.json_types import JsonMapping
from include.lake.keys import PartitionKey
from include.lake.lake import Lake, sha256_file
from include.lake.manifest import digest_of
from include.mixpanel.raw_file import read_lines
from include.steps.gzip_writer import gzip_writer
from include.xdm.events.person_ids import PersonMatcher


class QuarantineMatcher:
    """Decides whether a quarantine record belongs to forgotten people.

    ``user_namespaces``: the identity namespaces of user ids in mapped rows.
    """

    def __init__(self, matcher: PersonMatcher, user_namespaces: Iterable[str]) -> None:
        self._matcher, self._user_namespaces = matcher, frozenset(user_namespaces)

    def matches(self, record: bytes) -> bool:
        """Return whether a record is an event of the people, or is a mapped row that contains one of their user ids."""
        try:
            found = json.loads(record)
        except ValueError:
            return self._matcher.matches(record)
        if "raw" in found:
            return self._matcher.matches(found["raw"].encode("utf-8", "surrogatepass"))
        if "raw_base64" in found:
            return self._matcher.matches(base64.b64decode(found["raw_base64"]))
        return self._belongs_to_people(found)

    def _belongs_to_people(self, record: JsonMapping) -> bool:
        """Return whether a mapped row belongs to the people.

        It contains one of their user ids, or one of their devices and no user id of another person.
        """
        reader, matcher = self._matcher.reader, self._matcher
        values = [text for text in map(reader.clean, _texts(record)) if text]
        if any(map(matcher.is_user, values)):
            return True
        return any(map(matcher.is_device, values)) and all(map(matcher.is_device, self._users(record)))

    def _users(self, record: JsonMapping) -> Iterator[str]:
        identities = record.get("row", {}).get("identityMap") or {}
        for namespace in self._user_namespaces & identities.keys():
            for item in identities[namespace] or ():
                if (text := self._matcher.reader.clean(str(item.get("id", "")))) is not None:
                    yield text


def _texts(value: object) -> Iterator[str]:
    """Yield every text and integer of a JSON value, also of JSON inside a text, such as the unmapped properties."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                yield from _texts(json.loads(value))


def rewrite_quarantine(
    lake: Lake, partition: PartitionKey, key: str, matcher: QuarantineMatcher, scratch: Path
) -> None:
    """Publish the records of other people in a quarantine file under a new name; the original file is not removed."""
    lake.download(key, scratch / "quarantine.jsonl.gz")
    target, rows = scratch / "quarantine-kept.jsonl.gz", 0
    with gzip_writer(target, append=False) as file:
        for record in read_lines([scratch / "quarantine.jsonl.gz"]):
            if not matcher.matches(record):
                file.write(record + b"\n")
                rows += 1
    if rows:
        step, _, digest = key.rpartition("/")[2].removesuffix(".jsonl.gz").partition("-")
        named = digest_of({"quarantine": digest, "sha256": sha256_file(target)})
        lake.upload(partition.quarantine(step, named), target)


def stored_lines(lake: Lake, key: str, scratch: Path) -> Iterator[bytes]:
    """Yield the lines of a gzip file in the lake.

    Raises:
        BadManifest: the file cannot be read to its end, so that the owners of its events are unknown.
    """
    path = scratch / "stored.gz"
    lake.download(key, path)
    try:
        yield from read_lines([path])
    except (EOFError, OSError, ValueError) as error:
        raise BadManifest(
            f"{lake.uri(key)} cannot be read ({type(error).__name__}), so the owners of its events are unknown.",
            "Remove the folder that contains it, and run this command again.",
        ) from None
    finally:
        path.unlink(missing_ok=True)
