"""Imports the project's own modules, and finds the tasks in them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
import luigi
from luigi.task_register import Register
from runner.config import Config, SectionCheck
from runner.errors import ConfigError, Problem, ProjectCodeError, did_you_mean
from runner.families import is_family_folder
from runner.sections import check_section

#: Roots of the projects that were loaded, and the modules that were there before each.
_loaded: list[tuple[Path, frozenset[str]]] = []


class ProjectTasks:
    """The task classes of a project's modules, by family.

    Args:
        root: the project's folder; its `src`, and then the folder itself, come first on the path.

    Attributes:
        begun: when its modules began to be imported, in ns since the epoch.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.begun = time.time_ns()
        self.classes: dict[str, type[luigi.Task]] = {}

    def sections(self, modules: Iterable[str]) -> Mapping[str, SectionCheck]:
        """Imports the modules; says which sections their tasks take.

        Raises:
            ProjectCodeError: a module is not there, or fails when it is imported, or two tasks
                have one name.
        """
        _loaded.append((self._root, frozenset(sys.modules)))
        for folder in (self._root, self._root / "src"):
            if folder.is_dir():
                sys.path[:] = [str(folder), *(p for p in sys.path if p != str(folder))]
        importlib.invalidate_caches()
        for name in modules:
            self._check_place(self._import(name))
            for module in self._with_submodules(name):
                self._collect(module)
        return {family: check_section(cls) for family, cls in self.classes.items()}

    def named(self, name: str, config: Config) -> type[luigi.Task]:
        """The class of a task, by family or by dotted path.

        Raises:
            ConfigError: there is none.
        """
        found = self.classes.get(name)
        if found is None and "." in name:
            path, _, cls = name.rpartition(".")
            same = (c for c in self.classes.values() if (c.__module__, c.__name__) == (path, cls))
            found = next(same, None)
        if found is not None:
            return found
        where = config.origins.get("RunConfig.task", "config")
        modules = ", ".join(config.run.modules)
        text = f"there is no task {name!r} in {modules}{did_you_mean(name, self.classes)}"
        if not did_you_mean(name, self.classes) and self.classes:
            text += f"; there are {', '.join(sorted(self.classes))}"
        raise ConfigError([Problem(where, "RunConfig.task", text)])

    def _with_submodules(self, name: str) -> Iterator[ModuleType]:
        module = self._import(name)
        yield module
        paths = [Path(path) for path in vars(module).get("__path__", ())]
        for found in pkgutil.iter_modules(map(str, paths), f"{name}."):
            # `trainer-old.py` is nobody's module: no import statement can name it.
            last = found.name.rpartition(".")[2]
            if not last.isidentifier() or last == "__main__":
                continue
            if found.ispkg and any(is_family_folder(path / last) for path in paths):
                continue  # a family of models is imported when a config names it
            yield from self._with_submodules(found.name)

    def _import(self, name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                text = f"there is no module {name!r} in {self._root / 'src'} or {self._root}"
                raise ProjectCodeError(text, "see [RunConfig] modules") from None
            text = f"{name} can't be imported: {error}"
            ours = error.name is not None and self._own_file(error.name.partition(".")[0])
            hint = "" if ours else "install it into the environment that runs the runner"
            raise ProjectCodeError(text, hint) from error
        except (Exception, SystemExit) as error:  # whatever the user's module raises
            what = " ".join(f"{type(error).__name__}: {error}".split())
            raise ProjectCodeError(f"{name} can't be imported: {what}") from error

    def _own_file(self, name: str) -> Path | None:
        """The file or folder of a module that the project has, whether it was imported or not."""
        path = Path(*name.split("."))
        places = [base / path for base in (self._root / "src", self._root)]
        found = (p for place in places for p in (place.with_suffix(".py"), place) if p.exists())
        return next(found, None)

    def _check_place(self, module: ModuleType) -> None:
        """An installed package, or a module imported before, may have taken the name."""
        own = self._own_file(module.__name__)
        if own is None or _inside(module, self._root):
            return
        place = getattr(module, "__file__", None) or "Python itself"
        hint = f"add an empty {own}/__init__.py" if own.is_dir() else "rename it"
        text = f"{module.__name__!r} is {place}, and not the project's {own}"
        raise ProjectCodeError(text, f"{hint}; see [RunConfig] modules")

    def _collect(self, module: ModuleType) -> None:
        for cls in vars(module).values():
            if not (isinstance(cls, type) and issubclass(cls, luigi.Task)):
                continue
            if cls.__module__.partition(".")[0] in ("luigi", "runner"):
                continue
            family = cls.get_task_family()
            first = self.classes.setdefault(family, cls)
            if first is not cls:
                raise ProjectCodeError(
                    f"two tasks are called {family}: in {first.__module__} and {cls.__module__}",
                    "rename one of them, or give it a task_namespace",
                )


def loaded_modules() -> set[str]:
    """Names of the project modules that runs of this process have imported, by then or later."""
    return {
        name
        for root, before in _loaded
        for name, module in sys.modules.copy().items()  # others may import meanwhile
        if name not in before and name.partition(".")[0] != "runner" and _inside(module, root)
    }


def unload() -> None:
    """Lets the next run of this process read the project's modules as they are then.

    luigi forgets its instances of tasks, and the classes: two of one name would be ambiguous.
    """
    modules = loaded_modules()
    Register.clear_instance_cache()
    Register._reg = [cls for cls in Register._reg if cls.__module__ not in modules]
    for name in modules:
        del sys.modules[name]
    _loaded.clear()


def kept() -> Callable[[], None]:
    """Notes what luigi knows; the function returned forgets the project, and sets that back."""
    register: Any = Register
    instances = register._Register__instance_cache
    namespaces = dict(register._default_namespace_dict)
    events: dict[Any, Any] = luigi.Task._event_callbacks
    callbacks = {cls: {e: set(of) for e, of in events[cls].items()} for cls in events}

    def restore() -> None:
        unload()
        register._Register__instance_cache = instances
        register._default_namespace_dict.clear()
        register._default_namespace_dict.update(namespaces)
        events.clear()
        events.update(callbacks)

    return restore


def _inside(module: ModuleType, root: Path) -> bool:
    members = vars(module)  # a module's own `__getattr__` is not asked
    files = [members.get("__file__")]
    with suppress(KeyError):  # of a folder without __init__.py whose parent was forgotten
        files += members.get("__path__", ())
    paths = [Path(f) for f in files if isinstance(f, str) and _may_be_below(f, str(root))]
    return any(p.is_relative_to(root) and "site-packages" not in p.parts for p in paths)


def _may_be_below(file: str, root: str) -> bool:
    """Tells most of thousands of modules from the project's without a Path of each."""
    return file.startswith(root) or "//" in file or "/./" in file
