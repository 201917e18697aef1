"""Whether evaluating an expression of a module can run code of the user's."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.artifacts.modules import Modules, is_users_file
from runner.artifacts.statements import Importing, absolute

_DYNAMIC = frozenset("eval exec __import__ setattr delattr vars globals locals".split())
_CONSTRUCTORS = frozenset("__init__ __new__ __post_init__ model_post_init".split())
_PLAIN = (dict, list, tuple, set, frozenset, str, bytes, int, float, complex, type(None))
_ASKING = frozenset(
    "items keys values get copy index count split rsplit splitlines join format strip "
    "lstrip rstrip lower upper title capitalize replace removeprefix removesuffix startswith "
    "endswith encode decode union intersection difference issubset issuperset isdisjoint fromkeys "
    "bit_length is_integer hex partition rpartition zfill".split()
)  # methods of plain values that change nothing
_MISSING = object()


class Judge:
    """Knows what the names of a module stand for.

    Args:
        modules: tells the user's modules from others.
        binds: name -> the statements that give it a meaning.
    """

    def __init__(
        self, modules: Modules, name: str, package: str, binds: Mapping[str, tuple[ast.stmt, ...]]
    ) -> None:
        self._modules = modules
        self._name = name
        self._package = package
        self._binds = binds

    def calls(self, name: str, attribute: str | None) -> bool:
        """Whether calling a name, or an attribute of it, can run code of the user's."""
        if name not in self._binds:
            return name in _DYNAMIC or not hasattr(builtins, name)
        if self._is_foreign(name):
            return False
        value = self._value(name)
        if type(value) in _PLAIN:
            return attribute not in _ASKING
        return attribute is not None or not self._is_quiet(value)

    def hands_on(self, name: str, attribute: str | None) -> bool:
        """Whether something that is handed to a function could run code of the user's there."""
        if name not in self._binds or self._is_foreign(name):
            return False
        value = self._value(name)
        if value is _MISSING:
            return True
        if attribute is not None:
            if type(value) in _PLAIN:
                return attribute not in _ASKING
            found = inspect.getattr_static(value, attribute, None)
            return callable(found) or isinstance(found, classmethod | staticmethod | property)
        if type(value) in _PLAIN or self._is_quiet(value):
            return False
        return callable(value) or self._modules.is_users(type(value).__module__)

    def _value(self, name: str) -> Any:
        module = sys.modules.get(self._name)
        return vars(module).get(name, _MISSING) if module is not None else _MISSING

    def _is_foreign(self, name: str) -> bool:
        """Whether a name is imported from an installed package, and nothing else."""
        return all(
            isinstance(statement, Importing) and not self._from_user(statement)
            for statement in self._binds[name]
        )

    def _is_quiet(self, value: Any) -> bool:
        """Whether a class can be called without running a function of the user's."""
        if not isinstance(value, type) or self._modules.is_users(type(value).__module__):
            return False
        own = [vars(cls) for cls in value.__mro__ if self._modules.is_users(cls.__module__)]
        made = [members[name] for members in own for name in _CONSTRUCTORS & members.keys()]
        codes = [getattr(getattr(m, "__func__", m), "__code__", None) for m in made]
        # that of a dataclass is made from a string, that of an enum stands in the library
        files = [code.co_filename if code else "" for code in codes]
        return all(f == "<string>" or (f and not is_users_file(Path(f))) for f in files)

    def _from_user(self, node: Importing) -> bool:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [absolute(node, self._package)]
        return any(self._modules.is_users(name.partition(".")[0]) for name in names)
