"""A type of path parameter that the services share: ``{name:key}``."""

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
    """Register the path parameter; call it before the first route that uses it."""
    register_url_convertor("key", _Key())
