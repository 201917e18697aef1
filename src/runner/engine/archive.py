"""The project's own modules as one value, for workers that do not see its folder."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from runner.errors import UsageError

_LARGEST = 64 * 2**20  # bytes, of all files together; data does not belong among modules


def pack(root: Path, modules: Iterable[str]) -> bytes:
    """A zip file of the packages and modules that a project has imported, with what lies in them.

    Args:
        root: the project's folder.
        modules: names of modules of it.

    Raises:
        UsageError: it is too much to be sent around.
    """
    buffer = io.BytesIO()
    size = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(_files(root, modules)):
            size += path.stat().st_size
            if size > _LARGEST:
                text = f"the modules of {root} have more than {_LARGEST >> 20} MB of files in them"
                raise UsageError(text, "keep data elsewhere, and name it in [PathConfig]")
            name = zipfile.ZipInfo(path.relative_to(root).as_posix())  # the same bytes each time
            file.writestr(name, path.read_bytes())
    return buffer.getvalue()


def folder_for(data: bytes, root: Path, place: Path) -> Path:
    """A folder with these modules: the project's own where it has the same ones, or a copy.

    Args:
        data: what `pack` returned.
        root: the project's folder as it is called where it was packed.
        place: where copies may be made.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = file.namelist()
        if all(_content(root / name) == file.read(name) for name in names):
            return root
        folder = place / sha256(data).hexdigest()[:16]
        file.extractall(folder)
    return folder


def _files(root: Path, modules: Iterable[str]) -> Iterator[Path]:
    for name in {module.partition(".")[0] for module in modules}:
        module = sys.modules[name]
        places = [Path(p) for p in getattr(module, "__path__", ())]
        for folder in places:
            yield from (p for p in folder.rglob("*") if p.is_file() and _is_source(p, folder))
        if not places and getattr(module, "__file__", None):
            yield Path(str(module.__file__))


def _is_source(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return not any(part.startswith(".") or part == "__pycache__" for part in parts)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
