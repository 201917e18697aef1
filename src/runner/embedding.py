"""`runner.run` and `runner.load`: runs and their outputs, for programs and notebooks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner import isolation
from runner import settings as environment
from runner.config import Config, ConfigSource, Overrides, sources_of
from runner.errors import Interrupted, UsageError
from runner.redaction import Redactor
from runner.report import Report
from runner.settings import Settings

if TYPE_CHECKING:
    from runner.context import RunContext
    from runner.engine.outcome import Outcome
    from runner.request import Listener

_IN_RUN = re.compile(r"(/.+)/[0-9a-f]{32}/artifacts(/|$)")


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
    changes = _changes(overrides, {"RunConfig.task": task, "RunConfig.reuse": reuse})
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

        settings = _settings(project, sources)
        files = [_source(source, settings) for source in sources]
        report = pipeline.run(Request(files, **asked), settings, listener)
    report = _redacted(report, Redactor(settings.secrets))
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

        settings = _settings(project, sources)
        records = Records([_source(source, settings) for source in sources], settings)
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


def _settings(project: str | Path | None, sources: Sequence[ConfigSource]) -> Settings:
    """What the environment says, and the project's folder.

    Raises:
        UsageError: there is no such folder, or no config was given.
    """
    if not sources:
        raise UsageError("no config was given", 'name a file: runner.run("luigi.toml")')
    first = sources[0]
    if project is None and isinstance(first, Config):
        project = first.root
    if project is not None:
        root = Path(project).expanduser().resolve()
        if not root.is_dir():
            raise UsageError(f"project is {str(project)!r}: {root} is not a folder")
        return replace(environment.load(root), root=root)
    found = environment.load()
    if isinstance(first, str | Path) and "PROJECT_ROOT" not in found.origins:
        folder = _located(first, found).resolve().parent
        in_run = _IN_RUN.match(str(folder))  # whose config marks no project
        folder = Path(in_run[1]) if in_run else folder
        if environment.project_of(folder) is not None:
            return environment.load(folder)
    return found


def _source(source: ConfigSource, settings: Settings) -> ConfigSource:
    if isinstance(source, str | Path):
        return _located(source, settings)
    unwrap = getattr(source, "unwrap", None)  # a document of tomlkit's
    return unwrap() if callable(unwrap) else source


def _located(file: str | Path, settings: Settings) -> Path:
    """A file of the working directory; else of the project, like all paths."""
    path = Path(file).expanduser()
    return path.absolute() if path.exists() else settings.root / path


def _changes(overrides: Overrides, more: Mapping[str, Any]) -> Overrides:
    said = {name: value for name, value in more.items() if value is not None}
    if isinstance(overrides, Mapping):
        return {**overrides, **said}
    strings = [overrides] if isinstance(overrides, str) else overrides
    return [*strings, *(f"{name}={json.dumps(value)}" for name, value in said.items())]


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
