"""How SQL gets at the properties of an event that a mapping set wants."""

from __future__ import annotations

import json
from typing import Literal

from include.xdm.convert import ident, quote
from include.xdm.language.paths import Path


class Properties:
    """Properties parsed in one go into structs: as text (VARCHAR), or as JSON, which tells "5" from 5.

    Names that differ in case only go into structs of their own: to DuckDB the fields ``id`` and ``Id`` are one.
    """

    def __init__(self, names: list[str], kind: Literal["VARCHAR", "JSON"]) -> None:
        self._structs: list[dict[str, str]] = []
        self._sql: dict[str, str] = {}
        self._prefix = "p" if kind == "VARCHAR" else "j"
        for name in dict.fromkeys(names):
            number = sum(other.lower() == name.lower() for other in self._sql)
            if number == len(self._structs):
                self._structs.append({})
            self._structs[number][name] = kind
            self._sql[name] = f"{self._prefix}{number}.{ident(name)}"

    @property
    def structs(self) -> list[str]:
        """The columns that hold the properties."""
        shapes = (json.dumps(struct, ensure_ascii=False) for struct in self._structs)
        return [
            f"from_json(properties, {quote(shape)}) AS {self._prefix}{n}" for n, shape in enumerate(shapes)
        ]

    def whole(self, name: str) -> str:
        return self._sql[name]

    def present(self, source: Path) -> str:
        return f"nullif({self.source(source)}, '')"

    def source(self, source: Path) -> str:
        """SQL for the text at a path."""
        if len(source) == 1:
            return str(source[0])
        top = self.whole(str(source[1]))
        if len(source) == 2:
            return top
        # TRY: a text that begins like JSON need not be any.
        inside = f"TRY(json_extract_string({top}, {quote(pointer(source[2:]))}))"
        return f"CASE WHEN left({top}, 1) IN ('{{', '[') THEN {inside} END"

    def value(self, source: Path) -> str:
        """SQL for the JSON at a path, or NULL; the properties are to be read as JSON."""
        if len(source) == 1:
            return str(source[0])
        top = f"{self.whole(str(source[1]))}::VARCHAR"
        if len(source) == 2:
            return top
        return f"nullif(json_extract({top}, {quote(pointer(source[2:]))})::VARCHAR, 'null')"


def exists(source: Path) -> str:
    """SQL for whether the event has a path, whatever is there."""
    if len(source) == 1:
        return "true"
    return f"json_extract(properties, {quote(pointer(source[1:]))}) IS NOT NULL"


def pointer(steps: Path) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
