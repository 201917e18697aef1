"""`runner.run`, `runner.sweep`, `runner.load`: runs and outputs, for programs and notebooks."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner import asking, isolation
from runner import settings as environment
from runner.config import ConfigSource, Overrides, sources_of
from runner.errors import Interrupted
from runner.redaction import Redactor
from runner.report import Report

if TYPE_CHECKING:
    from runner.context import RunContext
    from runner.engine.outcome import Outcome
    from runner.request import Listener
    from runner.sweeps.report import SweepReport
    from runner.sweeps.trials import SweepListener


def run(  # noqa: PLR0913  each is an option of the command
    config: ConfigSource | Sequence[ConfigSource] = environment.CONFIG_NAME,
    *,
    overrides: Overrides = (),
    task: str | None = None,
    project: str | Path | None = None,
    reuse: Literal["pinned", "auto"] | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
    record: bool = False,
    verify: bool = False,
    only: bool = False,
    tags: Mapping[str, str] | None = None,
    progress: bool = False,
    listener: Listener | None = None,
) -> Report:
    """Runs a pipeline, as the command does, and leaves nothing behind in this process.

    Args:
        config: a file, a mapping as `tomllib` gives it, or a loaded `Config`; of several the later
            ones win.
        task: the task to run; default: the one that the config names.
        project: the project's folder. Default: that of a loaded config; else the one that the
            first file belongs to, if any; else the one that the working directory belongs to.
        reuse: in place of `[RunConfig] reuse`.
        progress: write a line to stderr when a task starts or ends.
        overrides, force, dry_run, record, verify, only, tags: as for `runner.request.Request`.

    Raises:
        RunnerError: nothing was run: the config, the graph, an input or the store is wrong. A task
            that fails raises nothing: the report's `ok` is false.
        Interrupted: Ctrl-C or another signal ended the run, which is closed; it has the `report`.
    """
    sources = sources_of(config)
    changes = asking.changes(overrides, {"RunConfig.task": task, "RunConfig.reuse": reuse})
    force = [force] if isinstance(force, str) else force
    flags = {"dry_run": dry_run, "record": record, "verify": verify, "only": only}
    asked = {"overrides": changes, "force": force, "tags": dict(tags or {}), **flags}
    return _run(sources, project, asked, _Lines(listener) if progress else listener)


def _run(
    sources: Sequence[ConfigSource],
    project: str | Path | None,
    asked: Mapping[str, Any],
    listener: Listener | None,
) -> Report:
    with isolation.isolated():
        from runner import pipeline
        from runner.request import Request

        settings = asking.settings_for(project, sources)
        files = [asking.source_of(source, settings) for source in sources]
        report = pipeline.run(Request(files, **asked), settings, listener)
    report = _redacted(report, Redactor(settings.secrets))
    if report.signum is not None:
        raise Interrupted(report.signum, report)
    return report


def sweep(  # noqa: PLR0913  each is an option of the command, or a key of [Sweep]
    config: ConfigSource | Sequence[ConfigSource] = environment.CONFIG_NAME,
    *,
    space: Mapping[str, Any] | None = None,
    metric: str | None = None,
    direction: Literal["maximize", "minimize"] | None = None,
    method: Literal["grid", "random", "tpe"] | None = None,
    trials: int | None = None,
    parallel: int | None = None,
    overrides: Overrides = (),
    task: str | None = None,
    project: str | Path | None = None,
    run_name: str | None = None,
    resume: str | None = None,
    listener: SweepListener | None = None,
) -> SweepReport:
    """Runs a config many times with other values, as ``runner sweep`` does.

    Args:
        config, overrides, task, project: as for `run`.
        space, metric, direction, method, trials, parallel: over the keys of `[Sweep]` in the
            config, which may have no such section at all.
        run_name: of the parent run.
        resume: go on with the sweep of this name or id; of the config only its store counts.

    Raises:
        RunnerError: nothing was run, or no trial has the metric. A trial that fails raises nothing.
        Interrupted: Ctrl-C or another signal ended it; it has the `report`.
    """
    section: dict[str, Any] = {"space": space, "metric": metric, "direction": direction}
    section |= {"method": method, "trials": trials, "parallel": parallel}
    given = {key: value for key, value in section.items() if value is not None}
    sources = [*sources_of(config), *([{"Sweep": given}] if given else [])]
    changes = asking.changes(overrides, {"RunConfig.task": task})
    asked = {"overrides": changes, "run_name": run_name}
    return _sweep(sources, project, asked, resume, listener)


def _sweep(
    sources: Sequence[ConfigSource],
    project: str | Path | None,
    asked: Mapping[str, Any],
    resume: str | None,
    listener: SweepListener | None,
) -> SweepReport:
    with isolation.isolated():
        from runner.request import Request
        from runner.sweeps import sweep as sweeps

        settings = asking.settings_for(project, sources)
        request = Request([asking.source_of(source, settings) for source in sources], **asked)
        if resume is None:
            report = sweeps.start(request, settings, listener)
        else:
            report = sweeps.resume(resume, request, settings, listener)
    report = report.cleaned(Redactor(settings.secrets).clean)
    if report.signum is not None:
        raise Interrupted(report.signum, report)
    return report


def load(
    uri: str,
    *,
    config: ConfigSource | Sequence[ConfigSource] = environment.CONFIG_NAME,
    project: str | Path | None = None,
) -> Any:
    """Where an output of a finished run is: ``load("runs:/latest/Trainer/model")``.

    What it holds is read by the library that wrote it. What is kept elsewhere is fetched first.

    Args:
        uri: ``runs:/<run>/<task>/<output>``; the run by its id, its name, the beginning of either,
            or as `latest`: the newest that finished.
        config: says where the runs are kept, and of which experiment `latest` speaks.
        project: as for `run`.

    Returns:
        `Path` of a file or folder, whole and with the digest that it was published with; without
        an output's name a dict of all outputs of the task.

    Raises:
        UsageError: there is no such run, task or output.
        MissingInputError: it was freed or damaged since.
    """
    sources = sources_of(config)
    with isolation.isolated():
        from runner.experiments import outputs
        from runner.experiments.records import Records

        settings = asking.settings_for(project, sources)
        records = Records([asking.source_of(source, settings) for source in sources], settings)
        return outputs.located(uri, records)


class _Lines:
    """A line for each task that starts or ends."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener

    def opened(self, context: RunContext, to_run: Sequence[str]) -> None:
        self._say(f"run {context.run_name}: {len(to_run)} to run")
        if self._listener:
            self._listener.opened(context, to_run)

    def started(self, name: str) -> None:
        self._say(f"{name} started")
        if self._listener:
            self._listener.started(name)

    def ended(self, name: str, outcome: Outcome) -> None:
        self._say(f"{name} {outcome.status}, {outcome.seconds:.1f} s")
        if self._listener:
            self._listener.ended(name, outcome)

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _redacted(report: Report, redactor: Redactor) -> Report:
    """Without secrets in what people read; paths stay as they are, or they would lead nowhere."""
    clean = redactor.clean
    tasks = (
        replace(task, reason=clean(task.reason), error=clean(task.error)) for task in report.tasks
    )
    return replace(
        report,
        tasks=tuple(tasks),
        error=clean(report.error),
        traceback=clean(report.traceback),
        notes=tuple(map(clean, report.notes)),
        resume=tuple(map(clean, report.resume)),
    )
