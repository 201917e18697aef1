"""One reproduction, top to bottom.

record -> worktree -> inputs checked -> config written -> run again -> compared -> verdict kept
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner import config as configs
from runner import signals
from runner.artifacts.copies import Copies
from runner.config import Config
from runner.errors import MissingInputError
from runner.redaction import MASK, Redactor
from runner.reproduce import record as records
from runner.reproduce.compare import compare, environment
from runner.reproduce.record import Record
from runner.reproduce.rerun import NotStarted, Rerun
from runner.reproduce.sources import Sources
from runner.reproduce.verdict import Verdict
from runner.reproduce.worktree import Repository, Worktree, checked_out
from runner.settings import Settings
from runner.signals import Signals
from runner.tracking import reaper, store
from runner.tracking.lookup import RunLookup
from runner.tracking.params import flatten
from runner.tracking.store import StoreLocation

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERDICT_NAME = "verdict.json"


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        run: id, name or the beginning of either of a run; or `latest`.
        files: config files of the project, which say where its store is.
        tolerance: relative difference up to which metrics count as the same.
        keep: leave the worktree where it is.
        quiet: the run prints errors only.
    """

    run: str
    files: list[Path]
    tolerance: float = 0.0
    keep: bool = False
    quiet: bool = False


def reproduce(asked: Asked, settings: Settings) -> Verdict:
    """Runs a run again from what it recorded, and compares.

    Raises:
        MissingInputError: the run, its commit, its patch or its config is not there.
        NotStarted: the recorded code or config can't be run.
        UsageError: the run is still running.
        Interrupted: a signal came; the run was stopped and the worktree is gone.
    """
    with signals.handled() as received:
        config = configs.load(asked.files, settings=settings)
        location = store.locate(config)
        client = store.connect(location)
        lookup = RunLookup(lambda: client, location, Copies(config.root))
        with store.errors_of(location):
            reaper.reap(client)
            run = records.find(asked.run, config.run.experiment_name, lookup)
            record = records.read(run, client, lookup)
            verdict = _Reproduction(asked, record, settings, client, location).execute(received)
        received.release()  # what came while the worktree was removed
        return verdict


class _Reproduction:
    """The parts of `reproduce` that know the run."""

    def __init__(
        self,
        asked: Asked,
        record: Record,
        settings: Settings,
        client: MlflowClient,
        location: StoreLocation,
    ) -> None:
        self._asked = asked
        self._record = record
        self._settings = settings
        self._client = client
        self._location = location
        self._lookup = RunLookup(lambda: client, location, Copies(settings.root))

    def execute(self, received: Signals) -> Verdict:
        record = self._record
        if not record.tasks:
            text = f"nothing that the run {record.shown} wrote is left, or it completed no task"
            raise MissingInputError(text, "there is nothing to compare with")
        config = configs.load([record.snapshot], settings=self._settings)
        blank = Verdict(
            run_id=record.run.run_id,
            run_name=record.run.run_name,
            commit=record.commit,
            tolerance=self._asked.tolerance,
            notes=tuple(_notes(record, config)),
            environment=tuple(environment(record)),
        )
        repository = Repository.of(self._settings.root)
        keep = self._asked.keep
        with checked_out(repository, record.commit, record.patch, received, keep=keep) as tree:
            if keep:
                note = f"the worktree is kept: {tree.top} (git worktree remove --force ends it)"
                blank = replace(blank, notes=(*blank.notes, note))
            return self._in(tree, config, blank, received)

    def _in(self, tree: Worktree, config: Config, blank: Verdict, received: Signals) -> Verdict:
        record = self._record
        rerun = Rerun(tree, self._settings, self._location)
        rerun.link_env_file()
        entries = {n: t for n, t in config.paths.items() if not _is_pin(n, t, record)}
        sources = Sources(self._settings.root, tree, entries)
        problems = tuple(sources.problems(record.tasks))
        if problems:
            return replace(blank, problems=problems)
        entries = sources.entries()
        sources.link(record.tasks)
        rerun.write_config(record, entries)
        try:
            families = rerun.families()
        except NotStarted as refused:
            if refused.exit_code != MissingInputError.exit_code:
                raise
            return replace(blank, problems=(refused.message,))
        if families.intersection(entries):
            inputs = {name: text for name, text in entries.items() if name not in families}
            rerun.write_config(record, inputs)
        code, pid = rerun.run(received, quiet=self._asked.quiet)
        return self._judged(blank, code, pid)

    def _judged(self, blank: Verdict, code: int, pid: int) -> Verdict:
        found = records.made_by(self._record.run.run_id, pid, self._lookup)
        if found is None:
            text = f"it could not be run again (exit code {code}; see what was said above)"
            return replace(blank, problems=(text,))
        now = records.read(found, self._client, self._lookup)
        compared = compare(self._record, now, self._asked.tolerance)
        problems = list(compared.problems)
        if self._record.finished and not now.finished:
            problems.insert(0, f"the new run {found.status}: {now.tags.get('runner.error', '')}")
        verdict = replace(
            blank,
            new_run_id=found.run_id,
            new_run_name=found.run_name,
            problems=tuple(problems),
            uncompared=compared.uncompared,
            outputs=compared.outputs,
            metrics=compared.metrics,
        )
        self._keep(verdict, found.artifact_dir)
        return verdict

    def _keep(self, verdict: Verdict, folder: Path) -> None:
        """On the new run: the whole verdict as an artifact, and what to search by as tags."""
        redactor = Redactor(self._settings.secrets)
        text = redactor.json(verdict.as_dict())
        (folder / VERDICT_NAME).write_text(text, encoding="utf-8")
        tags = {
            "runner.reproduced": str(verdict.reproduced).lower(),
            "runner.verdict": redactor.clean(verdict.sentence),
        }
        for name, value in tags.items():
            self._client.set_tag(verdict.new_run_id, name, value)


def _is_pin(name: str, text: str, record: Record) -> bool:
    """Whether an entry of `[PathConfig]` is the pin of a task, as far as the record tells."""
    families = {task.manifest.task for task in record.tasks}
    return name in families or name in record.run.reused or text.startswith(("run:", "runs:"))


def _notes(record: Record, config: Config) -> Iterator[str]:
    if not record.finished:
        yield f"the run {record.shown} {record.run.status}: what it completed is compared"
    unknown = [t.name for t in record.tasks if not (t.manifest.code or t.manifest.inputs)]
    if unknown:
        names = ", ".join(unknown)
        yield f"what {names} read was not recorded, so its inputs can't be checked"
    if record.packages is None:
        yield "which packages were installed was not recorded"
    for key, value in flatten(config.written):
        if MASK in value and key != "RunConfig.tracking_uri":
            yield f"{key} is recorded with {MASK} in place of a secret; say ${{NAME}} in the config"
