"""Every documented answer of Adobe IMS and AEP comes from the sandbox."""

from __future__ import annotations

import pytest

from include.sandbox.fixtures import AepSandbox
from tests.contract.catalog_pairs import CATALOG_PAIRS, IDENTITY
from tests.contract.dataprep_pairs import DATAPREP
from tests.contract.flow_pairs import OPERATING, SOURCES
from tests.contract.flow_run_pairs import RUN_PAIRS
from tests.contract.ims_pairs import GATEWAY, IMS
from tests.contract.ingestion_pairs import ACTIONS, CREATE, REPLAY, UPLOAD
from tests.contract.pair import Pair
from tests.contract.registry_pairs import CHANGES, DESCRIPTORS, RESOURCES
from tests.contract.row_pairs import ACCESSED, ROWS
from tests.contract.stranger import Stranger

pytestmark = pytest.mark.sandbox

PAIRS = [
    *(IMS + GATEWAY),
    *(RESOURCES + CHANGES + DESCRIPTORS),
    *(CATALOG_PAIRS + IDENTITY),
    *(DATAPREP + SOURCES + OPERATING + RUN_PAIRS),
    *(CREATE + UPLOAD + ACTIONS + REPLAY + ROWS + ACCESSED),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_aep_answers_as_documented(pair: Pair, aep_sandbox: AepSandbox) -> None:
    Stranger(aep_sandbox).check(pair)
