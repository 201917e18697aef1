"""doit's form of the trivial tasks: DOIT_COUNT of them."""

import os
from pathlib import Path

from trivial import path, write

COUNT = int(os.environ["DOIT_COUNT"])
DOIT_CONFIG = {"verbosity": 0}


def task_part():
    for number in range(COUNT):
        yield {
            "name": str(number),
            "actions": [(write, (number,))],
            "targets": [path(number)],
            "uptodate": [True],
        }


def total() -> None:
    Path("out/total.txt").write_text(str(COUNT))


def task_all():
    return {
        "actions": [total],
        "targets": ["out/total.txt"],
        "task_dep": ["part"],
        "uptodate": [True],
    }
