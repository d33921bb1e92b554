"""Validation of request bodies for new batches (OAS:batch-ingestion.yaml, EP:ingestion/batch-ingestion/partial.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.catalog.validation import RESERVED_TAGS, check_tags
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import batches_of, strip_reference_markup
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FORMATS = ("json", "parquet", "csv")
_CHARSETS = ("us-ascii", "utf-8", "iso-8859-1")
_TEXTS = ("delimiter", "quote", "escape", "nullMarker", "charset")
_PREDECESSORS = ("predecessors", "predecessorsByExternalId")
_PERCENTS = ("partialIngestionPercent", "partialIngestionPercentage")
"""Two names of the same parameter: of the current guide, and of an older revision."""


def parse_batch_body(scope: AepSandboxScope, given: JsonObject, dataset: JsonObject) -> JsonObject:
    """Validate the body of ``POST /batches``, and return the fields to store with the batch.

    Args:
        scope: The AEP sandbox.
        given: The request body.
        dataset: The document of the batch's dataset, with the default for error diagnostics.

    Raises:
        Problem: 400 if a member of the body is invalid.
    """
    external = given.get("externalId")
    if external is not None and (not isinstance(external, str) or not external):
        raise problem(400, "externalId must be a non-empty string.")
    return {
        "externalId": external,
        "inputFormat": parse_input_format(_input_format_or_default(scope, given.get("inputFormat"))),
        # "Opt in to generating diagnostic files for the errors while ingesting data" (OAS:catalog.yaml, dataset).
        "diagnostics": _flag(given, "enableErrorDiagnostics", dataset.get("enableErrorDiagnostics") is True),
        "percent": _percent(given),
        "replay": parse_replay(scope, given.get("replay"), given["datasetId"]),
        "tags": _tags(given.get("tags")),
    }


def _input_format_or_default(scope: AepSandboxScope, value: object) -> object:
    """Return the ``inputFormat`` of a request, or the default that a setting selects; None if it has no default."""
    default = IngestSettings.of(scope.state).missing_input_format
    return {"format": default} if value is None and default != "refused" else value


def _flag(given: JsonObject, name: str, default: bool) -> bool:
    """Return a boolean of an object, or ``default`` if it is missing. Raises Problem 400."""
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise problem(400, f"{name} must be true or false.")
    return default if value is None else value


def parse_input_format(value: object) -> JsonObject:
    """Validate an ``inputFormat``, and return it with its ``format`` in lower case. Raises Problem 400."""
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
            raise problem(400, f"inputFormat.{text} must be a string.")
    for text in ("delimiter", "quote", "escape"):
        if len(value.get(text, " ")) != 1:
            raise problem(400, f"inputFormat.{text} must be one character.")
    if value.get("charset", "utf-8").lower() not in _CHARSETS:
        raise problem(400, "inputFormat.charset must be US-ASCII, UTF-8 or ISO-8859-1.")
    if value.get("header", True) not in (True, False, "true", "false"):
        raise problem(400, "inputFormat.header must be true or false.")
    return {**value, "format": name.lower()}


def _percent(given: JsonObject) -> float | None:
    """Return the percentage of rows that may be rejected; None if the body has none. Raises Problem 400."""
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


def parse_replay(scope: AepSandboxScope, replay: object, dataset: str) -> JsonObject | None:
    """Validate the ``replay`` of a batch, which names the batches that the batch replaces.

    Args:
        scope: The AEP sandbox.
        replay: The value in the request; None: the batch replaces no other.
        dataset: The id of the dataset to which the replaced batches must belong.

    Returns:
        The value with plain batch ids, or None.

    Raises:
        Problem: 400 if it is invalid.
    """
    if replay is None:
        return None
    lists = [replay.get(name, []) if isinstance(replay, dict) else None for name in _PREDECESSORS]
    if not isinstance(replay, dict) or not all(
        isinstance(ids, list) and all(isinstance(key, str) for key in ids) for ids in lists
    ):
        raise problem(
            400, "replay requires predecessors or predecessorsByExternalId, which are arrays of strings."
        )
    if not any(lists):
        raise problem(400, "replay requires at least one predecessor.")
    if not isinstance(replay.get("reason", ""), str):
        raise problem(400, "replay.reason must be a string.")
    known = {batch["id"] for batch in batches_of(scope, dataset)}
    predecessors = [strip_reference_markup(key) for key in replay.get("predecessors", [])]
    if unknown := [key for key in predecessors if key not in known]:
        raise problem(400, f"Predecessor {unknown[0]} is not a batch of dataset {dataset}.")  # [I]
    return {**replay, **({"predecessors": predecessors} if "predecessors" in replay else {})}
