"""Opening and closing the MLflow run of a pipeline, and all that is recorded on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.artifacts.copies import scratch
from runner.artifacts.sending import send_files
from runner.config import Config, to_toml
from runner.context import RunContext
from runner.errors import ConfigError, Problem, TrackingError
from runner.redaction import Redactor, hide_password
from runner.tracking import origins, params, reaper, roots, surroundings
from runner.tracking.store import StoreLocation, errors_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED"]

LOG_NAME = "runner.log"
SNAPSHOT_NAME = "luigi.toml"
PATCH_NAME = "git.patch"
PACKAGES_NAME = "pip-freeze.txt"
TASK_TAG = "runner.task"

_BATCH = 100  # these two are MLflow's limits
_METRICS = 900  # of a batch, in which there may be a hundred tags too


class Recorder:
    """Writes to the MLflow run of a pipeline, by its id.

    Args:
        client: MLflow's client of the store.
        location: where the store is, for messages.
        redactor: masks secrets in everything that is written.
    """

    def __init__(self, client: MlflowClient, location: StoreLocation, redactor: Redactor) -> None:
        self.client = client
        self.location = location
        self.redactor = redactor
        self._sent: set[str] = set()

    def open(
        self,
        config: Config,
        sections: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> RunContext:
        """Starts the run.

        Args:
            config: the run's config.
            sections: every value to log as a parameter, by section, `${VAR}` unexpanded.
            tags: of the run, beside those that every run has.
            name: of the run, where the config gives it none.

        Raises:
            TrackingError: the store refuses.
            ConfigError: the experiment was deleted.
        """
        git = surroundings.git_state(config.root)
        own = {**self._tags(config, git), **self._clean(tags or {})}
        with errors_of(self.location):
            run = self._created(config, own, name)
            self._params(run.info.run_id, sections)
        info = run.info
        folder = roots.artifact_dir(info.artifact_uri, info.run_id, config.root)
        store = roots.store_of(info.artifact_uri, self.location)
        try:
            self._write_own(folder, config, git)
            if store is not None:
                scratch(config.root)
                self._sent = send_files(folder, store)
        except TrackingError as error:
            self.close(info.run_id, "FAILED", {"runner.error": error.message})
            raise
        except OSError as error:
            self.close(info.run_id, "FAILED", {"runner.error": str(error)})
            text = f"the run's artifact folder {folder} can't be written: {error.strerror}"
            raise TrackingError(text, "check [RunConfig] artifact_root") from error
        return RunContext(
            config, info.run_id, info.run_name, str(info.experiment_id), folder, store=store
        )

    def log(
        self,
        run_id: str,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Adds metrics (at step 0, now) and tags to the run."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        values = [Metric(name, value, now, 0) for name, value in (metrics or {}).items()]
        pairs = [RunTag(k, v) for k, v in self._clean(tags or {}).items()]
        batches = _chunks(values, _METRICS), _chunks(pairs)
        with errors_of(self.location):
            for some, others in zip_longest(*batches, fillvalue=list[Any]()):
                self.client.log_batch(run_id, metrics=some, tags=others)

    def close(self, run_id: str, status: Status, tags: Mapping[str, str] | None = None) -> None:
        """Ends the run with its final status."""
        if tags:
            self.log(run_id, tags=tags)
        with errors_of(self.location):
            self.client.set_terminated(run_id, status=status)

    def send_rest(self, context: RunContext) -> None:
        """Sends what was written to the artifact directory since the run was opened: the log."""
        if context.store is None:
            return
        try:
            send_files(context.artifact_dir, context.store, but=self._sent)
        except (TrackingError, OSError) as error:
            _log.warning("the log of this run stays on this machine: %s", error)

    def _created(self, config: Config, tags: dict[str, str], name: str | None) -> Any:
        experiment = self._experiment(config)
        self._check_artifact_root(experiment, config)
        name = config.run.run_name or name
        return self.client.create_run(experiment.experiment_id, tags=tags, run_name=name)

    def _experiment(self, config: Config) -> Any:
        from mlflow.exceptions import MlflowException

        name = config.run.experiment_name
        found = self.client.get_experiment_by_name(name)
        if found is None:
            root = self.location.artifact_root
            remote = self.location.uri.startswith("http") and root is not None
            # A database store appends the id itself.
            place = roots.place_below(root, name) if remote and root else None
            try:
                created = self.client.create_experiment(name, artifact_location=place)
                return self.client.get_experiment(created)
            except MlflowException:
                found = self.client.get_experiment_by_name(name)  # another process was faster
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            text = f"the experiment {name!r} was deleted; restore it with `mlflow experiments "
            text += f"restore --experiment-id {found.experiment_id}`, or choose another name"
            where = config.origins.get("RunConfig.experiment_name", "config")
            raise ConfigError([Problem(where, "RunConfig.experiment_name", text)])
        return found

    def _check_artifact_root(self, experiment: Any, config: Config) -> None:
        """MLflow fixes the place of artifacts when an experiment is created."""
        place = str(experiment.artifact_location)
        roots.check_reachable(place, self.location)
        root = self.location.artifact_root
        if config.run.artifact_root and root and not roots.is_below(place, root):
            text = "the experiment %r keeps its artifacts in %s; artifact_root is for new ones"
            _log.warning(text, experiment.name, hide_password(place))

    def _tags(self, config: Config, git: surroundings.GitState | None) -> dict[str, str]:
        tags = {
            **surroundings.host_tags(),
            "runner.packages": surroundings.imported_packages(),
            "mlflow.source.name": surroundings.command_line(),
            "runner.command": surroundings.command_line(),
            TASK_TAG: config.run.task,
            reaper.PROCESS_TAG: reaper.process_tag(),
            origins.TAG: origins.told(dict(params.flatten(config.written)), config.origins),
        }
        if config.run.description:
            tags["mlflow.note.content"] = config.run.description
        if git is not None:
            tags |= {"mlflow.source.git.commit": git.commit, "runner.git.commit": git.commit}
            tags |= {"mlflow.source.git.branch": git.branch, "runner.git.branch": git.branch}
            tags["runner.git.dirty"] = str(git.dirty).lower()
        tags |= {name: str(value) for name, value in config.run.tags.items()}
        return self._clean({name: value for name, value in tags.items() if value})

    def _params(self, run_id: str, sections: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        found = params.parameters(sections, self.redactor)
        for some in _chunks(list(found.items())):
            cut = [Param(name, params.shortened(text, params.LONGEST)) for name, text in some]
            self.client.log_batch(run_id, params=cut)

    def _clean(self, tags: Mapping[str, str]) -> dict[str, str]:
        return {
            params.key(name): params.shortened(
                self.redactor.clean(hide_password(value)), params.LONGEST_TAG
            )
            for name, value in tags.items()
        }

    def _write_own(self, folder: Path, config: Config, git: surroundings.GitState | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        snapshot = to_toml(config.written)
        if self.redactor.clean(snapshot) != snapshot:
            text = "a secret stands in the config; say ${NAME}, or %s can't be run again"
            _log.warning(text, folder / SNAPSHOT_NAME)
        self._write(folder / SNAPSHOT_NAME, snapshot.encode())
        self._write(folder / PACKAGES_NAME, surroundings.packages().encode())
        if git and git.dirty:
            self._write(folder / PATCH_NAME, git.patch)

    def _write(self, path: Path, content: bytes) -> None:
        text = hide_password(content.decode(errors="surrogateescape"))
        path.write_bytes(self.redactor.clean(text).encode(errors="surrogateescape"))


def _chunks(items: list[Any], size: int = _BATCH) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
