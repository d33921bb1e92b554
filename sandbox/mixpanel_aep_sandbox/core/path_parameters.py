"""The path parameter type ``key`` for routes, written ``{name:key}``, which matches any characters."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Key(Convertor[str]):
    """Converter for an id or a name with any characters, including slashes and line ends."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def register_key_converter() -> None:
    """Register the path parameter type ``key`` in Starlette; call this function before a route uses the type."""
    register_url_convertor("key", _Key())
