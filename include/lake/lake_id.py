"""The lake's id: a random id in the lake and in a tag of each dataset that is loaded through the lake.

If the two differ, a run would load through an empty lake or another lake, and duplicate events. Setup and ``recover``
write the id into the lake and the tag. A run only compares them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping

from include.errors import BadManifest, ForeignLake, LakeError
from include.lake.lake import Lake
from include.lake.records import create_record, read_record

LAKE_ID_KEY = "mixpanel-aep.json"
LAKE_TAG = "mixpanel-aep/lake"
"""The name of the dataset's tag that contains the lake's id."""
VERSION = 1
_ID = re.compile(r"[0-9a-f]{32}")
_SHOWN = 8
_CORRECT = (
    "Correct the lake of the pipeline (lake: in its file, the variable mixpanel_aep_lake, or --lake). Every command "
    "and task shows the lake that it uses."
)


def read_lake_id(lake: Lake) -> str | None:
    """Return the lake's id (32 hex digits), or None if the lake has no id yet.

    Raises:
        BadManifest: the object is unreadable, or from a newer version of this code.
    """
    body = read_record(lake, LAKE_ID_KEY)
    if body is None:
        return None
    try:
        data = json.loads(body)
        version, found = data["version"], data["id"]
    except (ValueError, TypeError, KeyError):
        version, found = VERSION, None
    if isinstance(version, int) and version > VERSION:
        raise BadManifest(
            f"{lake.uri(LAKE_ID_KEY)} was written by a newer version of mixpanel-aep.",
            "Upgrade mixpanel-aep.",
        )
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise BadManifest(
            f"{lake.uri(LAKE_ID_KEY)} does not contain a lake id.",
            f"Restore it from a backup of the lake, or write the id of the dataset's tag {LAKE_TAG} into it.",
        )
    return found


def ensure_lake_id(lake: Lake, new_id: str | None = None) -> str:
    """Return the lake's id (32 hex digits), and write an id if the lake has none. Concurrent callers get the same id.

    Args:
        lake: the lake.
        new_id: the id to write if the lake has none; by default a random id. ``recover`` passes that of a dataset tag.

    Raises:
        ValueError: ``new_id`` does not consist of 32 hex digits.
        BadManifest: the existing id is unreadable, or from a newer version of this code.
        LakeError: the id disappeared directly after it was written.
    """
    if new_id is not None and not _ID.fullmatch(new_id):
        raise ValueError("a lake id is 32 hex digits")
    new = new_id or secrets.token_hex(16)
    found = read_lake_id(lake)
    if found is None:
        create_record(lake, LAKE_ID_KEY, json.dumps({"version": VERSION, "id": new}).encode())
        found = read_lake_id(lake)
    if found is None:
        raise LakeError(
            f"{LAKE_ID_KEY} disappeared from the lake {lake.url} directly after it was written.",
            "Check that no other program removes objects of the lake, then run the command again.",
        )
    return found


def tagged_lake_id(dataset: Mapping[str, object]) -> str | None:
    """Return the lake id in the tag ``LAKE_TAG`` of a dataset, or None if the dataset has no such tag.

    ``dataset``: the dataset as AEP's Catalog Service returns it.

    Raises:
        ForeignLake: the tag does not contain exactly one lake id.
    """
    tags = dataset["tags"]
    values = tags.get(LAKE_TAG) if isinstance(tags, Mapping) else None
    if not values:
        return None
    if not isinstance(values, list) or len(values) != 1 or not _ID.fullmatch(str(values[0])):
        raise ForeignLake(
            f"The tag {LAKE_TAG} of dataset {dataset['name']!r} does not contain exactly one lake id.",
            "Set the tag to the id in mixpanel-aep.json of the lake that the dataset was loaded through.",
        )
    return str(values[0])


def check_lake_id(lake: Lake, dataset: Mapping[str, object]) -> None:
    """Check that the lake's id equals the id in the dataset's tag. Both are missing in setups older than lake ids.

    ``dataset``: the dataset as AEP's Catalog Service returns it.

    Raises:
        ForeignLake: the two ids differ, or only one of them exists.
        BadManifest: the lake's id is unreadable.
    """
    tag, own = tagged_lake_id(dataset), read_lake_id(lake)
    if tag == own:
        return
    name = dataset["name"]
    if own is None:
        raise ForeignLake(
            f"Dataset {name!r} was loaded through the lake with the id {_short_id(tag)}, but the lake {lake.url} has no "
            "id: it is empty, lost, or another lake.",
            f"{_CORRECT} If the lake is lost, run `mixpanel-aep recover PIPELINE`, which rebuilds it from AEP.",
        )
    if tag is None:
        raise ForeignLake(
            f"The lake {lake.url} has the id {_short_id(own)}, but dataset {name!r} has no tag {LAKE_TAG}: the dataset "
            "was created again, or setup never ran with this lake.",
            "Run setup (`mixpanel-aep apply PIPELINE` or the setup DAG) with this lake.",
        )
    raise ForeignLake(
        f"Dataset {name!r} was loaded through the lake with the id {_short_id(tag)}, but the lake {lake.url} has the "
        f"id {_short_id(own)}.",
        f"{_CORRECT} Loads through two lakes would duplicate events.",
    )


def _short_id(lake_id: str | None) -> str:
    return (lake_id or "")[:_SHOWN]
