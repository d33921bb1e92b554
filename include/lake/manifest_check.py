"""Checks that a manifest describes the output of its own folder, and refers to files of that partition only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.errors import BadManifest
from include.lake.keys import DayKey, KeyKind, read_key
from include.lake.lake import Lake
from include.lake.own_keys import DIGEST

if TYPE_CHECKING:
    from include.lake.manifest import Manifest

_NAMES_FILES_OF = {
    "export": ("export",),
    "transform": ("transform",),
    "validate_shard": ("transform", "validate_shard"),
    "validate": ("transform", "validate_shard", "validate"),
    "stage": ("transform", "validate_shard", "validate", "stage"),
}
"""An output may refer to files of earlier steps, or of shards, instead of copying them."""
_REMOVE = (
    "The manifest was changed or moved. Move its folder out of the lake and run the partition again; outputs of earlier "
    "steps are kept."
)


def require_own_files(lake: Lake, key: str, manifest: Manifest) -> None:
    """Check that a manifest describes the output of the folder in its ``key``, and refers to that partition's files only.

    Raises:
        BadManifest: the manifest belongs to another output, or refers to a file elsewhere.
    """
    place = read_key(key)
    named = (manifest.pipeline, manifest.partition, manifest.step, manifest.digest)
    if place is None or named != (place.pipeline, str(place.day), place.step, place.digest):
        raise BadManifest(f"{lake.uri(key)} describes the output of another folder.", _REMOVE)
    wrong = [file.key for file in manifest.files if not _is_file_of(place, file.key)]
    elsewhere = {
        "details": manifest.details,
        "delta": manifest.delta.model_dump() if manifest.delta else None,
    }
    wrong += [named for named in _file_keys_in(elsewhere) if not _belongs_to_day(place, named)]
    if wrong:
        raise BadManifest(
            f"{lake.uri(key)} refers to {len(wrong)} files that do not belong to its partition, such as {wrong[0]!r}.",
            _REMOVE,
        )


def _is_file_of(place: DayKey, key: str) -> bool:
    found = read_key(key)
    return (
        found is not None
        and found.kind is KeyKind.OUTPUT_FILE
        and (found.pipeline, found.day) == (place.pipeline, place.day)
        and found.step in _NAMES_FILES_OF[place.step]
    )


def _belongs_to_day(place: DayKey, key: str) -> bool:
    """Return whether a key belongs to the partition, or to the ids of the partition's day in any history."""
    found = read_key(key)
    if found is not None:
        return (found.pipeline, found.day) == (place.pipeline, place.day) and found.kind is not KeyKind.KEPT
    return re.fullmatch(rf"_histories/{DIGEST}/ids/{place.day}/{DIGEST}\.parquet", key) is not None


def _file_keys_in(details: object) -> Iterator[str]:
    """Yield the keys of all files in a manifest's details, at any depth: objects with ``key`` and ``sha256``."""
    inner = details.values() if isinstance(details, dict) else details if isinstance(details, list) else ()
    if isinstance(details, dict) and {"key", "sha256"} <= details.keys():
        yield str(details["key"])
    for each in inner:
        yield from _file_keys_in(each)
