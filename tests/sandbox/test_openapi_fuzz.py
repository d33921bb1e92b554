"""Whatever is sent to a route: never a 500, and the answer is one that the document describes.

The same requests every time; ``FUZZ_EXAMPLES=200`` sends others, and more of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

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

from include.sandbox.server import SandboxServer
from tests.sandbox.seeded import Seeded, with_marks

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
if EXAMPLES:  # every boundary of every parameter: many, whatever the number of examples
    MODES.append(HypothesisTestMode.COVERAGE)
SETTINGS = settings(
    max_examples=int(EXAMPLES or 5),
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
    seeded = Seeded(server.url)
    seeded.renew()
    statuses: dict[int, int] = defaultdict(int)

    def send(case: schemathesis.Case) -> None:
        fits = case.meta is not None and case.meta.generation.mode.is_positive  # until something is changed
        case.path_parameters = seeded.filled(case.path_parameters)
        if fits:
            case.query, case.body = seeded.filled(case.query), seeded.filled(case.body)
        headers = seeded.headers(case.path, sum(statuses.values()))
        response = case.call(base_url=seeded.aep.url, headers=headers, session=seeded.session)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    config = HypothesisTestConfig(project=schema.config, modes=MODES, settings=SETTINGS)
    create_test(operation=OPERATIONS[label], test_func=send, config=config)()
    # Refusals alone would prove little.
    assert (min(statuses) < 400) == (label not in REFUSED), dict(statuses)
