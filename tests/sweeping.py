"""A project whose [Sweep] tries values of one task, above another that no swept key reaches."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Project

#: `Prepare` and `Train` add a line to ran.txt; `Train` fails, logs and waits as the config says.
TASKS = """
import json, os, time
from pathlib import Path
from typing import Any
import mlflow
from runner import RunTask, TaskConfig, requires

RAN = Path(__file__).parents[2] / "ran.txt"

def ran(what):
    file = os.open(RAN, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{what}\\n".encode())
    os.close(file)

class Prepare(RunTask):
    outputs = {"data": "data.txt"}

    def run(self):
        ran("Prepare")
        self.outputs["data"].write_text("3")

class TrainConfig(TaskConfig):
    x: float = 0.0
    seed: int = 0
    shape: Any = None
    epochs: int = 0
    seconds: float = 0.0
    bad: float | None = None

@requires(Prepare)
class Train(RunTask):
    config: TrainConfig
    outputs = {"model": "model.txt"}

    def run(self):
        ran(f"Train {self.config.x} {self.config.seed}")
        if self.config.x == self.config.bad:
            raise ValueError("a bad value")
        for epoch in range(self.config.epochs):
            mlflow.log_metric("loss", self.config.x / (epoch + 1), step=epoch)
        time.sleep(self.config.seconds)
        self.outputs["model"].write_text(json.dumps(self.config.x))
        mlflow.log_metric("score", self.config.x)
        if self.config.x == 0.25:
            mlflow.log_metric("rare", 1)
"""

SWEEP = """
[Sweep]
method = "grid"
metric = "score"
direction = "maximize"

[Sweep.space]
Train.x = [0.25, 0.5, 0.75]
"""


def sweeping(project: Project, sweep: str = SWEEP, config: str = "") -> None:
    """Writes the project."""
    project.pipeline(TASKS, task="Train", config=f"{config}\n{sweep}")


def sweep(project: Project, *args: str, code: int = 0) -> dict[str, Any]:
    """Runs ``runner sweep --json`` in this process, and returns what it says."""
    found: dict[str, Any] = json.loads(project.command("sweep", "--json", *args, code=code).out)
    return found


def ran(project: Project) -> list[str]:
    """What the tasks of all runs have said, in any order."""
    return sorted((project.root / "ran.txt").read_text().splitlines())
