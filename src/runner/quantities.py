"""Sizes and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB")
_AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))


def size(number: int | None) -> str:
    """Bytes, in powers of 1000; nothing where they are not known."""
    if number is None:
        return ""
    if number < 1000:
        return f"{number} B"
    power = min(len(str(number)) - 1, 14) // 3
    return f"{number / 1000**power:.1f} {_UNITS[power]}"


def duration(seconds: float) -> str:
    """Seconds with a decimal; from a minute on, the two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def brief(seconds: float) -> str:
    """The same, with milliseconds below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else duration(seconds)


def age(then: datetime, now: datetime | None = None) -> str:
    """How long ago something was; the clock of another machine may be ahead."""
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for length, unit in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
