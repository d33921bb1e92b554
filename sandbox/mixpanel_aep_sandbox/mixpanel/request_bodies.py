"""Parsing of JSON request bodies; rejects values that could not be stored, or returned in a response."""

from __future__ import annotations

import json
import math
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError

Model = TypeVar("Model", bound=BaseModel)


def read_object(body: bytes) -> JsonObject:
    """Parse a body that is a JSON object.

    Raises MixpanelError (400) if the body is not a JSON object, or has numbers or texts that cannot be encoded again.
    """
    try:
        found = json.loads(body, parse_constant=_reject_constant, parse_float=_parse_finite)
        # JSON escapes can express lone surrogates, which cannot be encoded as UTF-8.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MixpanelError(400, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise MixpanelError(400, "The body is not a JSON object.")
    return found


def read_model(body: bytes | JsonObject, model: type[Model]) -> Model:
    """Validate a body as a pydantic model.

    Args:
        body: the body of a request, or a JSON object that was parsed before.
        model: the class of the model.

    Raises:
        MixpanelError: 400 with the name of the first invalid field.
    """
    given = read_object(body) if isinstance(body, bytes) else body
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise MixpanelError(400, describe_first_error(error)) from error


def describe_first_error(error: ValidationError) -> str:
    """Return one sentence with the path of the first invalid field and the reason, such as ``events.0: ...``."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not valid JSON")


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
