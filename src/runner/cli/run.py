"""``runner run``: the default command."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import click

from runner.cli import program
from runner.cli.chosen import project
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.redaction import Redactor
    from runner.report import Report
    from runner.request import Listener
    from runner.settings import Settings


@click.command(short_help="Run a task and all that it requires: the default.")
@click.argument("task", required=False)
@click.option(
    "-c",
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    help="A config file; of several the later ones win. "
    "Default: LUIGI_CONFIG_PATH, or luigi.toml in the project.",
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
    "--force",
    multiple=True,
    metavar="TASK[+]",
    help="Run this task, and with + all that requires it, whatever there is of it.",
)
@click.option("--only", is_flag=True, help="Run this task alone; what it requires must be there.")
@click.option("--pdb", is_flag=True, help="Open a debugger where a task fails.")
@click.option("--no-reuse", is_flag=True, help="Take over only what is pinned.")
@click.option("--verify", is_flag=True, help="Read every file that is reused, to be sure of it.")
@click.option("--record", is_flag=True, help="Open an MLflow run even when nothing has to run.")
@click.option("--engine", metavar="NAME", help="Where tasks run: inline, processes or dask.")
@click.option("--workers", type=click.IntRange(0), help="How many at once; 0: one a core.")
@click.option("--run-name", metavar="NAME", help="Name of the MLflow run; default: MLflow's own.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log from INFO on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(  # noqa: PLR0913, PLR0917  click hands over one argument an option
    task: str | None,
    files: tuple[str, ...],
    overrides: tuple[str, ...],
    dry_run: bool,
    force: tuple[str, ...],
    only: bool,
    pdb: bool,
    no_reuse: bool,
    verify: bool,
    record: bool,
    engine: str | None,
    workers: int | None,
    run_name: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run TASK (default: the one that the config names) and all that it requires."""
    settings, chosen = project(files)
    params = click.get_current_context().params
    changes = _changes(params)

    def start(listener: Listener) -> Report:
        from runner.pipeline import run
        from runner.request import Request

        asked = Request(chosen, changes, force, dry_run, record, verify, only=only)
        look = _post_mortem(settings) if pdb else None
        return run(replace(asked, post_mortem=look), settings, listener)

    return carry_out(start, settings, params, lambda report: program.go_on(params, report))


def _changes(params: Mapping[str, Any]) -> list[str]:
    """The options of the command as overrides of the config.

    Raises:
        UsageError: `--pdb` does not go with another option, or there is no terminal.
    """
    task, engine, workers = params["task"], params["engine"], params["workers"]
    name = params["run_name"]
    changes = list(params["overrides"])
    changes += [] if task is None else [f"RunConfig.task={as_toml(task)}"]
    changes += [] if name is None else [f"RunConfig.run_name={as_toml(name)}"]
    changes += ["RunConfig.reuse=pinned"] if params["no_reuse"] else []
    changes += [] if engine is None else [f"RunConfig.engine={as_toml(engine)}"]
    changes += [] if workers is None else [f"RunConfig.workers={workers}"]
    if params["pdb"]:
        if params["as_json"]:
            raise UsageError("--pdb and --json: choose one")
        if engine not in (None, "inline"):
            raise UsageError(f"--pdb and --engine {engine}: a debugger needs the engine inline")
        changes.append("RunConfig.engine=inline")
    return changes


def _post_mortem(settings: Settings) -> Callable[[BaseException], None]:
    from runner.cli import debugger
    from runner.redaction import Redactor

    debugger.check_input()
    return debugger.post_mortem(settings.root, Redactor(settings.secrets))


def carry_out(
    start: Callable[[Listener], Report],
    settings: Settings,
    params: Mapping[str, Any],
    resume: Callable[[Report], str],
) -> int:
    """Runs, shows it, and returns the exit code.

    Args:
        start: the run, for a listener.
        params: of the command: `quiet`, `verbose`, `as_json`, and `pdb` where it has that.
        resume: the command that goes on after a failure.
    """
    from runner.cli.debugger import noticed
    from runner.cli.display import Display
    from runner.logs import console
    from runner.redaction import Redactor

    quiet, as_json = params["quiet"], params["as_json"]
    level = "ERROR" if quiet else "INFO" if params["verbose"] else settings.log_level
    redactor = Redactor(settings.secrets)
    live = not params.get("pdb")
    display = Display(quiet=quiet or as_json, redactor=redactor, live=live)
    with document(as_json, redactor) as write:
        with display, console(display.log_line, level, redactor), noticed(display.pause):
            report = start(display)
        if as_json:  # of thousands of tasks it takes longer than to plan them
            write(report.as_dict())
    if not as_json:
        display.report(report, "" if report.ok else resume(report))
    return _exit_code(report)


@contextlib.contextmanager
def document(asked: bool, redactor: Redactor) -> Iterator[Callable[[dict[str, Any]], None]]:
    """With `--json`, the one document on stdout; of an error `runner.cli.app` makes one."""
    if not asked:
        yield lambda values: None
        return
    with _stdout_alone() as stdout:

        def write(values: dict[str, Any]) -> None:
            with contextlib.suppress(BrokenPipeError):
                stdout.write(redactor.json(values) + "\n")
                stdout.flush()

        yield write


def error_document(text: str, exit_code: int) -> dict[str, Any]:
    """What `--json` prints of a command that came to nothing."""
    return {"status": "ERROR", "exit_code": exit_code, "error": text}


def as_toml(text: str) -> str:
    """A string as TOML has it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _exit_code(report: Report) -> int:
    if report.signum is not None:
        return 128 + report.signum
    return 0 if report.ok else 1


@contextlib.contextmanager
def _stdout_alone() -> Iterator[IO[str]]:
    """The real stdout; what tasks and their child processes print goes to stderr meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    stdout = os.fdopen(os.dup(kept), "w", encoding="utf-8")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
    finally:
        with contextlib.suppress(BrokenPipeError):
            stdout.close()
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
