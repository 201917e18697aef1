"""Images that tasks made, embedded in the page: nothing in it may come from elsewhere."""

from __future__ import annotations

import base64
import logging
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_MOST_BYTES = 6 * 2**20  # of all embedded images together, before they grow by a third
_MOST_IMAGES = 60
_TYPES = {
    ".png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".gif": ("image/gif", (b"GIF87a", b"GIF89a")),
    ".svg": ("image/svg+xml", ()),
}


@dataclass(frozen=True)
class Image:
    """An image file.

    Attributes:
        name: as people know it: the task and the path inside of it, or the path in the run.
        size: bytes.
    """

    name: str
    path: Path
    size: int


def is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in _TYPES


def logged(folder: Path, skip: Collection[str]) -> Iterator[Image]:
    """Images in a run's artifact folder that are not outputs of tasks.

    Args:
        skip: names of folders right in it that are left out; hidden ones are in any case.
    """
    for where, folders, names in os.walk(folder):
        top = where == str(folder)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not (top and name in skip)
        )
        for name in sorted(filter(is_image, names)):
            path = Path(where, name)
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                yield Image(path.relative_to(folder).as_posix(), path, found.st_size)


@dataclass(frozen=True)
class Embedded:
    """Images for a page.

    Attributes:
        shown: name -> ``data:`` URI, in the order in which they were given.
        named: those that are too large, too many, or not what their names say.
    """

    shown: dict[str, str]
    named: tuple[Image, ...]


def embedded(images: Iterable[Image]) -> Embedded:
    """Reads images, the small ones first, until the page would become too large."""
    given = list(images)
    uris: dict[str, str] = {}
    left = _MOST_BYTES
    for image in sorted(given, key=lambda image: image.size):
        if image.size > left or len(uris) == _MOST_IMAGES:
            break
        uri = _uri(image)
        if uri:
            uris[image.name] = uri
            left -= image.size
    shown = {image.name: uris[image.name] for image in given if image.name in uris}
    return Embedded(shown, tuple(image for image in given if image.name not in uris))


def _uri(image: Image) -> str:
    mime, starts = _TYPES[image.path.suffix.lower()]
    try:
        content = image.path.read_bytes()
    except OSError as error:
        _log.debug("%s is not shown in the report: %s", image.path, error)
        return ""
    right = content.startswith(starts) if starts else b"<svg" in content
    return f"data:{mime};base64,{base64.b64encode(content).decode()}" if right else ""
