"""Fixtures of the tests in mixpanel/."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.support.fake_clock import FakeClock
from tests.support.mixpanel_responses import SECRET


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def no_canary_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert "Basic " not in caplog.text
