"""``runner ui``: the MLflow UI for the project's store."""

from __future__ import annotations

import os
import socket
import sys

import click

from runner.cli.chosen import project
from runner.errors import UsageError


@click.command(short_help="Start the MLflow UI for this project's store.")
@click.option(
    "-c",
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    help="Config files; they may name another store.",
)
@click.option(
    "--port",
    default=5000,
    show_default=True,
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="Where the UI listens.",
)
def command(files: tuple[str, ...], port: int) -> None:
    """Start the MLflow UI on 127.0.0.1 for this project's tracking store."""
    from runner import config
    from runner.tracking import store

    settings, chosen = project(files)
    location = store.locate(config.load(chosen, settings=settings))
    if location.uri.startswith("http"):
        click.echo(f"the tracking server of this project has its own page: {location.shown}")
        return
    _check_free(port)
    store.connect(location)
    click.echo(f"MLflow UI of {location.shown}: http://127.0.0.1:{port}  (Ctrl-C ends it)")
    # On the command line the database's password would be visible to every user of the machine.
    environment = {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": location.uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    server = ["-W", "ignore", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    server += ["--workers", "1", "--allowed-hosts", f"127.0.0.1:{port},localhost:{port}"]
    server += ["--default-artifact-root", location.artifact_root or "mlruns"]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *server], environment)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            text = f"port {port} of 127.0.0.1 can't be used: {error.strerror}"
            raise UsageError(text, "choose another one with --port") from None
