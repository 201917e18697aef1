"""Sizes, durations and ages, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB")
_AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))


def size(count: int | None) -> str:
    """A number of bytes; empty when it is not known."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    power = min(len(str(count)) - 1, 14) // 3
    return f"{count / 1000**power:.1f} {_UNITS[power]}"


def duration(seconds: float) -> str:
    """A length of time."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def age(then: datetime, now: datetime | None = None) -> str:
    """How long ago something was; the clock of another machine may be ahead."""
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for length, unit in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
