"""Tasks of pure Python on several cores, without the runner: a pool of `concurrent.futures`.

python busy.py logged|bare COUNT WORKERS LOOPS
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

OUT = Path("out")


def work(number: int, loops: int) -> int:
    total = 0
    for value in range(loops):
        total += value * value % 7
    (OUT / f"{number}.txt").write_text(str(total))
    return total % 1000


def main() -> None:
    form, count, workers, loops = sys.argv[1], *map(int, sys.argv[2:])
    OUT.mkdir(exist_ok=True)
    # Not by fork: MLflow leaves threads and a database connection, which no fork survives.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        pending = [pool.submit(work, number, loops) for number in range(count)]
        if form == "bare":
            print([future.result() for future in pending])
            return
        import mlflow

        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.set_experiment("busy")
        with mlflow.start_run(tags={"task": "All"}):
            mlflow.log_params({"count": count, "loops": loops})
            for number, future in enumerate(pending):
                mlflow.log_metric(f"part_{number}", future.result())
            mlflow.log_artifacts(str(OUT), "All")


if __name__ == "__main__":
    main()
