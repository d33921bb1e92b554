"""Exploration of a source: sample rows, and the schema inferred from them (in the Mixpanel tutorial's form)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from starlette.responses import Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import MixpanelClient, MixpanelRequestError
from mixpanel_aep_sandbox.aep.flows.source.rows import InvalidEvent, event_of
from mixpanel_aep_sandbox.aep.flows.source.time_zones import are_same, days, zone
from mixpanel_aep_sandbox.core.json_types import JsonObject

_SAMPLES = 100
"""Number of sample rows [I]: as many as the UI previews of a mapping."""
_INTEGER = {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740991}
_SERVER_ERROR = 500


def explore(call: Call, client: MixpanelClient) -> Response:
    """Return format, inferred schema and sample data of a project. Raises FlowServiceError."""
    params = _checked_params(call)
    try:
        if AepSettings.of(call.scope.state).flow_explore_checks_zone:
            _check_zone(client, params)
        rows = _samples(call, client, params)
    except MixpanelRequestError as refusal:
        raise _provider_error(refusal) from refusal
    schema = inferred_schema(rows) if rows else {"type": "object", "properties": {}}
    shown = rows if call.query("preview", "true").lower() == "true" else []
    # ASCII: a property may have lone surrogates, which UTF-8 cannot encode.
    text = json.dumps({"format": "hierarchical", "schema": schema, "data": shown})
    return Response(text, media_type="application/json")


def _provider_error(refusal: MixpanelRequestError) -> FlowServiceError:
    """Return the Flow Service's error for an error of Mixpanel [I]."""
    if refusal.status is None or refusal.status >= _SERVER_ERROR:
        return FlowServiceError("1103-503")
    return invalid(f"Mixpanel answered {refusal.status}: {refusal.text}")


def inferred_schema(values: Iterable[object]) -> JsonObject:
    """Return a JSON schema that all values fit: text for several types [I], as nulls fit every type."""
    kinds: dict[str, JsonObject] = {}
    objects: dict[str, list[object]] = {}
    items: list[object] = []
    for value in values:
        if isinstance(value, dict):
            for name, each in value.items():
                objects.setdefault(name, []).append(each)
            kinds["object"] = {"type": "object"}
        elif isinstance(value, list):
            items += value
            kinds["array"] = {"type": "array"}
        elif value is not None:
            kinds[_kind(value)] = dict(_INTEGER) if _kind(value) == "integer" else {"type": _kind(value)}
    if kinds.keys() == {"integer", "number"}:
        return {"type": "number"}
    if len(kinds) != 1:
        return {"type": "string"}
    (schema,) = kinds.values()
    if schema["type"] == "object":
        schema["properties"] = {name: inferred_schema(found) for name, found in objects.items()}
    if schema["type"] == "array":
        schema["items"] = inferred_schema(items)
    return schema


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "string"


def _checked_params(call: Call) -> dict[str, str]:
    """Return the checked ``sourceParams``; names of other parameters are accepted in both documented cases."""
    query = {name.lower(): value for name, value in call.request.query_params.items()}
    required = {"objecttype": "rest", "filetype": "json"}
    for name, only in required.items():
        if query.get(name, "").lower() != only:
            raise invalid(f"{name} of a Mixpanel source must be {only}")
    if query.get("object", "json").lower() != "json":
        raise invalid("object of a Mixpanel source must be json")
    try:
        # An unencoded plus sign of base64 arrives as a space.
        text = query.get("sourceparams", "").replace(" ", "+").replace("-", "+").replace("_", "/")
        given = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (ValueError, RecursionError) as error:
        raise invalid("sourceParams must be a JSON object in base64") from error
    return source_params(given)


def source_params(given: object) -> dict[str, str]:
    """Return ``projectId`` and ``timezone``, which a Mixpanel source requires. Raises FlowServiceError."""
    if not isinstance(given, dict):
        raise invalid("the parameters of a source must be an object")
    project, name = given.get("projectId"), given.get("timezone")
    if isinstance(project, int) and not isinstance(project, bool):
        project = str(project)
    if not isinstance(project, str) or not (project.isascii() and project.isdigit()):
        raise invalid("projectId is missing or is not the number of a project")
    if not isinstance(name, str) or zone(name) is None:
        raise invalid("timezone is missing or is not a time zone, such as Pacific Standard Time")
    return {"projectId": project, "timezone": name}


def _samples(call: Call, client: MixpanelClient, params: dict[str, str]) -> list[JsonObject]:
    scope, where = call.scope, zone(params["timezone"])
    assert where is not None, "checked by source_params"
    back_ms = AepSettings.of(scope.state).flow_backfill_days * 86_400_000
    span = days(scope.now - back_ms, scope.now + 1, where, scope.now)
    if span is None:
        return []
    with client.export(params["projectId"], *span, _SAMPLES) as lines:
        try:
            return [event_of(line) for line in lines]
        except InvalidEvent as error:
            raise MixpanelRequestError(None, str(error)) from error


def _check_zone(client: MixpanelClient, params: dict[str, str]) -> None:
    project = client.projects().get(params["projectId"])
    if project is not None and not are_same(params["timezone"], project["timezone"]):
        raise invalid(f"the time zone of the project is not {params['timezone']}")
