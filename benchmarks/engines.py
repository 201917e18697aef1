"""What a run costs beside the user's work: whole commands, against the same without the runner.

    python benchmarks/engines.py [ROW …] [--times 5] [--tasks 1000] [--most 10000]
                                 [--engine processes --workers 2]

Each command is a process of its own, timed from its start to its exit; the commands of a row are
started in turn. The table gives medians of wall and CPU seconds, and the median of the ratios to
the first command of the row, its floor, taken round by round: only ratios mean anything on a
machine that others use. Rows: demo, changed, unchanged, fan, sizes, idle, chain, memory, busy.
Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import projects
from measuring import HEAD, Contender, in_turn, installed, python, report

RUNNER = ("-m", "runner", "--quiet")
SCRIPT = projects.PLAIN / "demo.py"
TRIVIAL = projects.PLAIN / "trivial.py"
DOIT = ("-m", "doit", "-f", projects.PLAIN / "dodo.py", "--dir", ".", "--db-file", ".doit.db")


class Rows:
    """The rows of the table, each in a folder of its own."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self._folder = folder
        self._times = asked.times
        self._tasks = asked.tasks
        self._most = asked.most
        engine = [f"--engine={asked.engine}"] if asked.engine else []
        workers = [f"--workers={asked.workers}"] if asked.engine else []
        self._runner = python(*RUNNER, *engine, *workers)
        self._workers = asked.workers
        self._seeds = iter(range(10**6))

    def demo(self) -> None:
        """Nothing computed before; then in a store that does not exist yet."""
        script, luigi, ours = self._demos("demo")
        for store in (False, True):
            named = "the demo, nothing computed before" + (", no store either" if store else "")
            contenders = [
                Contender("plain script", python(SCRIPT, "script"), script, _empty(script, store)),
                Contender("luigi", python(SCRIPT, "luigi"), luigi, _empty(luigi, store)),
                Contender("runner", self._runner, ours, _empty(ours, store)),
            ]
            if not store:
                in_turn(contenders, 1)
            report(named, in_turn(contenders, self._times))

    def changed(self) -> None:
        """Another seed of the trainer each time: preprocessing is there, two tasks run."""
        script, luigi, ours = self._demos("changed")
        starts = [
            ("plain script", [*python(SCRIPT, "script"), "--seed"], script),
            ("luigi", [*python(SCRIPT, "luigi"), "--seed"], luigi),
            ("runner", [*self._runner, "-o"], ours),
        ]
        rounds = []
        for _ in range(self._times + 1):
            seed = next(self._seeds)
            rounds.append(
                in_turn(
                    [
                        Contender(name, [*words, f"Trainer.seed={seed}"], folder)
                        if name == "runner"
                        else Contender(name, [*words, str(seed)], folder)
                        for name, words, folder in starts
                    ],
                    1,
                )
            )
        merged = rounds[1]
        for found in rounds[2:]:
            for name, times in found.items():
                merged[name].wall += times.wall
                merged[name].cpu += times.cpu
        report("the demo, one parameter of the trainer changed", merged)

    def unchanged(self) -> None:
        """Nothing to do in the demo, beside what importing its modules takes."""
        _, luigi, ours = self._demos("unchanged")
        modules = "import mlflow, pandas, pydantic, skops.io, sklearn.pipeline, sklearn.impute"
        modules += ", sklearn.ensemble, sklearn.model_selection, sklearn.compose, sklearn.metrics"
        modules += ", jinja2, luigi"
        contenders = [
            Contender("the imports of the demo's modules", python("-c", modules), ours),
            Contender("luigi", python(SCRIPT, "luigi"), luigi),
            Contender("runner", self._runner, ours),
        ]
        in_turn(contenders, 1)
        report("the demo, nothing changed", in_turn(contenders, self._times))

    def fan(self) -> None:
        """Independent trivial tasks, none computed before."""
        count = self._tasks
        contenders = self._trivial("fan", "fan", count)
        report(
            f"{count:,} independent trivial tasks", in_turn(contenders, self._times), tasks=count
        )

    def sizes(self) -> None:
        """Time a task, from few tasks to many; the runner alone."""
        sizes = [n for n in (100, 1_000, 3_000, 10_000, 30_000, 100_000) if n <= self._most]
        folder = projects.trivial(self._folder / "sizes")
        for count in sizes:
            command = [*self._runner, "-o", f"All.count={count}"]
            ours = Contender("runner", command, folder, _empty(folder))
            times = min(self._times, 3 if count <= 3_000 else 1)
            report(f"{count:,} independent trivial tasks", in_turn([ours], times), tasks=count)

    def idle(self) -> None:
        """The same, nothing to do."""
        count = self._tasks
        found = self._trivial("idle", "fan", count)
        in_turn(found, 1)
        plain = [
            Contender("Python that does nothing", python("-c", "pass"), self._folder),
            Contender("import luigi", python("-c", "import luigi"), self._folder),
        ]
        again = [Contender(c.name, c.command, c.folder) for c in found]
        report(f"{count:,} tasks, nothing to do", in_turn([*again, *plain], self._times))
        one = projects.trivial(self._folder / "idle-one")
        few = [Contender("runner, 1 task and its root", self._runner, one)]
        in_turn(few, 1)
        if installed("doit"):
            few.insert(0, self._doit("idle-one-doit", 1))
            in_turn(few, 1)
            few = [Contender(c.name, c.command, c.folder) for c in few]
        report("1 task, nothing to do", in_turn([*few, *plain], self._times))

    def chain(self) -> None:
        """Each task requires the one before it."""
        count = self._tasks
        contenders = [c for c in self._trivial("chain", "chain", count) if c.name != "doit"]
        report(f"a chain of {count:,}", in_turn(contenders[1:], self._times), tasks=count)

    def memory(self) -> None:
        """The most memory that the process takes, by tasks: what one of them adds."""
        folder = projects.trivial(self._folder / "memory")
        print("memory of the whole process")
        before: tuple[int, float] | None = None
        for count in (n for n in (1_000, 3_000, 10_000, 30_000) if n <= self._most):
            command = [*self._runner, "-o", f"All.count={count}"]
            ours = Contender("runner", command, folder, _empty(folder))
            peak = in_turn([ours], 1)["runner"].peak
            added = "-"
            if before:
                added = f"{1024 * (peak - before[1]) / (count - before[0]):.2f} kB"
            print(f"    {count:>7,} tasks: {peak:7.1f} MB at most; {added} a task more", flush=True)
            before = count, peak

    def busy(self) -> None:
        """Eight tasks of a second of pure Python; on several cores where the engine has them."""
        loops, count, workers = _loops_of_a_second(), 8, self._workers
        script = projects.plain(self._folder / "busy-script")
        bare = projects.plain(self._folder / "busy-bare")
        ours = projects.trivial(self._folder / "busy-runner")
        pool = projects.PLAIN / "busy.py"
        size = (count, workers, loops)
        options = ["-o", f"All.count={count}", "-o", f"All.loops={loops}"]
        contenders = [
            Contender("plain pool, logged", python(pool, "logged", *size), script),
            Contender("plain pool, without MLflow", python(pool, "bare", *size), bare),
            Contender("runner", [*self._runner, *options], ours, _empty(ours)),
        ]
        in_turn(contenders, 1)
        report(f"{count} tasks of a second, {workers} workers", in_turn(contenders, self._times))

    def _demos(self, name: str) -> tuple[Path, Path, Path]:
        script = projects.plain(self._folder / f"{name}-script")
        luigi = projects.plain(self._folder / f"{name}-luigi")
        return script, luigi, projects.demo(self._folder / f"{name}-runner")

    def _trivial(self, name: str, form: str, count: int) -> list[Contender]:
        loop = projects.plain(self._folder / f"{name}-loop")
        luigi = projects.plain(self._folder / f"{name}-luigi")
        ours = projects.trivial(self._folder / f"{name}-runner")
        command = [*self._runner, "-o", f"All.count={count}", "-o", f"All.form={form}"]
        in_turn([Contender("runner", self._runner, ours)], 1)  # there is a store
        found = [
            Contender("plain loop", python(TRIVIAL, "loop", form, count), loop, _empty(loop)),
            Contender("luigi", python(TRIVIAL, "luigi", form, count), luigi, _empty(luigi)),
            Contender("runner", command, ours, _empty(ours)),
        ]
        if installed("doit"):
            found.insert(2, self._doit(f"{name}-doit", count))
        return found

    def _doit(self, name: str, count: int) -> Contender:
        folder = projects.plain(self._folder / name)
        command = ["env", f"DOIT_COUNT={count}", *python(*DOIT)]
        return Contender("doit", command, folder, _empty(folder))


def _empty(folder: Path, store: bool = False):
    return projects.emptied(folder, store=store)


def _loops_of_a_second() -> int:
    begun, total = time.perf_counter(), 0
    for value in range(2_000_000):
        total += value * value % 7
    return int(2_000_000 / (time.perf_counter() - begun))


ROWS = ("demo", "changed", "unchanged", "fan", "idle", "chain", "sizes", "memory", "busy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default all")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--engine", help="passed on to the runner; default what it takes itself")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    print(HEAD)
    for row in asked.rows or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            getattr(Rows(Path(folder), asked), row)()


if __name__ == "__main__":
    main()
