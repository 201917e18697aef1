"""One walk through the user's modules, from the class of a task along the names in its code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any

from runner.artifacts.names import Named, named_in
from runner.artifacts.pieces import pieces_of, plain
from runner.artifacts.resolve import WHOLE, Place, imported, imported_by, resolved
from runner.artifacts.sources import Source, Sources
from runner.artifacts.statements import Importing, bound_by

IMPORT = "<import>"  # what it does when it is imported

#: Asked for by these, any module of the user's may be reached.
_ANYWHERE = frozenset(
    "__subclasses__ __import__ import_module spec_from_file_location reload iter_modules "
    "walk_packages run_module run_path entry_points Register resolve_name locate get_task_cls "
    "load_task".split()
)
_OWN_MODULE = frozenset("globals eval exec vars".split())

#: These ask for source with its comments and docstrings.
_RAW = frozenset("__doc__ getdoc getsource getsourcelines getsourcefile getcomments".split())

#: Modules that write objects, and what of them, or of any module, reads objects back.
_PICKLING = frozenset("pickle cloudpickle dill joblib skops torch".split())
_READING = frozenset("load loads Unpickler".split())
_UNPICKLING = frozenset("read_pickle load_model allow_pickle shelve jsonpickle".split())
UNPICKLES = "<unpickles>"  # among what is asked for: code that reads objects back

#: The module that reads models of any family back, and what is asked for where code names it.
_MODELS = "runner.model"
LOADS = "<loads models>"

#: Methods that say what is read and written: what they look at is told in other ways.
_DECLARING = frozenset("build_input_output_path_dicts output outputs".split())


class Walk:
    """What is still to be looked at, and what was found.

    Places are (module, name, whether only to say what is required).

    Attributes:
        classes: classes of other tasks and of luigi configs that are used as objects.
        asks: every name and attribute in code that may do anything.
        modules: those that were reached.
        classes_made: places of classes that are no tasks.
        handed_on: places of what is named without being called.
    """

    def __init__(
        self,
        sources: Sources,
        is_task: Callable[[Any], bool],
        is_settings: Callable[[Any], bool],
        own: Collection[type],
    ) -> None:
        self._sources = sources
        self._is_task = is_task
        self._is_settings = is_settings
        self._own = own
        self.waiting: list[tuple[str, str, bool]] = []
        self._texts: dict[str, dict[str, None]] = {}
        self.classes: dict[type, None] = {}
        self.asks: set[str] = set()
        self.modules: dict[str, None] = {}
        self.handed_on: set[Place] = set()
        self.classes_made: set[Place] = set()

    @property
    def pieces(self) -> dict[str, str]:
        """Dotted name -> normalised source, sorted; several statements may make one piece."""
        return {name: "\n".join(texts) for name, texts in sorted(self._texts.items())}

    def follow(self) -> None:
        """Looks at all that waits, and at what that leads to.

        Raises:
            OSError, SyntaxError, ValueError, RecursionError: a module can't be read.
        """
        seen: set[tuple[str, str, bool]] = set()
        while self.waiting:
            place = self.waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            module, name, requiring = place
            source = self._sources.of(module)
            if source is None:
                compiled = self._sources.compiled(module)
                if compiled is not None:
                    self._keep(f"{module} (compiled)", compiled)
                continue
            self.modules[module] = None
            self._reach(module)
            if name == IMPORT:
                self._imported(source)
            elif name == WHOLE:
                self._keep(f"{module} (whole)", plain(source.tree))
                self.waiting += [(module, bound, requiring) for bound in source.binds]
                inner = (*source.stars, *self._sources.inside(module))
                self.waiting += [(name, WHOLE, requiring) for name in inner]
            elif not self._ends(source, name, requiring):
                self._bound(source, name, requiring)

    def _keep(self, name: str, text: str) -> None:
        self._texts.setdefault(name, {})[text] = None

    def _reach(self, module: str) -> None:
        """A module that is reached was imported, and with it the packages that it is in."""
        parts = module.split(".")
        self.waiting += [
            (".".join(parts[:depth]), IMPORT, False) for depth in range(1, len(parts) + 1)
        ]

    def _imported(self, source: Source) -> None:
        """What importing a module does beside giving names a meaning."""
        names = imported_by(source, source.imports)
        self.waiting += [(n, IMPORT, False) for n in names if self._sources.is_users(n)]
        for statement in source.effects:
            if isinstance(statement, ast.ClassDef) and self._is_task(
                self._value(source, statement)
            ):
                for decorator in statement.decorator_list:
                    self._effect(source, decorator, requiring=_requires(source, decorator))
            else:
                self._effect(source, statement, requiring=False)
        for statement in (s for group in source.binds.values() for s in group):
            if isinstance(statement, ast.ClassDef) and self._is_registered(source, statement):
                self.waiting.append((source.name, statement.name, False))

    def _effect(self, source: Source, node: ast.AST, *, requiring: bool) -> None:
        self._keep(f"{source.name} (on import)", plain(node))
        self._names(source, node, requiring=requiring)

    def _is_registered(self, source: Source, statement: ast.ClassDef) -> bool:
        """Whether defining a class runs code of the user's, which may keep a list of classes."""
        cls = self._value(source, statement)
        if not isinstance(cls, type):
            return False
        hooks = [c for c in cls.__mro__[1:] if "__init_subclass__" in vars(c)]
        return any(self._sources.is_users(c.__module__) for c in (type(cls), *hooks))

    def _value(self, source: Source, named: ast.ClassDef | str) -> Any:
        name = named if isinstance(named, str) else named.name
        module = sys.modules.get(source.name)
        return vars(module).get(name) if module is not None else None

    def _ends(self, source: Source, name: str, requiring: bool) -> bool:
        """Whether a name is that of another task, which counts by what it outputs.

        One that is named outside of `requires` may be used in any way, and counts by its code too.
        """
        value = self._value(source, name)
        if self._is_settings(value):
            self.classes[value] = None
        if not self._is_task(value) or value in self._own:
            return False
        if requiring:
            self._keep(f"{source.name}.{name}", "task")
            return True
        self.classes[value] = None
        above = [c for c in value.__mro__ if self._sources.is_users(c.__module__)]
        self.waiting += [(c.__module__, c.__qualname__.partition(".")[0], False) for c in above]
        return False

    def _bound(self, source: Source, name: str, requiring: bool) -> None:
        imports = [s for s in source.binds.get(name, ()) if isinstance(s, Importing)]
        if _MODELS in (*imported_by(source, imports), *source.stars):
            self.asks.add(LOADS)
        if name not in source.binds:
            self.waiting += [(star, name, requiring) for star in source.stars]
            if "__getattr__" in source.binds:
                self.waiting.append((source.name, "__getattr__", requiring))
        for statement in source.binds.get(name, ()):
            if isinstance(statement, Importing):
                places = imported(self._sources, source, statement, (name,))
                self.waiting += [(*place, requiring) for place in places]
                continue
            for piece, text in pieces_of(source.name, name, statement):
                self._keep(piece, text)
            value = self._value(source, name)
            imports = [n for n in getattr(statement, "body", ()) if isinstance(n, Importing)]
            if isinstance(statement, ast.ClassDef):  # whose attributes they are, for `self.x` too
                self.waiting += [(n, WHOLE, requiring) for n in imported_by(source, imports)]
            if isinstance(statement, ast.ClassDef) and (value in self._own or self._is_task(value)):
                self._names_of_task(source, statement)
            else:
                if isinstance(statement, ast.ClassDef):
                    self.classes_made.add((source.name, name))
                self._names(source, statement, requiring=requiring)

    def _names_of_task(self, source: Source, cls: ast.ClassDef) -> None:
        for decorator in cls.decorator_list:
            self._names(source, decorator, requiring=_requires(source, decorator))
        for node in (*cls.bases, *cls.keywords, *cls.body):
            name = node.name if isinstance(node, ast.FunctionDef) else ""
            self._names(source, node, requiring=name == "requires", declaring=name in _DECLARING)

    def _names(
        self, source: Source, node: ast.AST, *, requiring: bool, declaring: bool = False
    ) -> None:
        """Follows all that a piece of code names."""
        named = named_in(node)
        asked = {chain[0] for chain in named.chains}
        bound = [s for name in asked for s in source.binds.get(name, ())]
        used = [*named.imports, *(s for s in bound if isinstance(s, Importing))]
        full = set(imported_by(source, used))
        modules = {name.partition(".")[0] for name in full}
        aliases = [alias for s in used for alias in s.names]
        words = named.words | {a.name for a in aliases if (a.asname or a.name) in asked}
        if words & _OWN_MODULE:
            self.waiting.append((source.name, WHOLE, requiring))
        if words & _ANYWHERE or ("sys" in modules and "modules" in words):
            self.waiting += [(name, WHOLE, requiring) for name in self._sources.all()]
        if words & _RAW:
            for name in [source.name] if words & _RAW == {"__doc__"} else self._sources.all():
                self._keep(f"{name} (as written)", self._sources.written(name))
        if not requiring and not declaring:
            self.asks |= words
            if words & _UNPICKLING or (modules & _PICKLING and words & _READING):
                self.asks.add(UNPICKLES)
        if _MODELS in full or ("runner" in modules and "model" in words):
            self.asks.add(LOADS)
        for place, handed_on in self._leads(source, named):
            self.waiting.append((*place, requiring))
            if handed_on:
                self.handed_on.add(place)

    def _leads(self, source: Source, named: Named) -> Iterator[tuple[Place, bool]]:
        """Places that are named, and whether what is there is handed on, not called."""
        for inner in named.imports:
            if isinstance(inner, ast.ImportFrom) and inner.names[0].name != "*":
                for bound in bound_by(inner):
                    yield from (
                        (p, False) for p in imported(self._sources, source, inner, (bound,))
                    )
        for chain in named.chains:
            handed_on = chain in named.handed_on
            places = resolved(self._sources, source, chain, named.imports)
            yield from ((place, handed_on) for place in places)


def _requires(source: Source, decorator: ast.expr) -> bool:
    """Whether a decorator does no more than say what a task requires."""
    func = decorator.func if isinstance(decorator, ast.Call) else decorator
    chain = next(iter(named_in(func).chains), ("",))
    bound = [s for s in source.binds.get(chain[0], ()) if isinstance(s, Importing)]
    modules = {name.partition(".")[0] for name in imported_by(source, bound)}
    names = {alias.name for s in bound for alias in s.names} | {*chain}
    return modules <= {"runner", "luigi"} and bool(names & {"requires", "inherits"})
