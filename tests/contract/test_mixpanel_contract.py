"""The sandbox gives every documented response of Mixpanel."""

from __future__ import annotations

import pytest

from mixpanel_aep_sandbox.client import MixpanelSandbox
from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Example
from tests.contract.examples.mixpanel_errors import APP, CHANGES, ERRORS, LIMITS, NEAR_NOW
from tests.contract.examples.mixpanel_export import ANSWERS, CREDENTIALS, PARAMETERS
from tests.contract.examples.mixpanel_times import SAMPLES_SHA256, SHAPES, TIMES, samples_sha256

pytestmark = pytest.mark.sandbox

PAIRS = [
    *(PARAMETERS + CREDENTIALS + ANSWERS),
    *(ERRORS + LIMITS + CHANGES + NEAR_NOW + APP),
    *(TIMES + SHAPES),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_mixpanel_answers_as_documented(pair: Example, mixpanel_sandbox: MixpanelSandbox) -> None:
    DocumentedClient(mixpanel_sandbox).check(pair)


def test_the_sample_lines_are_the_documented_ones() -> None:
    assert samples_sha256() == SAMPLES_SHA256
