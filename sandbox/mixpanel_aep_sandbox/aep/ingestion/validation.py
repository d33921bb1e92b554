"""Validation of a new batch (OAS:batch-ingestion.yaml, EP:ingestion/batch-ingestion/partial.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.catalog.validation import RESERVED_TAGS, check_tags
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import batches_of, without_mark
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FORMATS = ("json", "parquet", "csv")
_CHARSETS = ("us-ascii", "utf-8", "iso-8859-1")
_TEXTS = ("delimiter", "quote", "escape", "nullMarker", "charset")
_PREDECESSORS = ("predecessors", "predecessorsByExternalId")
_PERCENTS = ("partialIngestionPercent", "partialIngestionPercentage")
"""The guide's current name, and the one in an older revision."""


def given_batch(scope: AepSandboxScope, given: JsonObject, dataset: JsonObject) -> JsonObject:
    """Return the validated fields of a ``POST /batches`` body. Raises Problem 400."""
    external = given.get("externalId")
    if external is not None and (not isinstance(external, str) or not external):
        raise problem(400, "externalId must be a text, and not empty.")
    return {
        "externalId": external,
        "inputFormat": given_format(_or_default(scope, given.get("inputFormat"))),
        # "Opt in to generating diagnostic files for the errors while ingesting data" (OAS:catalog.yaml, dataset).
        "diagnostics": _flag(given, "enableErrorDiagnostics", dataset.get("enableErrorDiagnostics") is True),
        "percent": _percent(given),
        "replay": given_replay(scope, given.get("replay"), given["datasetId"]),
        "tags": _tags(given.get("tags")),
    }


def _or_default(scope: AepSandboxScope, value: object) -> object:
    default = IngestSettings.of(scope.state).missing_input_format
    return {"format": default} if value is None and default != "refused" else value


def _flag(given: JsonObject, name: str, default: bool) -> bool:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise problem(400, f"{name} must be true or false.")
    return default if value is None else value


def given_format(value: object) -> JsonObject:
    """Return an ``inputFormat``, its format in lower case. Raises Problem 400."""
    name = value.get("format") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(name, str):
        raise problem(400, "inputFormat with a format is required.")
    if name.lower() not in _FORMATS:
        raise problem(400, f"inputFormat.format must be json, parquet or csv, not {name}.")
    several = _flag(value, "isMultiLineJson", False)
    if several and name.lower() != "json":
        raise problem(400, "inputFormat.isMultiLineJson is allowed only with the format json.")
    for text in _TEXTS:
        if not isinstance(value.get(text, ""), str):
            raise problem(400, f"inputFormat.{text} must be a text.")
    for text in ("delimiter", "quote", "escape"):
        if len(value.get(text, " ")) != 1:
            raise problem(400, f"inputFormat.{text} must be one character.")
    if value.get("charset", "utf-8").lower() not in _CHARSETS:
        raise problem(400, "inputFormat.charset must be US-ASCII, UTF-8 or ISO-8859-1.")
    if value.get("header", True) not in (True, False, "true", "false"):
        raise problem(400, "inputFormat.header must be true or false.")
    return {**value, "format": name.lower()}


def _percent(given: JsonObject) -> float | None:
    name = next((name for name in _PERCENTS if given.get(name) is not None), None)
    value: object = given[name] if name else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise problem(400, f"{name} must be a number from 0 to 100.")
    return float(value) if isinstance(value, float) else value


def _tags(value: object) -> JsonObject:
    tags = {} if value is None else value
    check_tags(tags)
    assert isinstance(tags, dict)
    if reserved := [name for name in RESERVED_TAGS if name in tags]:
        raise problem(400, f"The tag name {reserved[0]} is reserved for datasets.")
    return tags


def given_replay(scope: AepSandboxScope, replay: object, dataset: str) -> JsonObject | None:
    """Return the validated ``replay`` of a batch: the batches of ``dataset`` that it replaces. Raises Problem 400."""
    if replay is None:
        return None
    lists = [replay.get(name, []) if isinstance(replay, dict) else None for name in _PREDECESSORS]
    if not isinstance(replay, dict) or not all(
        isinstance(ids, list) and all(isinstance(key, str) for key in ids) for ids in lists
    ):
        raise problem(400, "replay needs predecessors or predecessorsByExternalId, arrays of strings.")
    if not any(lists):
        raise problem(400, "replay needs at least one predecessor.")
    if not isinstance(replay.get("reason", ""), str):
        raise problem(400, "replay.reason must be a text.")
    known = {batch["id"] for batch in batches_of(scope, dataset)}
    predecessors = [without_mark(key) for key in replay.get("predecessors", [])]
    if unknown := [key for key in predecessors if key not in known]:
        raise problem(400, f"Predecessor {unknown[0]} is not a batch of dataset {dataset}.")  # [I]
    return {**replay, **({"predecessors": predecessors} if "predecessors" in replay else {})}
