"""The sandbox gives every documented response of Adobe IMS and AEP."""

from __future__ import annotations

import pytest

from mixpanel_aep_sandbox.client import AepSandbox
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Example
from tests.contract.examples.catalog import CATALOG_PAIRS, IDENTITY
from tests.contract.examples.dataprep import DATAPREP
from tests.contract.examples.flow_runs import RUN_PAIRS
from tests.contract.examples.flows import OPERATING, SOURCES
from tests.contract.examples.ims import GATEWAY, IMS
from tests.contract.examples.ingestion import ACTIONS, CREATE, REPLAY, UPLOAD
from tests.contract.examples.registry import CHANGES, DESCRIPTORS, RESOURCES
from tests.contract.examples.rows import ACCESSED, ROWS

pytestmark = pytest.mark.sandbox

PAIRS = [
    *(IMS + GATEWAY),
    *(RESOURCES + CHANGES + DESCRIPTORS),
    *(CATALOG_PAIRS + IDENTITY),
    *(DATAPREP + SOURCES + OPERATING + RUN_PAIRS),
    *(CREATE + UPLOAD + ACTIONS + REPLAY + ROWS + ACCESSED),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_aep_answers_as_documented(pair: Example, aep_sandbox: AepSandbox) -> None:
    DocumentedClient(aep_sandbox).check(pair)
