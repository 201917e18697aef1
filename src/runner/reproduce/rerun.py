"""Runs a recorded config again in a worktree, as a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runner import settings as environment
from runner.config import to_toml
from runner.config.schema import PATHS, RUN
from runner.errors import Interrupted, RunnerError
from runner.reproduce.record import REPRODUCES_TAG, Record
from runner.reproduce.worktree import Worktree, unbound
from runner.settings import Settings
from runner.signals import Signals
from runner.tracking.store import StoreLocation

_PATIENCE = 60.0  # seconds that a run has to end in order once it is asked to


class NotStarted(RunnerError):
    """The run can't be begun again.

    Args:
        message: what the runner said.
        code: the exit code that it ended with.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


@dataclass(frozen=True)
class Rerun:
    """A run of the recorded config in a worktree.

    Attributes:
        tree: the worktree.
        settings: what the environment of the original project says.
        location: the store that the new run goes to.
    """

    tree: Worktree
    settings: Settings
    location: StoreLocation

    @property
    def config(self) -> Path:
        return self.tree.folder / environment.CONFIG_NAME

    def write_config(self, record: Record, entries: Mapping[str, str]) -> None:
        """Writes the recorded config, with its outputs and inputs where they are now.

        Args:
            entries: the named inputs; what else `[PathConfig]` has are pins, and goes.
        """
        document = tomllib.loads(record.snapshot.read_text(encoding="utf-8"))
        run = document[RUN]
        for key in ("tracking_uri", "artifact_root"):  # the environment says them
            run.pop(key, None)
        if run.get("engine") != "processes":  # a cluster may be gone; what tasks make is the same
            run.pop("engine", None)
        name = "".join(c if c.isprintable() else "_" for c in record.run.run_name)
        run |= {"experiment_name": record.experiment, "run_name": f"reproduce-{name}"}
        run["tags"] = {**run.get("tags", {}), REPRODUCES_TAG: record.run.run_id}
        document[PATHS] = {name: text.replace("${", "$${") for name, text in entries.items()}
        self.config.write_text(to_toml(document), encoding="utf-8")

    def families(self) -> set[str]:
        """The tasks of the run, after a check that it can begin: nothing is written.

        Raises:
            NotStarted: it can't.
        """
        command = [*self._command(), "--dry-run", "--json"]
        done = subprocess.run(command, **self._popen(), capture_output=True, check=False)
        try:
            told = json.loads(done.stdout)
        except ValueError:
            told = {}
        if done.returncode:
            said = done.stderr.strip().removeprefix("runner: ") or "it said nothing"
            raise NotStarted(told.get("error", said), done.returncode)
        return {task["name"].partition("(")[0] for task in told["tasks"]}

    def run(self, received: Signals, *, quiet: bool) -> tuple[int, int]:
        """Runs everything; what it prints goes to stderr.

        Returns:
            The exit code, and the number of the process.

        Raises:
            Interrupted: a signal came; it was passed on, and the run has ended.
        """
        command = [*self._command(), *(["--quiet"] if quiet else [])]
        # In a group of its own, or a Ctrl-C would reach the run twice, the second time in its end.
        with subprocess.Popen(command, **self._popen(), stdout=2, process_group=0) as process:
            try:
                return process.wait(), process.pid
            except Interrupted as interrupted:
                received.hold()
                process.send_signal(interrupted.signum)
                try:
                    process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise

    def link_env_file(self) -> None:
        """Lets the run find `.env`, which git does not have, as secrets that are not copied."""
        file = self.settings.env_file
        if file is None:
            return
        there = self.tree.mapped(file)
        place = self.tree.project / ".env"
        if (there is None or not there.exists()) and not place.exists():
            place.symlink_to(file)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "runner", "run", "-c", str(self.config), "--no-reuse"]

    def _popen(self) -> dict[str, Any]:
        return {
            "cwd": self.tree.project,
            "env": self._environment(),
            "stdin": subprocess.DEVNULL,
            "text": True,
        }

    def _environment(self) -> dict[str, str]:
        values = unbound(environment.started_with())
        for name in ("LUIGI_CONFIG_PATH", "RUNNER_ARTIFACT_ROOT"):
            values.pop(name, None)
        # On the command line a password in the address would be visible to every user.
        values["MLFLOW_TRACKING_URI"] = self.location.uri
        if self.location.artifact_root is not None:
            values["RUNNER_ARTIFACT_ROOT"] = unquote(self.location.artifact_root)
        values["PROJECT_ROOT"] = str(self.tree.project)
        values["PYTHONPATH"] = os.pathsep.join(_python_path(self.tree, values))
        return values


def _python_path(tree: Worktree, values: Mapping[str, str]) -> Iterable[str]:
    """Folders of the checkout in which Python finds code, as they are in the worktree.

    The project's own folders come first in any case; these are for others beside it. The runner
    itself stays the one that is installed, also where the project is the runner's own checkout.
    """
    given = [entry for entry in values.get("PYTHONPATH", "").split(os.pathsep) if entry]
    moved = {}
    for folder in [*map(Path, given), *_installed_from_folders(), *map(Path, sys.path[1:])]:
        there = tree.mapped(folder.absolute())
        if there is not None and there.is_dir() and not (there / "runner/__init__.py").exists():
            moved[str(folder)] = str(there)
    return dict.fromkeys([*moved.values(), *(entry for entry in given if entry not in moved)])


def _installed_from_folders() -> Iterator[Path]:
    """Folders that packages were installed from as editable."""
    for found in importlib.metadata.distributions():
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            folder = Path(unquote(urlsplit(origin["url"]).path))
            yield from (folder / "src", folder)
