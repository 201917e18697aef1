"""Tasks that write a number each, without the runner: a loop, and luigi with one worker.

python trivial.py loop|luigi fan|chain COUNT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

OUT = Path("out")


def path(number: int) -> Path:
    return OUT / str(number) / "text.txt"


def write(number: int) -> None:
    path(number).parent.mkdir(parents=True, exist_ok=True)
    path(number).write_text(str(number))


def loop(_: str, count: int) -> None:
    for number in range(count):
        if not path(number).exists():
            write(number)


def with_luigi(form: str, count: int) -> None:
    import luigi

    class Part(luigi.Task):
        number = luigi.IntParameter()

        def requires(self) -> Any:
            return Part(self.number - 1) if form == "chain" and self.number else ()

        def output(self) -> Any:
            return luigi.LocalTarget(path(self.number))

        def run(self) -> None:
            write(self.number)

    class All(luigi.Task):
        def requires(self) -> Any:
            return [Part(number) for number in range(count)] if form == "fan" else Part(count - 1)

        def output(self) -> Any:
            return luigi.LocalTarget(OUT / "total.txt")

        def run(self) -> None:
            (OUT / "total.txt").write_text(str(count))

    sys.setrecursionlimit(100 * count + 1000)  # its summary follows a chain by recursion
    if not luigi.build([All()], local_scheduler=True, workers=1, log_level="WARNING"):
        raise SystemExit("luigi: a task failed")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    {"loop": loop, "luigi": with_luigi}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
