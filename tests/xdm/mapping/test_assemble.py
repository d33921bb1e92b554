"""Values of several mappings become the items of one array or map."""

from __future__ import annotations

import pytest

from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.paths import EACH, Path
from include.xdm.mapping.assemble import Part, assembly

pytestmark = pytest.mark.unit


def assembled(parts: dict[Path, tuple[Path, str]]) -> str | None:
    """Return the JSON of values, given with the steps to them in their source, by their place in the destination."""
    function = assembly(1, [Part(inside, source, "") for inside, (source, _) in parts.items()])
    assert function.python is not None
    found: str | None = function.python(*(value for _, value in parts.values()))
    return found


def test_a_position_without_a_value_is_null() -> None:
    assert assembled({(0,): ((), '"a"'), (2,): ((), '"c"')}) == '["a",null,"c"]'


def test_names_become_an_object_and_missing_values_nothing() -> None:
    assert assembled({("a",): ((), "1"), ("b",): ((), "null")}) == '{"a":1}'
    assert assembled({("a",): ((), "null")}) is None


def test_an_item_cannot_be_a_value_and_an_object() -> None:
    with pytest.raises(Failure, match="one mapping fills the item with a value, another one with an object"):
        assembled({(EACH,): ((EACH,), '["x"]'), (EACH, "b"): ((EACH,), '["y"]')})
