"""The code that a task names: its class and, from there by name, what the user's modules define.

The walk reads source files and follows names: through functions, classes, constants and imports
of the user's own modules, and ends at the tasks that are required, which count by what they
output. What a module does on import beside giving names a meaning counts for every task. What
can't be followed by name counts as its whole module, or as all modules.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3

from runner.artifacts.contents import key_of
from runner.artifacts.resolve import WHOLE, Place
from runner.artifacts.sources import Edited, Sources
from runner.artifacts.walk import IMPORT, LOADS, UNPICKLES, Walk

__all__ = ["LOADS", "UNPICKLES", "Code", "CodeReader", "NoCode"]


@dataclass(frozen=True)
class Code:
    """What a task is made of.

    Attributes:
        pieces: dotted name -> normalised source.
        digest: over the pieces.
        classes: classes of other tasks and of luigi configs that it uses as objects.
        asks: attributes that it asks for by which it could reach more than it declares.
        objects: places of classes and functions that it could write into a pickle.
        later: files of modules that were not imported yet, with size, times of change and inode.
    """

    pieces: dict[str, str]
    digest: str
    classes: tuple[type, ...] = ()
    asks: frozenset[str] = frozenset()
    objects: tuple[Place, ...] = ()
    later: Mapping[Path, tuple[int, int, int, int]] = field(default_factory=dict)

    def as_read(self) -> bool:
        """Whether modules that are imported only while tasks run are as they were read."""
        try:
            return all(key_of(path) == key for path, key in self.later.items())
        except OSError:
            return False


class NoCode(Exception):
    """The code of a task can't be told; the message says why."""


class CodeReader:
    """Reads the code of tasks.

    Args:
        is_task: says whether something is the class of a task.
        is_settings: says whether something is a class that reads a section of the config.
        loaded: modules whose imports count for every task.
        begun: when they were imported, in ns since the epoch; a file written later is not read.
    """

    def __init__(
        self,
        is_task: Callable[[Any], bool],
        is_settings: Callable[[Any], bool],
        loaded: Iterable[str] = (),
        begun: int | None = None,
    ) -> None:
        self._is_task = is_task
        self._is_settings = is_settings
        self._loaded = sorted(loaded)
        self._sources = Sources(begun, frozenset(self._loaded))

    def of(self, cls: type, more: Iterable[type] = (), packages: Iterable[str] = ()) -> Code:
        """The code that a class reaches.

        Args:
            more: classes that it uses in ways that no name tells, such as that of its config.
            packages: what it uses all of likewise, as the family of a model.

        Raises:
            NoCode: its source can't be found or read, as in a notebook.
        """
        own = [c for c in cls.__mro__ if self._sources.is_users(c.__module__)]
        walk = Walk(self._sources, self._is_task, self._is_settings, own)
        walk.waiting += [(name, IMPORT, False) for name in self._loaded]
        for one in (*own, *more):
            if one in own or self._sources.is_users(one.__module__):
                walk.waiting.append((*self._place(one), False))
        for package in sorted(packages):
            inner = (package, *self._sources.inside(package))  # it may be a bare folder
            walk.waiting += [(module, WHOLE, False) for module in inner]
        self._follow(walk)
        if not own:
            raise NoCode("its code is in no file of the project")
        pieces = walk.pieces
        found = [self._sources.of(module) for module in walk.modules]
        later = {s.path: s.key for s in found if s is not None and not s.imported}
        objects = tuple(sorted(walk.classes_made | set(filter(self._is_object, walk.handed_on))))
        return Code(
            pieces, _digest(pieces), tuple(walk.classes), frozenset(walk.asks), objects, later
        )

    def digest_of(self, places: Iterable[Place] | None) -> str:
        """A digest over some classes and functions, and all that they name.

        Args:
            places: None for all that is in all of the user's modules.

        Raises:
            NoCode: a module can't be read.
        """
        walk = Walk(self._sources, self._is_task, self._is_settings, ())
        if places is None:
            places = [(name, WHOLE) for name in self._sources.all()]
        walk.waiting += [(*place, False) for place in sorted(places)]
        self._follow(walk)
        return _digest(walk.pieces)

    def _is_object(self, place: Place) -> bool:
        """Whether a function or a class, but no task, is at a place."""
        source = self._sources.of(place[0])
        module = sys.modules.get(place[0])
        value = vars(module).get(place[1]) if module is not None else None
        bound = source.binds.get(place[1], ()) if source else ()
        makes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        found = any(isinstance(node, makes) for statement in bound for node in ast.walk(statement))
        return found and not self._is_task(value)

    def _follow(self, walk: Walk) -> None:
        try:
            walk.follow()
        except Edited as edited:
            raise NoCode(f"{edited} was written after the run had begun") from None
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            # such as a literal of a thousand levels, which can't be written out
            raise NoCode(f"its code can't be read: {error}") from None

    def _place(self, cls: type) -> Place:
        name = cls.__qualname__.partition(".")[0]
        try:
            source = self._sources.of(cls.__module__)
        except Edited as edited:
            raise NoCode(f"{edited} was written after the run had begun") from None
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            raise NoCode(f"its code can't be read: {error}") from None
        if source is None or "<locals>" in cls.__qualname__ or name not in source.binds:
            raise NoCode(f"the source of {cls.__qualname__} is in no file of the project")
        return cls.__module__, name


def _digest(pieces: Mapping[str, str]) -> str:
    return blake3(json.dumps(pieces, ensure_ascii=True).encode()).hexdigest()
