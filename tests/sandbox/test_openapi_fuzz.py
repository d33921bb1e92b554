"""Whatever is sent to a route: never a 500, and the answer is one that the document describes."""

from __future__ import annotations

import os
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
from tests.sandbox.seeded import Seeded, with_seeded_ids

pytestmark = pytest.mark.sandbox

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

config = SchemathesisConfig.from_dict(
    {"phases": {"coverage": {"enabled": bool(os.environ.get("FUZZ_COVERAGE"))}}}
)
schema = schemathesis.openapi.from_dict(with_seeded_ids(), config=config)


@pytest.fixture(scope="module")
def seeded() -> Iterator[Seeded]:
    with SandboxServer() as server:
        yield Seeded(server)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_no_request_breaks_a_route(case: schemathesis.Case, seeded: Seeded) -> None:
    seeded.renew(case.operation.label)
    case.path_parameters = {
        name: seeded.ids.get(value, value) for name, value in (case.path_parameters or {}).items()
    }
    response = case.call(base_url=seeded.url, session=seeded.session, headers=seeded.headers)
    case.validate_response(response, checks=CHECKS)
