"""Files with pictures: how they are written, and the look of all that are drawn here."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg")

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#59636e",
    "axes.labelcolor": "#1f2328",
    "axes.xmargin": 0.02,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e6ea",
    "grid.linewidth": 0.7,
    "text.color": "#1f2328",
    "xtick.color": "#59636e",
    "ytick.color": "#59636e",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched, and is smaller
    "svg.hashsalt": "runner",  # the same picture is the same file
}
_DPI = 160


def check(out: Path) -> None:
    """Raises UsageError for a file that can't become a picture."""
    if out.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {out}: a picture ends in {' or '.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")


@contextmanager
def styled() -> Iterator[None]:
    """The look of all pictures."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box is drawn for it
        yield


def save(figure: Figure, out: Path) -> None:
    """Writes a figure; raises UsageError when that can't be."""
    kind = out.suffix.lower()[1:]
    nothing = {"Date": None} if kind == "svg" else {"Software": None}  # that changes every time
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, dpi=_DPI, metadata=nothing)
    write(out, drawn.getvalue())


def write(out: Path, content: bytes) -> None:
    """Writes a file, which is there as a whole or not at all; raises UsageError when it can't."""
    part = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        os.replace(part, out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"--out {out}: can't be written: {error.strerror}") from None


def plain(text: str) -> str:
    """Text that matplotlib takes for nothing but text: it has formulas, and hides a leading _."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
