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
# Its cases are many, and not bounded by the number of examples.
COVERAGE = {"phases": {"coverage": {"enabled": EXAMPLES is not None, "unexpected-methods": []}}}
schema = schemathesis.openapi.from_dict(with_marks(), config=SchemathesisConfig.from_dict(COVERAGE))

REFUSED = {
    "POST /ims/exchange/jwt": "no credential is of that kind any longer",
    "POST /data/foundation/flowservice/connections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/sourceConnections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/targetConnections/{id}/action": "the seed is no draft",
    "POST /data/foundation/flowservice/runs/{id}/action": "the seed has not failed",
}
reached: dict[str, set[int]] = defaultdict(set)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def seeded(server: SandboxServer) -> Seeded:
    seeded = Seeded(server.url)
    seeded.renew()
    return seeded


@schema.parametrize()
@settings(
    max_examples=int(EXAMPLES or 8),
    derandomize=EXAMPLES is None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_no_request_breaks_a_route(case: schemathesis.Case, seeded: Seeded) -> None:
    fits = case.meta is not None and case.meta.generation.mode.is_positive  # until something is changed
    case.path_parameters = seeded.filled(case.path_parameters)
    if fits:
        case.query = seeded.filled(case.query)
        case.body = seeded.filled(case.body)
    headers = seeded.headers(case.path)
    response = case.call(base_url=seeded.aep.url, headers=headers, session=seeded.session)
    reached[case.operation.label].add(response.status_code)
    case.validate_response(response, checks=CHECKS)


def test_every_route_was_reached() -> None:
    """Refusals alone would prove little."""
    refused = sorted(
        label for label, statuses in reached.items() if min(statuses) >= 400 and label not in REFUSED
    )
    assert not refused, "\n".join(f"{label}: {sorted(reached[label])}" for label in refused)
