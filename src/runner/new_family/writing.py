"""Writes a family that works as it is: what is in it is to be replaced bit by bit."""

from __future__ import annotations

import keyword
import os
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from runner.errors import UsageError
from runner.families import FOLDER

_FILES = {
    "__init__.py": "init.py.jinja",
    "model.py": "model.py.jinja",
    "trainer.py": "trainer.py.jinja",
    "model_api.py": "model_api.py.jinja",
}


@dataclass(frozen=True)
class NewFamily:
    """A family that was written.

    Attributes:
        module: the dotted name of its package.
        known_as: what `model = "…"` says.
        files: what was written, absolute.
    """

    module: str
    known_as: str
    files: tuple[Path, ...]


def write(name: str, root: Path, folder: Path) -> NewFamily:
    """Writes the package of a family; it is there as a whole, or not at all.

    Args:
        name: of the family.
        root: the project's folder.
        folder: where its package goes.

    Raises:
        UsageError: the name or the folder will not do; nothing was written.
    """
    _check_name(name, root)
    package = _package(folder, root)
    target = folder / name
    if target.exists() or target.with_suffix(".py").exists():
        text = f"there is a {target.relative_to(root)} already"
        raise UsageError(f"{text}; nothing was written")
    module = f"{package}.{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{name}.{os.getpid()}.partial"
        partial.mkdir()
        for file, template in _FILES.items():
            (partial / file).write_text(_rendered(template, name, module), encoding="utf-8")
        partial.rename(target)
        files = [target / file for file in _FILES]
        if not (folder / "__init__.py").exists():
            files.insert(0, folder / "__init__.py")
            files[0].write_text(_rendered("models.py.jinja", name, module), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target.relative_to(root)} can't be written: {error.strerror}") from None
    return NewFamily(module, name if folder.name == FOLDER else module, tuple(files))


def folder_beside(module: str, root: Path) -> Path:
    """The folder of families beside a module of tasks.

    Raises:
        UsageError: there is no such module.
    """
    for base in (root / "src", root):
        place = base.joinpath(*module.split("."))
        if place.is_dir():
            return place / FOLDER
        if place.with_suffix(".py").is_file():
            return place.parent / FOLDER
    text = f"there is no module {module!r} in {root / 'src'} or {root}"
    raise UsageError(text, "see [RunConfig] modules, or name a folder with --path")


def _check_name(name: str, root: Path) -> None:
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        text = f"{name!r} can't be the name of a family: expected letters, digits and underscores"
        raise UsageError(text)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"{name!r} is a word of Python's own")
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        raise UsageError(f"{name!r} is a module of Python's own")
    own = {str(root), str(root / "src"), ""}
    spec = PathFinder.find_spec(name, [path for path in sys.path if path not in own])
    if spec is not None:
        raise UsageError(f"{name!r} is an installed package")


def _package(folder: Path, root: Path) -> str:
    """The dotted name of a folder."""
    for base in (root / "src", root):
        parts = folder.relative_to(base).parts if folder.is_relative_to(base) else ()
        if parts and all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
            return ".".join(parts)
    text = f"{folder} can't hold families: expected a package of modules in {root}"
    raise UsageError(text, f"for example --path src/tasks/{FOLDER}")


def _rendered(template: str, name: str, module: str) -> str:
    from jinja2 import Environment, StrictUndefined

    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(name=name, module=module)
