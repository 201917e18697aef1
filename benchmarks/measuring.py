"""Commands timed in turn, each as a process of its own, for benchmarks."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Without this everybody would compile the runner at each start, and installed packages never.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Contender:
    """A command that does the work.

    Attributes:
        name: as the table has it; the first contender of a row is its floor.
        prepare: called before each start, and not timed.
    """

    name: str
    command: Sequence[str]
    folder: Path
    prepare: Callable[[], None] = lambda: None


@dataclass
class Times:
    """What the starts of one command took: wall seconds, CPU seconds, and the most memory in MB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = 0.0


def in_turn(contenders: Sequence[Contender], times: int) -> dict[str, Times]:
    """Starts each command `times` times, one after the other and then again."""
    found = {contender.name: Times() for contender in contenders}
    for _ in range(times):
        for contender in contenders:
            _start(contender, found[contender.name])
    return found


def _start(contender: Contender, times: Times) -> None:
    contender.prepare()
    begun = time.perf_counter()
    log = contender.folder / f"{contender.name.replace(' ', '-').replace('/', '-')}.log"
    with open(log, "wb") as file:
        process = subprocess.Popen(
            contender.command,
            cwd=contender.folder,
            env=_ENVIRONMENT,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)  # its own children are counted too
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(errors="replace")[-3000:]
        raise SystemExit(f"{contender.name}: exit code {process.returncode}\n{said}")
    times.wall.append(time.perf_counter() - begun)
    times.cpu.append(used.ru_utime + used.ru_stime)
    times.peak = max(times.peak, used.ru_maxrss / 1024)


HEAD = f"{'':58} {'seconds':>8} {'ratio':>6} {'CPU':>8} {'ratio':>6}"


def report(title: str, found: dict[str, Times], *, tasks: int = 0) -> None:
    """Prints a row: medians, and their ratios to the first command of the row.

    Args:
        tasks: how many tasks there were, for milliseconds a task.
    """
    print(title)
    floor = next(iter(found.values()))
    for name, times in found.items():
        wall, cpu = statistics.median(times.wall), statistics.median(times.cpu)
        line = f"    {name:54} {wall:8.2f} {ratio(times.wall, floor.wall):6.2f}"
        line += f" {cpu:8.2f} {ratio(times.cpu, floor.cpu):6.2f}"
        print(line + (f"   {1000 * wall / tasks:.2f} ms a task" if tasks else ""), flush=True)


def ratio(some: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the ratios round by round: what slows the machine down slows both."""
    return statistics.median(a / b for a, b in zip(some, floor, strict=True))


def python(*arguments: object) -> list[str]:
    """The command that starts this very interpreter."""
    return [sys.executable, *map(str, arguments)]


def installed(peer: str) -> bool:
    """Whether a peer can be measured; says so where it can't."""
    there = importlib.util.find_spec(peer) is not None
    if not there:
        print(f"    ({peer} is not installed and is left out)")
    return there
