"""What a sweep costs beside the user's work: many configs of a trainer over one preprocessing.

    python benchmarks/sweeps.py [--times 3] [--count 20] [--parallel 1]

The floor is a plain loop without MLflow; the second contender is the same loop with a child run for
each config, which is what a sweep leaves behind. See `engines.py` on how to read it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import projects
from measuring import HEAD, Contender, in_turn, python, report

_TASKS = """
import pickle
import time

import mlflow
import numpy as np
from runner import RunTask, TaskConfig, requires
from sklearn.ensemble import GradientBoostingClassifier


class Prepare(RunTask):
    outputs = {"data": "data.npz"}

    def run(self):
        time.sleep(1)
        generator = np.random.default_rng(0)
        values = generator.normal(size=(1000, 10))
        labels = (values[:, 0] * values[:, 1] + generator.normal(size=1000) > 0).astype(int)
        np.savez(self.outputs["data"], values=values, labels=labels)


class TrainConfig(TaskConfig):
    seed: int = 0


@requires(Prepare)
class Train(RunTask):
    config: TrainConfig
    outputs = {"model": "model.pickle"}

    def run(self):
        with np.load(self.inputs["data"]) as data:
            values, labels = data["values"], data["labels"]
        seed = self.config.seed
        model = GradientBoostingClassifier(n_estimators=60, random_state=seed, subsample=0.8)
        model.fit(values[:500], labels[:500])
        self.outputs["model"].write_bytes(pickle.dumps(model))
        mlflow.log_metric("score", float(model.score(values[500:], labels[500:])))
"""
_CONFIG = """
[RunConfig]
experiment_name = "configs"
task = "Train"

[Sweep]
method = "grid"
metric = "score"
direction = "maximize"

[Sweep.space]
Train.seed = {{ low = 0, high = {last} }}
"""


def swept(folder: Path, count: int) -> Path:
    """The project."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/tasks.py").write_text(_TASKS)
    (folder / "luigi.toml").write_text(_CONFIG.format(last=count - 1))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=1)
    asked = parser.parse_args()
    script = projects.PLAIN / "configs.py"
    print(HEAD)
    with tempfile.TemporaryDirectory() as made:
        loop, tracked = (projects.plain(Path(made, name)) for name in ("loop", "tracked"))
        ours = swept(Path(made, "runner"), asked.count)
        sweep = python("-m", "runner", "sweep", "--quiet", "--parallel", str(asked.parallel))
        contenders = [
            Contender("plain loop", python(script, "loop", asked.count), loop),
            Contender("plain loop, tracked", python(script, "tracked", asked.count), tracked),
            Contender("runner sweep", sweep, ours, projects.emptied(ours)),
        ]
        in_turn(contenders, 1)  # there are stores
        report(f"{asked.count} configs over one preprocessing", in_turn(contenders, asked.times))


if __name__ == "__main__":
    main()
