"""Projects for benchmarks: the demo, and tasks that do next to nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLAIN = Path(__file__).with_name("plain")

_TASKS = '''
"""Tasks that write a number each; a second of pure Python where `loops` says so."""

import luigi
from runner import RunTask


class Part(RunTask):
    number = luigi.IntParameter()
    form = luigi.Parameter("fan")
    loops = luigi.IntParameter(0)
    outputs = {"text": "text.txt"}

    def requires(self):
        return Part(self.number - 1, self.form) if self.form == "chain" and self.number else ()

    def run(self):
        total = self.number
        for value in range(self.loops):
            total += value * value % 7
        self.outputs["text"].write_text(str(total))
        if self.loops:
            import mlflow

            mlflow.log_metric(f"part_{self.number}", total % 1000)


class All(RunTask):
    count = luigi.IntParameter()
    form = luigi.Parameter("fan")
    loops = luigi.IntParameter(0)
    outputs = {"total": "total.txt"}

    def requires(self):
        if self.form == "chain":
            return Part(self.count - 1, self.form)
        return [Part(number, self.form, self.loops) for number in range(self.count)]

    def run(self):
        self.outputs["total"].write_text(str(self.count))
'''
_CONFIG = """
[RunConfig]
experiment_name = "benchmark"
task = "All"
reuse = "auto"

[All]
count = 1
"""


def demo(folder: Path) -> Path:
    """The demo pipeline, in a folder of its own."""
    folder.mkdir()
    shutil.copytree(ROOT / "src/tasks", folder / "src/tasks")
    shutil.copytree(ROOT / "input", folder / "input")
    shutil.copyfile(ROOT / "luigi.toml", folder / "luigi.toml")
    return folder


def trivial(folder: Path) -> Path:
    """A project of tasks that write a number each."""
    (folder / "src/tasks").mkdir(parents=True)
    (folder / "src/tasks/__init__.py").write_text(_TASKS)
    (folder / "luigi.toml").write_text(_CONFIG)
    return folder


def plain(folder: Path) -> Path:
    """A folder for a script that has nothing to do with the runner."""
    folder.mkdir()
    shutil.copytree(ROOT / "input", folder / "input")
    return folder


def emptied(folder: Path, *, store: bool = False) -> Callable[[], None]:
    """Forgets what was computed in a folder; with `store`, the runs in MLflow as well."""

    def forget() -> None:
        for name in ("mlruns", ".runner", "out"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in folder.glob(".doit.db*" if not store else "*.db*"):
            path.unlink()
        for path in folder.glob(".doit.db*"):
            path.unlink()

    return forget
