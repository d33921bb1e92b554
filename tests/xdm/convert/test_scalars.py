"""Numbers keep their digits when they become values of scalar fields, also numbers with an exponent."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.xdm.convert.scalars import scalar
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind

pytestmark = pytest.mark.unit
EXPONENTS = st.integers(-420, 420) | st.integers(-30, 30)
MANTISSAS = st.from_regex(r"-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,24})?", fullmatch=True)


def converted(text: str, kind: Kind) -> object:
    return scalar(kind)(msgspec.Raw(text.encode()))


@given(MANTISSAS, EXPONENTS, st.sampled_from(sorted(INTEGER_LIMITS, key=lambda kind: kind.value)))
@example("1", -400, Kind.INTEGER)
@example("9007199254740993", 0, Kind.LONG)
@example("1.00000000000000001", 0, Kind.INTEGER)
def test_an_integer_field_has_the_number_or_nothing(mantissa: str, exponent: int, kind: Kind) -> None:
    text = f"{mantissa}e{exponent}"
    low, high = INTEGER_LIMITS[kind]
    exact = Decimal(text)
    fits = low <= exact <= high and exact == exact.to_integral_value()
    assert converted(text, kind) == (int(exact) if fits else None)


@given(MANTISSAS, EXPONENTS)
@example("9007199254740993", 0)
@example("1", 300)
def test_a_double_is_the_nearest_one_and_keeps_the_digits_of_a_whole_number(
    mantissa: str, exponent: int
) -> None:
    text = f"{mantissa}e{exponent}"
    exact, nearest = Decimal(text), float(text)
    is_whole = abs(exact) >= 2**53 and exact == exact.to_integral_value()
    keeps = math.isfinite(nearest) and (not is_whole or Decimal(repr(nearest)) == exact)
    assert converted(text, Kind.NUMBER) == (nearest if keeps else None)


@pytest.mark.parametrize(
    "text", ["1e99999999999999999999", "0e99999999999999999999", "1e-99999999999999999999"]
)
def test_an_exponent_that_no_number_has_raises_nothing(text: str) -> None:
    assert converted(text, Kind.INTEGER) is None
    assert converted(text, Kind.NUMBER) in (0.0, None)
