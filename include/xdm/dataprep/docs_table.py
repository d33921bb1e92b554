"""Generate the tables of Data Prep functions in ``docs/mapping.md``.

``python -m include.xdm.dataprep.docs_table`` writes them into the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from include.xdm.dataprep.functions import ALL, NOT_HERE
from include.xdm.dataprep.functions.registry import Function

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"
BEGIN, END = "<!-- functions: generated -->", "<!-- functions: end -->"


def tables() -> str:
    """Return the tables as Markdown: one for each category of functions, and one of the unsupported functions."""
    return "\n".join(_lines())


def replace_tables(page: str) -> str:
    """Return ``page``, the text of ``docs/mapping.md``, with its generated tables replaced by current ones."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _lines() -> Iterator[str]:
    for category in dict.fromkeys(function.category for function in ALL):
        yield f"\n### {category}\n"
        yield "| function | result | implementation | note | example |"
        yield "|---|---|---|---|---|"
        yield from (_row(function) for function in ALL if function.category == category)
    yield "\n### Not supported\n"
    yield "| function | why |"
    yield "|---|---|"
    reasons = dict.fromkeys(NOT_HERE.values())
    for reason in reasons:
        names = ", ".join(f"`{name}`" for name, why in NOT_HERE.items() if why == reason)
        yield f"| {names} | {reason} |"


def _row(function: Function) -> str:
    names = "<br>".join([_code(function.syntax), *(_code(name) for name in function.other_names)])
    gives = function.returns.value if not callable(function.returns) else "depends"
    how = f"Python: {function.because}" if function.python else "SQL"
    examples = "<br>".join(
        f"{_code(expression)} → {_code(json.dumps(result, ensure_ascii=False))}"
        for expression, result in function.examples
    )
    return f"| {names} | {gives} | {how} | {function.note} | {examples} |"


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


if __name__ == "__main__":
    PAGE.write_text(replace_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
