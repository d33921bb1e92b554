"""The sandbox and the product read the kind of deployment alike, each with its own code."""

from __future__ import annotations

import pytest

from include.environment import ENVIRONMENT_VARIABLE, UnknownEnvironment, is_production
from mixpanel_aep_sandbox.core.environment import reason_not_to_start

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("value", ["prod", "Production", " production", "dev", "0", "\n"])
def test_an_unknown_value_is_refused_in_the_same_words(value: str) -> None:
    with pytest.raises(UnknownEnvironment) as refused:
        is_production({ENVIRONMENT_VARIABLE: value})
    assert reason_not_to_start({ENVIRONMENT_VARIABLE: value}) == str(refused.value)


def test_the_sandbox_starts_everywhere_except_in_production() -> None:
    assert reason_not_to_start({ENVIRONMENT_VARIABLE: "production"})
    for environment in ({}, {ENVIRONMENT_VARIABLE: ""}, {ENVIRONMENT_VARIABLE: "development"}):
        assert reason_not_to_start(environment) is None and not is_production(environment)
