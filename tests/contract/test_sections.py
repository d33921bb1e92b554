"""No section of the documentation silently lacks pairs."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.contract.sections import SECTIONS
from tests.contract.test_aep_contract import PAIRS as AEP
from tests.contract.test_mixpanel_contract import PAIRS as MIXPANEL

pytestmark = pytest.mark.unit

FOUND = Counter(pair.section for pair in MIXPANEL + AEP)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_its_pairs_or_a_reason(section: str) -> None:
    match SECTIONS[section]:
        case int(pairs):
            assert FOUND[section] == pairs > 0
        case reason:
            assert reason and section not in FOUND


def test_every_pair_has_a_known_section_and_a_unique_name() -> None:
    assert FOUND.keys() <= SECTIONS.keys()
    assert [name for name, times in Counter(pair.id for pair in MIXPANEL + AEP).items() if times > 1] == []
