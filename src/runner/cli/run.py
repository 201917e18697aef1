"""``runner run``: the default command."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runner.report import Report


@click.command()
@click.argument("task", required=False)
@click.option(
    "-c",
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    help="A config file; later ones win. Default: LUIGI_CONFIG_PATH, or luigi.toml in the project.",
)
@click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="TASK.KEY=VALUE",
    help="One value over the config, in TOML syntax; a bare word is a string.",
)
@click.option("--dry-run", is_flag=True, help="Show what would run, and why; write nothing.")
@click.option(
    "--force", multiple=True, metavar="TASK", help="Run this task even when it is pinned."
)
@click.option("--run-name", metavar="NAME", help="Name of the MLflow run; default: MLflow's own.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log from INFO on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(
    task: str | None,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    dry_run: bool,
    force: tuple[str, ...],
    run_name: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run TASK (default: the one that the config names) and all that it requires."""
    from runner import settings as environment
    from runner.cli.display import Display
    from runner.logs import console
    from runner.redaction import Redactor

    chosen = [Path(file).absolute() for file in files]
    settings = environment.load(config=chosen[0] if chosen else None)
    changes = list(overrides)
    changes += [f"RunConfig.task={json.dumps(task)}"] if task else []
    changes += [f"RunConfig.run_name={json.dumps(run_name)}"] if run_name else []
    chosen = chosen or [settings.config_path or settings.root / environment.CONFIG_NAME]
    level = "ERROR" if quiet else "INFO" if verbose else settings.log_level
    redactor = Redactor(settings.secrets)
    display = Display(quiet=quiet or as_json)
    with _stdout_for_the_document(as_json) as document:
        with display, console(display.log_line, level, redactor):
            from runner.pipeline import Request, run

            report = run(Request(chosen, changes, force, dry_run), settings, display)
        if as_json:
            document.write(json.dumps(report.as_dict(), default=str) + "\n")
        else:
            display.report(report, redactor.clean(_resume_command(report)))
    return _exit_code(report)


def _exit_code(report: Report) -> int:
    if report.signum is not None:
        return 128 + report.signum
    return 0 if report.ok else 1


def _resume_command(report: Report) -> str:
    """The same command with pins to all that the run completed."""
    program = "python -m runner" if sys.argv[0].endswith("__main__.py") else "runner"
    pins = [word for pin in report.resume for word in ("-o", pin)]
    return " ".join([program, *map(shlex.quote, [*sys.argv[1:], *pins])])


@contextlib.contextmanager
def _stdout_for_the_document(alone: bool) -> Iterator[click.utils.LazyFile | object]:
    """With `--json`, what tasks and their child processes print goes to stderr."""
    if not alone:
        yield sys.stdout
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as document:
            yield document
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
