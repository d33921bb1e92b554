"""Exploration of a source: sample events, and the schema inferred from them, in the form of the Mixpanel tutorial."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from starlette.responses import Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import MixpanelClient, MixpanelRequestError
from mixpanel_aep_sandbox.aep.flows.source.rows import InvalidEvent, parse_event
from mixpanel_aep_sandbox.aep.flows.source.time_zones import are_same, days_of_window, find_zone
from mixpanel_aep_sandbox.core.json_types import JsonObject

_SAMPLE_COUNT = 100
"""Number of sample events: as many as Adobe's user interface shows for a mapping (assumed [I])."""
_INTEGER = {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740991}
_SERVER_ERROR = 500


def explore(call: Call, client: MixpanelClient) -> Response:
    """Return the response with the format, the inferred schema and sample events of a Mixpanel project.

    Args:
        call: The request, whose parameters name the project and its time zone.
        client: A client with the credentials of the base connection.

    Raises:
        FlowServiceError: the parameters are invalid, or Mixpanel returns an error.
    """
    params = _parse_params(call)
    try:
        if AepSettings.of(call.scope.state).flow_explore_checks_zone:
            _check_zone(client, params)
        events = _sample_events(call, client, params)
    except MixpanelRequestError as error:
        raise _provider_error(error) from error
    schema = infer_schema(events) if events else {"type": "object", "properties": {}}
    data = events if call.query("preview", "true").lower() == "true" else []
    # As ASCII, because a property may have lone surrogates, which UTF-8 cannot encode.
    text = json.dumps({"format": "hierarchical", "schema": schema, "data": data})
    return Response(text, media_type="application/json")


def _provider_error(error: MixpanelRequestError) -> FlowServiceError:
    """Return the Flow Service's error for an error of Mixpanel: 503 for a server error, otherwise 400 (assumed [I])."""
    if error.status is None or error.status >= _SERVER_ERROR:
        return FlowServiceError("1103-503")
    return invalid(f"Mixpanel answered {error.status}: {error.text}")


def infer_schema(values: Iterable[object]) -> JsonObject:
    """Return a JSON Schema for some values.

    Nulls are ignored. Values of several types give the type ``string`` (assumed [I]).
    """
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
            kind = _type_name(value)
            kinds[kind] = dict(_INTEGER) if kind == "integer" else {"type": kind}
    if kinds.keys() == {"integer", "number"}:
        return {"type": "number"}
    if len(kinds) != 1:
        return {"type": "string"}
    (schema,) = kinds.values()
    if schema["type"] == "object":
        schema["properties"] = {name: infer_schema(found) for name, found in objects.items()}
    if schema["type"] == "array":
        schema["items"] = infer_schema(items)
    return schema


def _type_name(value: object) -> str:
    """Return JSON Schema's name of the type of a boolean, number or text."""
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "string"


def _parse_params(call: Call) -> dict[str, str]:
    """Return the parsed ``sourceParams`` of the request; the case of parameter names is ignored.

    Raises FlowServiceError for invalid parameters.
    """
    query = {name.lower(): value for name, value in call.request.query_params.items()}
    required = {"objecttype": "rest", "filetype": "json"}
    for name, only in required.items():
        if query.get(name, "").lower() != only:
            raise invalid(f"{name} of a Mixpanel source must be {only}")
    if query.get("object", "json").lower() != "json":
        raise invalid("object of a Mixpanel source must be json")
    try:
        # A plus sign that the client did not percent-encode arrives as a space.
        text = query.get("sourceparams", "").replace(" ", "+").replace("-", "+").replace("_", "/")
        given = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (ValueError, RecursionError) as error:
        raise invalid("sourceParams must be a JSON object in base64") from error
    return source_params(given)


def source_params(given: object) -> dict[str, str]:
    """Return the parameters that a Mixpanel source requires: ``projectId`` and ``timezone``, both as texts.

    Raises FlowServiceError if one is missing or invalid.
    """
    if not isinstance(given, dict):
        raise invalid("the parameters of a source must be an object")
    project, name = given.get("projectId"), given.get("timezone")
    if isinstance(project, int) and not isinstance(project, bool):
        project = str(project)
    if not isinstance(project, str) or not (project.isascii() and project.isdigit()):
        raise invalid("projectId is missing or is not the number of a project")
    if not isinstance(name, str) or find_zone(name) is None:
        raise invalid("timezone is missing or is not a time zone, such as Pacific Standard Time")
    return {"projectId": project, "timezone": name}


def _sample_events(call: Call, client: MixpanelClient, params: dict[str, str]) -> list[JsonObject]:
    """Return at most 100 events of the project, from the days that a backfill would read."""
    scope, where = call.scope, find_zone(params["timezone"])
    assert where is not None, "validated by source_params"
    back_ms = AepSettings.of(scope.state).flow_backfill_days * 86_400_000
    span = days_of_window(scope.now - back_ms, scope.now + 1, where, scope.now)
    if span is None:
        return []
    with client.export(params["projectId"], *span, _SAMPLE_COUNT) as lines:
        try:
            return [parse_event(line) for line in lines]
        except InvalidEvent as error:
            raise MixpanelRequestError(None, str(error)) from error


def _check_zone(client: MixpanelClient, params: dict[str, str]) -> None:
    """Raise FlowServiceError if the source's time zone is not the project's."""
    project = client.projects().get(params["projectId"])
    if project is not None and not are_same(params["timezone"], project["timezone"]):
        raise invalid(f"the time zone of the project is not {params['timezone']}")
