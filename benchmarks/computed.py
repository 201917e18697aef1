"""Publishes every task of the project in this folder as if it had been run, for benchmarks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from runner import config as configs
from runner import luigi_parser, settings
from runner.artifacts import publish
from runner.artifacts.manifest import Maker, Manifest
from runner.context import using
from runner.planning import make_plan
from runner.project_code import ProjectTasks
from runner.task import RunTask

MAKER = Maker(run_id="0" * 32, run_name="made-up", experiment="planning", host="", user="")


def compute(task: RunTask, reuse: object) -> None:
    """Runs one task and publishes it, without waiting for the disk."""
    found = reuse.ingredients(task)
    assert found is not None
    place = task.placement.directory
    task._partial = publish.open_partial(place)
    task.run()
    partial, task._partial = task._partial, None
    outputs = task.declared_outputs()
    manifest = Manifest(
        task=task.get_task_family(),
        params=task.to_str_params(),
        config={},
        outputs=outputs,
        files=publish.collect(partial, outputs, str(task)),
        metrics={},
        seconds=0.0,
        created=datetime.now(UTC),
        made_by=MAKER,
        fingerprint=found.fingerprint,
        code=found.code.pieces,
        inputs=found.inputs,
        beside=found.beside,
    )
    publish.publish(partial, place, manifest)
    reuse.offer(place, manifest)


def main() -> None:
    publish.sync = lambda path: None
    known = settings.load()
    project = ProjectTasks(known.root)
    config = configs.load([Path("luigi.toml")], (), settings=known, tasks=project.sections)
    luigi_parser.fill(config.sections)
    plan = make_plan(config, project)
    with using(plan.context):
        for task in plan.graph.tasks.values():
            compute(task, plan.reuse)


if __name__ == "__main__":
    main()
