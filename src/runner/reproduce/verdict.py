"""What a reproduction came to, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

_SHOWN = 3  # names in one sentence

Comparison = Literal["same", "within tolerance", "different", "missing", "new"]
GOOD: tuple[Comparison, ...] = ("same", "within tolerance")


@dataclass(frozen=True)
class OutputRow:
    """One output of a task: a declared file or folder, or a file that it wrote beside those.

    Attributes:
        task: the task's name in the run that wrote it.
        output: its path inside the task's directory.
        status: `missing`: it is not written any more; `new`: it was not written then.
        then: bytes; None when it was not there.
        now: bytes; None when it is not there.
        files: of a folder, the files that are not the same.
    """

    task: str
    output: str
    status: Comparison
    then: int | None
    now: int | None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricRow:
    """The last value of one metric of a task; `task` is empty for what the run itself logged."""

    task: str
    name: str
    status: Comparison
    then: float | None
    now: float | None


@dataclass(frozen=True)
class Change:
    """Something of the environment; empty where it was not there."""

    name: str
    then: str
    now: str


@dataclass(frozen=True)
class Verdict:
    """What a reproduction came to.

    Attributes:
        run_id: the run that was reproduced.
        run_name: its name.
        commit: the commit that it recorded.
        new_run_id: the run that computed everything again; empty when nothing was run.
        new_run_name: its name.
        tolerance: relative difference up to which metrics count as the same.
        problems: why it is not reproduced, beside what the rows say.
        notes: what could not be compared or checked, and other things worth knowing.
        uncompared: tasks of the new run of which the earlier one holds nothing.
    """

    run_id: str
    run_name: str
    commit: str
    tolerance: float = 0.0
    new_run_id: str = ""
    new_run_name: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()
    outputs: tuple[OutputRow, ...] = ()
    metrics: tuple[MetricRow, ...] = ()
    environment: tuple[Change, ...] = ()

    @property
    def reproduced(self) -> bool:
        found = {*(row.status for row in self.outputs), *(row.status for row in self.metrics)}
        return not self.problems and found.issubset(GOOD)

    @property
    def sentence(self) -> str:
        """The last line: the verdict, and its reasons."""
        if not self.reproduced:
            return f"not reproduced: {'; '.join(self._reasons())}"
        outputs = _count(len(self.outputs), "output")
        metrics = _count(len(self.metrics), "metric")
        near = sum(row.status == "within tolerance" for row in self.metrics)
        also = f", {near} of them within {self.tolerance:g}" if near else ""
        left = f"; nothing to compare {_brief(self.uncompared)} with" if self.uncompared else ""
        return f"reproduced: {outputs} and {metrics} are the same{also}{left}"

    def _reasons(self) -> Iterator[str]:
        yield from self.problems
        outputs = [f"{r.task}/{r.output}" for r in self.outputs if r.status not in GOOD]
        metrics = [r.name for r in self.metrics if r.status not in GOOD]
        if outputs:
            yield f"{_differ(len(outputs), len(self.outputs), 'output')}: {_brief(outputs)}"
        if metrics:
            yield f"{_differ(len(metrics), len(self.metrics), 'metric')}: {_brief(metrics)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"reproduced": self.reproduced, "verdict": self.sentence, **asdict(self)}


def _differ(some: int, of: int, what: str) -> str:
    verb = "differs" if some == 1 else "differ"
    return f"{some} of {_count(of, what)} {verb}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _brief(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
