"""``runner ui``: the MLflow UI for the project's store."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from runner.cli.chosen import project
from runner.cli.run import document
from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.tracking.store import StoreLocation


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else.")
def command(files: tuple[str, ...], port: int, as_json: bool) -> None:
    """Start the MLflow UI on 127.0.0.1 for this project's tracking store."""
    from runner.redaction import Redactor

    settings, chosen = project(files)
    with document(as_json, Redactor(settings.secrets)) as write:
        from runner import config
        from runner.tracking import store

        location = store.locate(config.load(chosen, settings=settings))
        url = f"http://127.0.0.1:{port}"
        if location.uri.startswith("http"):
            said = f"the tracking server of this project has its own page: {location.shown}"
            url = location.shown
        else:
            _check_free(port)
            store.connect(location)
            said = f"MLflow UI of {location.shown}: {url}  (Ctrl-C ends it)"
        write({"url": url, "tracking_uri": location.shown})
        if not as_json:
            click.echo(said)
        if not location.uri.startswith("http"):
            _become_server(location, port)  # what it prints goes where stdout leads by now


def _become_server(location: StoreLocation, port: int) -> NoReturn:
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
