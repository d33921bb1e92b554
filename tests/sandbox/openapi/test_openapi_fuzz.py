"""Any request to any route: never a 500, and a response that the document describes.

The same requests every time; ``FUZZ_EXAMPLES=200`` sends others, and more of them.
"""

from __future__ import annotations

import gc
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mixpanel_aep_sandbox.core.server import SandboxServer
from tests.support.sandbox.fuzz_document import FuzzDocument, kinds, with_marks
from tests.support.sandbox.fuzz_resources import BODIES

pytestmark = pytest.mark.sandbox

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
MODES = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.FUZZING]
if EXAMPLES:  # Every boundary of every parameter: many, whatever the number of examples.
    MODES.append(HypothesisTestMode.COVERAGE)
SETTINGS = settings(
    max_examples=int(EXAMPLES or 3),
    derandomize=EXAMPLES is None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
    deadline=None,
)
CONFIG = {
    "generation": {"with-security-parameters": False},
    "phases": {"coverage": {"unexpected-methods": []}},
}
schema = schemathesis.openapi.from_dict(with_marks(), config=SchemathesisConfig.from_dict(CONFIG))
OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations()}
REFUSED = {
    "DELETE /data/core/idnamespace/identities/{id}": "a namespace stays for ever",
    "POST /ims/exchange/jwt": "no credential is of that kind any longer",
    "POST /data/foundation/flowservice/connections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/sourceConnections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/targetConnections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/runs/{id}/action": "the seed has not failed",
    "GET /data/foundation/schemaregistry/global/schemas/{id}": "there are none",
    "GET /data/foundation/schemaregistry/global/descriptors/{id}": "there are none",
}
"""Never answered with success, and why."""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_breaks_a_route(label: str, server: SandboxServer) -> None:
    seeded = FuzzDocument(server.url)
    seeded.renew()
    statuses: dict[int, int] = defaultdict(int)

    def send(case: schemathesis.Case) -> None:
        fits = case.meta is not None and case.meta.generation.mode.is_positive  # Until something is changed.
        case.path_parameters = {
            name: seeded.filled(value) for name, value in (case.path_parameters or {}).items()
        }
        if fits:
            case.query, case.body = seeded.filled(case.query), seeded.filled(case.body)
        headers = seeded.headers(case.path, sum(statuses.values()))
        response = case.call(base_url=seeded.aep.url, headers=headers, session=seeded.session)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    config = HypothesisTestConfig(project=schema.config, modes=MODES, settings=SETTINGS)
    create_test(operation=OPERATIONS[label], test_func=send, config=config)()
    # Error responses alone would prove little.
    assert (min(statuses) < 400) == (label not in REFUSED), dict(statuses)


NASTY = [
    b"",
    b"\xff",
    b"null",
    b"[]",
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 5000,
    b"1" * 5000,
    b'{"a": NaN, "b": -Infinity, "c": 1e999}',
    b'{"\\ud800": "\\udfff"}',
]
TWISTS: list[Callable[[Any], Any]] = [
    lambda value: f"{value}\ud800" if isinstance(value, str) else value,
    lambda value: f"{value}\0" if isinstance(value, str) else value,
    lambda value: 10**4000 if isinstance(value, (str, int)) else value,
    lambda value: {} if isinstance(value, (str, bool)) else value,
    lambda value: [value] if isinstance(value, (str, dict)) else value,
    lambda value: None if isinstance(value, (str, list)) else value,
]


def twisted(value: Any, twist: Callable[[Any], Any]) -> Any:
    """Yield a body with one of its values replaced."""
    if isinstance(value, dict):
        value = {key: twist(twisted(each, twist)) for key, each in value.items()}
    elif isinstance(value, list):
        value = [twist(twisted(each, twist)) for each in value]
    return value


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Objects of other tests are not collected inside nested brackets, where their finalizers have too little stack."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("label", [label for label, operation in OPERATIONS.items() if operation.body])
def test_no_body_breaks_a_route(label: str, server: SandboxServer) -> None:
    """Texts that no JSON generator produces: half a surrogate pair, endless numbers, endless brackets."""
    seeded, (method, path) = FuzzDocument(server.url), label.split(" ")
    seeded.renew()
    good = seeded.filled(BODIES.get(path, {}))
    bodies = [*NASTY, *(json.dumps(twisted(good, twist)).encode() for twist in TWISTS)]
    marks = dict(kinds(path))
    where = re.sub(r"{([^}]*)}", lambda name: quote(seeded[marks.get(name[1]) or "day"], safe=""), path)
    for body in bodies:
        headers = {**seeded.headers(path, 0), "Content-Type": "application/json"}
        answer = seeded.session.request(
            method, seeded.aep.url + where, data=body, headers=headers, timeout=60
        )
        assert answer.status_code < 500, (body[:80], answer.text)
