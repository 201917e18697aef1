"""The runs that a picture is of: those named, those inside of them, those that files made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from runner.errors import UsageError
from runner.experiments import files
from runner.experiments.records import Records, RunRecord, by_start
from runner.settings import Settings
from runner.tracking.lookup import CUT_TAG
from runner.tracking.naming import PARENT_TAG

_LOOKED_AT = 1000  # of the newest runs, for the one that a config file made
_TASK = "RunConfig.task"


def select(
    asked: Sequence[str],
    metrics: Sequence[str],
    records: Records,
    settings: Settings,
    *,
    children: bool = False,
) -> list[RunRecord]:
    """The runs that are asked for, each once.

    Args:
        asked: ids, names, `latest` and so on; or config files, each of which stands for the newest
            finished run with the same parameters.
        metrics: a run without any of them stands for the runs inside of it.
        children: every run stands for those inside of it.

    Raises:
        UsageError: there is no such run.
        ConfigError, ProjectCodeError, GraphError: a file is no config of this project.
    """
    names = [_made_by(name, records, settings) if files.is_file(name) else name for name in asked]
    found: dict[str, RunRecord] = {}
    for run in records.named(names):
        inside = [] if run.metrics.keys() & set(metrics) and not children else _inside(run, records)
        if children and not inside:
            raise UsageError(f"there are no runs inside of {run.shown}", "leave out --children")
        found |= {one.run.run_id: one for one in inside or [run]}
    return list(found.values())


def _inside(run: RunRecord, records: Records) -> list[RunRecord]:
    found = records.names.search(f"tags.`{PARENT_TAG}` = '{run.run.run_id}'")
    return by_start(records.record(one) for one in found if CUT_TAG not in one.data.tags)


def _made_by(file: str, records: Records, settings: Settings) -> str:
    """The id of the newest finished run that was told what a file says."""
    told = dict(_told(files.parameters(files.located(file, settings), settings)))
    if not records.is_new:
        runs = records.names.search("attributes.status = 'FINISHED'", page=100)
        for run in islice(runs, _LOOKED_AT):
            params = run.data.params
            if params.get(_TASK) == told.get(_TASK) and dict(_told(params)) == told:
                return str(run.info.run_id)
    text = f"{file} has no metrics: no finished run has these parameters"
    raise UsageError(text, f"run it first: python -m runner -c {file}")


def _told(params: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Without what says only where and how to run."""
    for key, value in params.items():
        if key == _TASK or not key.startswith("RunConfig."):
            yield key, value
