"""Imports the project's own modules, and finds the tasks in them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import runner.luigi_parser  # noqa: F401  luigi reads config files when imported, unless this is first
import luigi
from runner.config import Config, SectionCheck
from runner.declared import check_section
from runner.errors import ConfigError, Problem, ProjectCodeError, did_you_mean

_loaded: set[str] = set()


class ProjectTasks:
    """The task classes of a project's modules, by family.

    Args:
        root: the project's folder; its `src`, and then the folder itself, come first on the path.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.classes: dict[str, type[luigi.Task]] = {}

    def sections(self, modules: Iterable[str]) -> Mapping[str, SectionCheck]:
        """Imports the modules; says which sections their tasks take.

        Raises:
            ProjectCodeError: a module is not there, or fails when it is imported, or two tasks
                have one name.
        """
        for folder in (self._root, self._root / "src"):
            path = str(folder)
            if folder.is_dir() and sys.path[:1] != [path]:
                sys.path.insert(0, path)
        importlib.invalidate_caches()
        for name in modules:
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
        paths = getattr(module, "__path__", None)
        for found in pkgutil.walk_packages(paths, f"{name}.") if paths else ():
            if not found.name.endswith(".__main__"):
                yield self._import(found.name)

    def _import(self, name: str) -> ModuleType:
        before = set(sys.modules)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                text = f"there is no module {name!r} in {self._root / 'src'} or {self._root}"
                raise ProjectCodeError(text, "see [RunConfig] modules") from None
            text = f"{name} can't be imported: {error}"
            hint = "install it into the environment that runs the runner"
            raise ProjectCodeError(text, hint) from error
        except Exception as error:  # whatever the user's module raises
            text = f"{name} can't be imported: {type(error).__name__}: {error}"
            raise ProjectCodeError(text) from error
        finally:
            _loaded.update(n for n in set(sys.modules) - before if self._is_project(n))

    def _is_project(self, name: str) -> bool:
        file = getattr(sys.modules.get(name), "__file__", None)
        if not file or name.partition(".")[0] == "runner":
            return False
        path = Path(file)
        return path.is_relative_to(self._root) and "site-packages" not in path.parts

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
    """Names of the project modules that runs of this process have imported."""
    return set(_loaded)


def unload() -> None:
    """Lets the next run of this process read the project's modules as they are then."""
    for name in _loaded:
        sys.modules.pop(name, None)
    _loaded.clear()
