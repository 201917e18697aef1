"""Commands to type, as they work where the user is."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.report import Report

COMMANDS = (  # a task so called needs it in front
    *("run", "resume", "why", "runs", "show", "diff", "clone", "plot", "tree", "graph"),
    *("sweep", "repeat", "reproduce", "new-model", "gc", "ui"),
)
_PLACES = ("RunConfig.tracking_uri", "RunConfig.artifact_root")


def name() -> str:
    """How this program is started: by its short name where the shell finds the same one."""
    started = Path(sys.argv[0])
    if started.name == "runner":
        return "runner" if _found("runner") == started.absolute() else shlex.quote(str(started))
    python = Path(sys.executable)
    words = ["python" if _found("python") == python else str(python), "-m", "runner"]
    return shlex.join(words)


def go_on(params: Mapping[str, Any], report: Report) -> str:
    """The command that goes on with a run that was given by `run` and did not finish."""
    from runner.resume import is_resumable

    if params.get("only"):  # a resumed run has all that the task requires
        return _with_pins(params, replace(report, resume=()))
    if report.artifact_dir is not None and is_resumable(report.artifact_dir):
        return resume(params, report)
    return _with_pins(params, report)


def resume(params: Mapping[str, Any], report: Report) -> str:
    """``runner resume``, with what says in which store the run is."""
    return command("resume", report.run_id, *_of_store(params))


def resume_sweep(params: Mapping[str, Any], run_id: str) -> str:
    """``runner sweep --resume``, likewise."""
    return command("sweep", "--resume", run_id, *_of_store(params))


def command(*words: str) -> str:
    """A command of this program."""
    return " ".join([name(), *map(shlex.quote, words)])


def _of_store(params: Mapping[str, Any]) -> Iterator[str]:
    yield from _each("-c", params["files"])
    yield from _each(
        "-o", (o for o in params["overrides"] if o.partition("=")[0].strip() in _PLACES)
    )


def _with_pins(params: Mapping[str, Any], report: Report) -> str:
    """The command that was given, with pins to all that the run completed."""
    pinned = {pin.partition("=")[0].removeprefix("PathConfig.") for pin in report.resume}
    forced = [task for task in params["force"] if task not in pinned]
    task = params["task"]
    words = [
        *([] if task is None else ["run", task] if task in COMMANDS else [task]),
        *_each("-c", params["files"]),
        *_each("-o", (*params["overrides"], *report.resume)),
        *_each("--force", forced),
        *_each("--engine", [params["engine"]] if params.get("engine") else []),
        *_each("--workers", [str(params["workers"])] if params.get("workers") is not None else []),
        *_each("--run-name", [params["run_name"]] if params["run_name"] else []),
        *(f"--{flag}" for flag in ("only", "pdb", "quiet", "verbose") if params.get(flag)),
    ]
    return " ".join([name(), *map(shlex.quote, words)])


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _found(command: str) -> Path | None:
    path = shutil.which(command)
    return Path(os.path.abspath(path)) if path else None
