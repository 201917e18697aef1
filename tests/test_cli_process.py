"""The collector of a short-lived process."""

from __future__ import annotations

from tests.conftest import Project

TASK = """
import atexit, gc, threading
from runner import RunTask
AT_IMPORT = gc.isenabled()

class Cell:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("collected")

class Look(RunTask):
    outputs = {"text": "text.txt"}
    def run(self):
        assert gc.isenabled() and not AT_IMPORT
        Cell()
        gc.collect()
        atexit.register(print, "at exit")
        threading.Timer(0.05, print, ["a thread"]).start()
        self.outputs["text"].write_text("x")
"""


def test_garbage_of_tasks_is_collected_and_the_process_ends_as_always(project: Project) -> None:
    project.pipeline(TASK, task="Look")
    done = project.run()
    for said in ("collected", "at exit", "a thread"):
        assert done.out.count(said) == 1
