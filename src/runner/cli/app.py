"""The command group, and what becomes of errors."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from runner import signals
from runner.cli import process, program
from runner.errors import GraphError, ProjectCodeError, RunnerError

if TYPE_CHECKING:
    from runner.redaction import Redactor

_DEFAULT = "run"
_EPILOG = """Exit codes: 0 done, 1 a task failed, 2 usage or config, 3 pin or input missing,
4 tracking store unreachable, 130/143/129 interrupted by SIGINT/SIGTERM/SIGHUP."""
_USERS_FAULT = (ProjectCodeError, GraphError)


class _Commands(click.Group):
    """Loads a command's module when it is asked for; without a command, `run` is meant."""

    _names = program.COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._names:
            return None
        from importlib import import_module

        module = cmd_name.replace("-", "_")
        found: click.Command = import_module(f"runner.cli.{module}").command
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = [option for param in self.get_params(ctx) for option in param.opts]
        if not args or args[0] not in (*self._names, *own):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        command = self.get_command(ctx, _DEFAULT)
        records = (param.get_help_record(ctx) for param in command.params) if command else ()
        with formatter.section(f"Options of `{_DEFAULT}`, which is meant without a command"):
            formatter.write_dl([record for record in records if record is not None])


@click.group(
    cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="luigi-mlflow-runner", prog_name="runner")
def group() -> None:
    """Run the task that luigi.toml names, inside of an MLflow run; reuse what is pinned.

    Usually: runner, or runner TASK -o TASK.KEY=VALUE
    """


def main(args: list[str] | None = None) -> NoReturn:
    """Runs the command and ends the process with its exit code."""
    process.starting()
    _open_streams()
    with signals.handled():  # from the start: importing luigi and MLflow takes seconds
        code = exit_code(args)
    process.end(code)


def exit_code(args: list[str] | None) -> int:
    """Runs the command, shows what went wrong, and returns its exit code."""
    try:
        code: Any = group.main(args, prog_name="runner", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return _ended(args, error.format_message(), error.exit_code)
    except RunnerError as error:
        report_error(error)
        return _ended(args, str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:  # click makes the one of the other
        text = "interrupted before the run began"
        click.echo(f"runner: {text}", err=True)
        number = getattr(error.__cause__ or error.__context__ or error, "exit_code", 130)
        return _ended(args, text, number)
    except BrokenPipeError:  # the reader of our output has gone, as in `runner … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # a mistake of the runner: its traceback follows
        _ended(args, f"{type(error).__name__}: {error}", 1)
        raise
    return int(code or 0)


def _ended(args: list[str] | None, text: str, code: int) -> int:
    """With `--json` an error is the one document on stdout, whatever the command."""
    if "--json" in (sys.argv[1:] if args is None else args):
        from runner.cli.run import error_document

        with contextlib.suppress(BrokenPipeError):
            click.echo(_redactor().json(error_document(text, code)))
    return code


def _open_streams() -> None:
    """Makes a closed stream (``>&-``) a silent one, whose number no other file can get."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        stream = getattr(sys, name)
        if stream is None:
            stream = os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no `é` shows \xe9


def report_error(error: RunnerError) -> None:
    """One plain sentence and what to do next; a traceback where the user's own code failed."""
    from runner.cli.text import safe

    redactor = _redactor()
    cause = error.__cause__
    if isinstance(error, _USERS_FAULT) and cause is not None:
        trace = "".join(traceback.format_exception(type(cause), cause, _users_part(cause)))
        click.echo(safe(redactor.clean(trace)), err=True)
    click.echo(safe(redactor.clean(f"runner: {error}")), err=True)


def _users_part(error: BaseException) -> TracebackType | None:
    """The traceback from the first line on that is neither the runner's nor the import system's."""
    own = os.path.dirname(os.path.dirname(__file__)) + os.sep
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((own, "<frozen importlib", os.path.dirname(importlib.__file__))):
            return trace
        trace = trace.tb_next
    return None


def _redactor() -> Redactor:
    from runner import settings
    from runner.redaction import Redactor

    try:
        return Redactor(settings.load().secrets)
    except RunnerError:  # the very one that is reported
        return Redactor()
