"""How long a plan takes when everything can be reused: 100 to 10,000 tasks.

    python benchmarks/planning.py [--most 10000]

For each size, a project is made in a temporary folder, in which every task was computed before.
Then two commands are timed in turn, each as a process of its own: ``python -m runner --dry-run``,
and a plain luigi program that makes the same tasks and asks each whether it is complete. The
table gives seconds (the best of three) and their ratio; only ratios mean anything on a machine
that others use.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASKS = """
import luigi
from runner import RunTask

class Part(RunTask):
    number = luigi.IntParameter()
    outputs = {"text": "text.txt"}

    def run(self) -> None:
        self.outputs["text"].write_text(str(self.number))

class All(RunTask):
    count = luigi.IntParameter()
    outputs = {"total": "total.txt"}

    def requires(self):
        return [Part(number) for number in range(self.count)]

    def run(self) -> None:
        self.outputs["total"].write_text(str(self.count))
"""
CONFIG = """
[RunConfig]
experiment_name = "planning"
task = "All"
reuse = "auto"

[All]
count = {count}
"""
PLAIN = """
import luigi

class Part(luigi.Task):
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"plain/{self.number}/text.txt")

class All(luigi.Task):
    count = luigi.IntParameter()

    def requires(self):
        return [Part(number) for number in range(self.count)]

    def output(self):
        return luigi.LocalTarget("plain/total.txt")

root = All(COUNT)
assert all(task.complete() for task in root.deps()) and root.complete()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=10_000)
    most = parser.parse_args().most
    print(f"{'tasks':>6} {'runner':>9} {'plain luigi':>12} {'ratio':>7}")
    for count in (n for n in (100, 1_000, 3_000, 10_000) if n <= most):
        with tempfile.TemporaryDirectory() as folder:
            ours, plain = measured(Path(folder), count)
        print(f"{count:>6} {ours:>7.2f} s {plain:>10.2f} s {ours / plain:>7.2f}")


def measured(folder: Path, count: int) -> tuple[float, float]:
    """Seconds of both commands, the best of three each, in turn."""
    make(folder, count)
    runner = [sys.executable, "-m", "runner", "--dry-run", "--quiet"]
    luigi = [sys.executable, "-c", PLAIN.replace("COUNT", str(count))]
    times = [(timed(runner, folder), timed(luigi, folder)) for _ in range(3)]
    return min(ours for ours, _ in times), min(plain for _, plain in times)


def timed(command: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    return time.perf_counter() - begun


def make(folder: Path, count: int) -> None:
    """A project in which every task is computed, without the time that luigi takes to run it."""
    (folder / "src/tasks").mkdir(parents=True)
    (folder / "src/tasks/__init__.py").write_text(TASKS)
    (folder / "luigi.toml").write_text(CONFIG.format(count=count))
    for number in range(count):
        path = folder / "plain" / str(number) / "text.txt"
        path.parent.mkdir(parents=True)
        path.write_text(str(number))
    (folder / "plain/total.txt").write_text(str(count))
    subprocess.run(
        [sys.executable, Path(__file__).with_name("computed.py")], cwd=folder, check=True
    )


if __name__ == "__main__":
    main()
