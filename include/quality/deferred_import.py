"""Defer the import of modules that a library imports and this project never uses, until their first use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType


def defer_import(name: str, load: Callable[[], ModuleType]) -> None:
    """Make ``import <name>`` return a placeholder, which imports the real module when an attribute is first used.

    Nothing changes if the module is already imported, or is not installed. ``importlib.util.LazyLoader`` does not
    suffice: a second ``import`` statement makes it load the module.

    Args:
        name: the full name of the module.
        load: imports the module and returns it.
    """
    if name in sys.modules or (spec := find_spec(name)) is None:
        return
    module = _DeferredModule(name, load)
    module.__spec__ = spec
    sys.modules[name] = module


_LOADING_NAMES = ("__path__", "__all__")
"""Special attributes whose use imports the module: importing a submodule reads the first, ``import *`` the second."""


class _DeferredModule(ModuleType):
    """A placeholder for a module; :func:`defer_import` describes it."""

    def __init__(self, name: str, load: Callable[[], ModuleType]) -> None:
        super().__init__(name)
        self._load = load

    def __getattr__(self, name: str) -> object:
        # Python, and libraries that iterate over sys.modules, read special names of every module.
        if name.startswith("__") and name not in _LOADING_NAMES:
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(self._load(), name)
