"""Check that a manifest describes the output in its own folder, and refers only to files of its own partition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.errors import BadManifest
from include.lake.keys import DayKey, KeyKind, parse_key
from include.lake.lake import Lake
from include.lake.own_keys import DIGEST
from include.plural import counted

if TYPE_CHECKING:
    from include.lake.manifest import Manifest

_STEPS_OF_FILES = {
    "export": ("export",),
    "transform": ("transform",),
    "validate_shard": ("transform", "validate_shard"),
    "validate": ("transform", "validate_shard", "validate"),
    "stage": ("transform", "validate_shard", "validate", "stage"),
}
"""The steps whose files an output may contain, by the output's step: files of earlier steps are not copied."""
_HINT = (
    "The manifest was changed or moved. Move its folder out of the lake and run the partition again; outputs of earlier "
    "steps are kept."
)


def require_own_files(lake: Lake, key: str, manifest: Manifest) -> None:
    """Check that a manifest belongs to its place in the lake.

    Args:
        lake: the lake, for messages.
        key: the key at which the manifest is stored.
        manifest: the content of the manifest.

    Raises:
        BadManifest: the manifest describes another output than that of its folder, or refers to a file of another
            partition.
    """
    place = parse_key(key)
    named = (manifest.pipeline, manifest.partition, manifest.step, manifest.digest)
    if place is None or named != (place.pipeline, str(place.day), place.step, place.digest):
        raise BadManifest(f"{lake.uri(key)} describes the output of another folder.", _HINT)
    wrong = [file.key for file in manifest.files if not _is_allowed_file(place, file.key)]
    elsewhere = {
        "details": manifest.details,
        "delta": manifest.delta.model_dump() if manifest.delta else None,
    }
    wrong += [named for named in _file_keys_in(elsewhere) if not _belongs_to_day(place, named)]
    if wrong:
        raise BadManifest(
            f"{lake.uri(key)} refers to {counted(len(wrong), 'file')} of another partition, such as {wrong[0]!r}.",
            _HINT,
        )


def _is_allowed_file(place: DayKey, key: str) -> bool:
    """Return whether ``key`` is an output file of the partition that the output at ``place`` may contain."""
    found = parse_key(key)
    return (
        found is not None
        and found.kind is KeyKind.OUTPUT_FILE
        and (found.pipeline, found.day) == (place.pipeline, place.day)
        and found.step in _STEPS_OF_FILES[place.step]
    )


def _belongs_to_day(place: DayKey, key: str) -> bool:
    """Return whether ``key`` is an object of the partition, or a file with ``_id``s of the same day in any history."""
    found = parse_key(key)
    if found is not None:
        return (found.pipeline, found.day) == (place.pipeline, place.day) and found.kind is not KeyKind.KEPT
    return re.fullmatch(rf"_histories/{DIGEST}/ids/{place.day}/{DIGEST}\.parquet", key) is not None


def _file_keys_in(details: object) -> Iterator[str]:
    """Yield the ``key`` of every JSON object in a manifest's details, at any depth, that has ``key`` and ``sha256``."""
    inner = details.values() if isinstance(details, dict) else details if isinstance(details, list) else ()
    if isinstance(details, dict) and {"key", "sha256"} <= details.keys():
        yield str(details["key"])
    for each in inner:
        yield from _file_keys_in(each)
