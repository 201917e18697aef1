"""A sweep, from its config to the best trial. Read this first.

    config -> plan -> parent run -> trials, one after another or side by side -> report

Every process that takes part does the same (`trials.py`): it takes a trial that waits, runs it as
`pipeline.run` does, and notes what became of it, until none waits. `start` opens the parent run,
`resume` goes on with one that was killed, and `join` lends a hand to one that is at work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import config as configs
from runner import pipeline, signals
from runner.config.schema import SWEEP
from runner.errors import UsageError
from runner.redaction import Redactor
from runner.request import Listener, Request, Silent
from runner.settings import Settings
from runner.sweeps import optimizer
from runner.sweeps.conductor import Conductor
from runner.sweeps.found import Found, check_name, find
from runner.sweeps.parent import Parent, open_parent, store_override
from runner.sweeps.report import SweepReport, TrialReport
from runner.sweeps.trials import SweepListener
from runner.tracking import reaper, store
from runner.tracking.lookup import SWEEP_TAG
from runner.tracking.recording import Recorder


class Quiet:
    """A listener that does nothing with what it is told."""

    def opened(self, parent: Parent, count: int, trials: Sequence[TrialReport]) -> None: ...
    def began(self, number: int, values: Mapping[str, Any]) -> Listener:
        return Silent()

    def looked(self, trials: Sequence[TrialReport]) -> None: ...


def start(
    request: Request, settings: Settings, listener: SweepListener | None = None
) -> SweepReport:
    """Runs all trials of a config's `[Sweep]`.

    Args:
        request: files, overrides and `run_name`, which is the parent run's.

    Raises:
        RunnerError: nothing was run: the config, the graph, an input or the store is wrong; or no
            trial has the metric that is compared, or the store can't be used any more.
    """
    with signals.handled():
        optimizer.check_optuna()
        plan = pipeline.plan_for(replace(request, dry_run=True), settings)
        config = plan.context.config
        if config.sweep is None:
            text = "the config has no [Sweep], which says what to try"
            raise UsageError(text, "see docs/sweeps.md for one to begin with")
        store.follow(plan.location)
        client = store.connect(plan.location)
        name = config.run.run_name or request.run_name
        check_name(name, config.run.experiment_name, client, plan.location)
        reaper.reap(client)
        recorder = Recorder(client, plan.location, Redactor(settings.secrets))
        tags, section = {SWEEP_TAG: config.sweep.method}, {SWEEP: config.written[SWEEP]}
        parent = open_parent(plan, recorder, request.run_name, tags, section)
        return Conductor(parent, settings, listener or Quiet()).to_the_end()


def resume(
    named: str,
    request: Request,
    settings: Settings,
    listener: SweepListener | None = None,
    parallel: int | None = None,
) -> SweepReport:
    """Goes on with a sweep that did not come to its end; trials that are done stay as they are.

    Args:
        named: the parent run.
        request: tells config and store.
        parallel: trials at once; default: as it was started.

    Raises:
        UsageError: there is no such sweep, or it is at work.
        RunnerError: as for `start`.
    """
    with signals.handled():
        found = find(named, request, settings)
        if found.at_work:
            text = f"the sweep {found.run.run_name} is at work at this moment"
            raise UsageError(text, f"lend it a hand with: sweep --join {found.run.run_name}")
        reaper.reap(found.client)
        parent = _parent(found, settings)
        conductor = Conductor(parent, settings, listener or Quiet(), parallel=parallel)
        if found.run.status == "FINISHED" and conductor.is_over:
            return conductor.as_it_is()
        parent.take_over()
        return conductor.to_the_end()


def join(
    named: str, request: Request, settings: Settings, listener: SweepListener | None = None
) -> SweepReport:
    """Takes trials of a sweep that another process, here or on another host, has started.

    Args:
        named: the parent run.
        request: tells config and store.

    Raises:
        UsageError: there is no such sweep.
        RunnerError: as for `start`.
    """
    with signals.handled():
        found = find(named, request, settings)
        parent = _parent(found, settings)
        return Conductor(parent, settings, listener or Quiet()).lend_a_hand()


def help_with(order: Mapping[str, Any], settings: Settings) -> None:
    """What a process of a `Crew` does.

    Args:
        order: see `Conductor.order`.
    """
    snapshot = Path(order["snapshot"])
    overrides = store_override(snapshot, order["tracking_uri"])
    config = configs.load([snapshot], overrides, settings=settings)
    location = store.locate(config)
    recorder = Recorder(store.connect(location), location, Redactor(settings.secrets))
    parent = Parent(recorder, config, order["run_id"], order["run_name"], snapshot.parent)
    limits = (order["seconds"], order["parallel"])
    Conductor(parent, settings, Quiet(), *limits).lend_a_hand()


def _parent(found: Found, settings: Settings) -> Parent:
    recorder = Recorder(found.client, found.location, Redactor(settings.secrets))
    run = found.run
    parts = (run.run_id, run.run_name, run.artifact_dir, run.store)
    return Parent(recorder, found.config, *parts)
