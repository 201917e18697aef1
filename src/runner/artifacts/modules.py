"""Which modules are the user's own, and where their files are, without importing them."""

from __future__ import annotations

import functools
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from runner.artifacts.contents import digest

_FOREIGN = ("site-packages", "dist-packages")
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_OWN = str(Path(__file__).parents[1])


class Modules:
    """Finds modules; each is looked for once."""

    def __init__(self) -> None:
        self.is_module = functools.cache(self._is_module)
        self.is_users = functools.cache(self._is_users)
        self._spec = functools.cache(_spec)

    def beside(self, names: Iterable[str]) -> list[str]:
        """Every module in the folders from which some modules were imported, at any depth."""
        tops = {name.partition(".")[0] for name in names}
        users = [top for top in tops if self.is_users(top)]
        found: set[str] = set(users)
        folders = {path.parent for top in users if (path := _package_or_file(self._places(top)))}
        for folder in folders:
            found.update(one.name for one in pkgutil.iter_modules([str(folder)]))
            packages = (path.name for path in folder.iterdir() if path.is_dir())
            for name in packages:  # a folder needs no `__init__.py` to be one
                found.update(_modules_in(folder / name, name) if name.isidentifier() else ())
        return sorted(name for name in found if self.is_users(name.partition(".")[0]))

    def inside(self, package: str) -> list[str]:
        """The modules of a package, at any depth; none of a module that is no package."""
        spec = self._spec(package)
        folders = _path_of(package) or (spec and spec.submodule_search_locations) or ()
        found = {name for folder in folders for name in _modules_in(Path(folder), package)}
        return sorted(found - {package})

    def written(self, name: str) -> str:
        """The digest of a module's source as it is written, comments and all."""
        path = self.file(name)
        return digest(path) if path is not None else ""

    def compiled(self, name: str) -> str | None:
        """The digest of one of the user's modules that is no source file.

        Raises:
            OSError: it can't be read.
        """
        spec = self._spec(name)
        origin = _file_of(name) or (spec.origin if spec else None)
        if not isinstance(origin, str) or origin.endswith(".py") or not self.is_users(name):
            return None
        return digest(Path(origin)) if Path(origin).is_file() else None

    def _is_module(self, name: str) -> bool:
        return name in sys.modules or self._spec(name) is not None

    def _is_users(self, name: str) -> bool:
        """Whether a module, or the package of folders that it is in, is the user's."""
        return bool(name) and any(is_users_file(place) for place in self._places(name))

    def file(self, name: str) -> Path | None:
        """The source file of a module, whether it was imported or not."""
        module = sys.modules.get(name)
        origin = _file_of(name)
        if module is None:
            spec = self._spec(name)
            origin = spec.origin if spec else None
        return Path(origin) if isinstance(origin, str) and origin.endswith(".py") else None

    def _places(self, name: str) -> list[Path]:
        spec = self._spec(name)
        origin = _file_of(name) or (spec.origin if spec else None)
        inside = spec.submodule_search_locations if spec else None
        folders = _path_of(name) or inside or ()
        found = [origin, *folders] if spec is None or spec.has_location or folders else []
        return [Path(place) for place in found if isinstance(place, str)]


def _modules_in(folder: Path, package: str) -> Iterator[str]:
    """The modules in the folder of a package, at any depth."""
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier()]
        above = (package, *Path(where).relative_to(folder).parts)
        for name in names:
            stem, _, kind = name.partition(".")
            if kind == "py" and stem.isidentifier():
                yield ".".join(above if stem == "__init__" else (*above, stem))


def _package_or_file(places: list[Path]) -> Path | None:
    first = next(iter(places), None)
    return first.parent if first is not None and first.name == "__init__.py" else first


def _file_of(name: str) -> object:
    module = sys.modules.get(name)
    return vars(module).get("__file__") if module is not None else None


def _path_of(package: str) -> list[str] | None:
    """Where a package that was imported has its modules; its own `__getattr__` is not asked."""
    module = sys.modules.get(package)
    found = vars(module).get("__path__") if module is not None else None
    return None if found is None else [place for place in found if isinstance(place, str)]


def _spec(name: str) -> ModuleSpec | None:
    """Where a module would be imported from; the packages above it are not imported to tell."""
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        folders = _path_of(".".join(parts[: depth - 1]))
        if folders is None and spec is not None:
            folders = spec.submodule_search_locations
        if depth > 1 and folders is None:
            return None
        try:
            spec = _found(".".join(parts[:depth]), folders and list(folders))
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
    return spec


def _found(name: str, folders: list[str] | None) -> ModuleSpec | None:
    try:
        return PathFinder.find_spec(name, folders)
    except KeyError:  # a bare folder in one that was not imported: Python asks for that one
        finders = filter(None, map(pkgutil.get_importer, folders or ()))
        specs = [found for finder in finders if (found := finder.find_spec(name))]
        bare = ModuleSpec(name, None, is_package=True)
        bare.submodule_search_locations = [
            place for found in specs for place in found.submodule_search_locations or ()
        ]
        return next((found for found in specs if found.loader), bare if specs else None)


def is_users_file(path: Path) -> bool:
    """Whether a file is neither an installed package's, nor Python's, nor the runner's."""
    text = f"{path}/"
    foreign = any(part in path.parts for part in _FOREIGN)
    return not foreign and not text.startswith((_OWN + "/", *(f"{i}/" for i in _INSTALLED)))
