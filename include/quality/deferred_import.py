"""Import of a module at its first use, for modules that a library imports although this project never uses them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType


def defer_import(name: str, load: Callable[[], ModuleType]) -> None:
    """Let ``import name`` return a module that loads itself at the first use of one of its attributes.

    ``load`` imports and returns the module ``name``. Nothing changes if the module is already imported or not
    installed. ``importlib.util.LazyLoader`` is not enough: its modules are loaded by the second ``import``.
    """
    if name in sys.modules or (spec := find_spec(name)) is None:
        return
    module = _DeferredModule(name, load)
    module.__spec__ = spec
    sys.modules[name] = module


_LOADING_NAMES = ("__path__", "__all__")
"""Special names that load the module: the import of a submodule reads the first, ``import *`` the second."""


class _DeferredModule(ModuleType):
    def __init__(self, name: str, load: Callable[[], ModuleType]) -> None:
        super().__init__(name)
        self._load = load

    def __getattr__(self, name: str) -> object:
        # Python, and libraries that iterate over all modules, read such names of every module.
        if name.startswith("__") and name not in _LOADING_NAMES:
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(self._load(), name)
