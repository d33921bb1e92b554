"""A kind of path parameter that the services share: ``{name:key}``."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Key(Convertor[str]):
    """An id or a name in a path, whatever is in it: slashes, and line ends, which ``path`` does not take."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def register_key() -> None:
    """Makes the parameter known; before the first route that has one."""
    register_url_convertor("key", _Key())
