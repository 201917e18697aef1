"""The same pipeline in every engine: inline, worker processes, a Dask cluster, any executor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import FIXTURE, end, worker
from tests.conftest import Project
from tests.test_signals import wait_for

cluster = FIXTURE

ENGINES = ("inline", "processes", "dask", "tasks.executors.pool", "tasks.executors.threads")

TASKS = """
import logging, os, time
from pathlib import Path
import luigi
from runner import RunTask, TaskConfig, requires

class PartConfig(TaskConfig):
    word: str = "letter"

class Part(RunTask):
    number = luigi.IntParameter()
    config: PartConfig
    outputs = {"text": "text.txt"}

    def run(self):
        logging.getLogger("mine").warning("part %d", self.number)
        self.outputs["text"].write_text(f"{self.config.word} {self.number} {os.getpid()}")

class All(RunTask):
    outputs = {"text": "text.txt"}

    def requires(self):
        return [Part(number=number) for number in range(6)]

    def run(self):
        texts = [Path(one["text"].path).read_text() for one in self.input()]
        self.outputs["text"].write_text("\\n".join(texts))

class Group(luigi.WrapperTask):
    def requires(self):
        return [Part(number=number) for number in range(3)]

class Plain(luigi.Task):
    def output(self):
        return luigi.LocalTarget("plain.txt")

    def run(self):
        Path("plain.txt").write_text(str(os.getpid()))

@requires(Plain, Group)
class Through(RunTask):
    outputs = {"text": "text.txt"}

    def run(self):
        parts = self.requires()[1].requires()
        texts = [Path(self.input()[0].path).read_text()]
        texts += [part.outputs["text"].read_text() for part in parts]
        self.outputs["text"].write_text("\\n".join(texts))

class Everything(luigi.WrapperTask):
    def requires(self):
        return All(), Through()

class Fails(RunTask):
    outputs = {"text": "text.txt"}

    def run(self):
        self.outputs["text"].write_text("half")
        raise Odd("what it is", code=7)

class Odd(Exception):  # pickle can't make it again
    def __init__(self, text, *, code):
        super().__init__(text)

class Never(RunTask):
    def requires(self):
        return [Fails(), Part(number=0)]

class Flaky(RunTask):
    retries = 2
    outputs = {"text": "text.txt"}

    def run(self):
        with open("tries.txt", "a") as file:
            file.write("x")
        if len(Path("tries.txt").read_text()) < 3:
            raise OSError("not yet")
        self.outputs["text"].write_text("at last")

class Slow(RunTask):
    timeout = 0.2

    def run(self):
        time.sleep(100)

class Swallows(RunTask):
    timeout = 0.2

    def run(self):
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            try:
                time.sleep(1)
            except Exception:
                pass
"""

#: Apart from the others: worker processes import MLflow, for seconds, where a project names it.
GROWS = """
from pathlib import Path
from runner import RunTask
from tasks import Part

class Grows(RunTask):
    outputs = {"text": "text.txt"}

    def run(self):
        import mlflow

        mlflow.log_metric("start", 1)
        first = yield [Part(number=1), Part(number=2)]
        mlflow.log_metric("middle", 2)
        mlflow.log_metric("middle", 3)
        second = yield Part(number=3)
        mlflow.log_metric("end", 3)
        paths = [first[0]["text"], first[1]["text"], second["text"]]
        texts = [Path(one.path).read_text().split()[1] for one in paths]
        self.outputs["text"].write_text(" ".join(texts))
"""

EXECUTORS = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

def pool():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))

def threads():
    return ThreadPoolExecutor(2)

def number():
    return 7
"""


@pytest.fixture
def pipeline(project: Project) -> Project:
    project.pipeline(TASKS, task="All", config="workers = 2\n")
    project.write("src/tasks/executors.py", EXECUTORS)
    return project


def text(project: Project, run: Any, task: str) -> str:
    return Path(run["artifact_dir"], task, "text.txt").read_text()


def run_in(project: Project, engine: str, task: str, *args: str, code: int = 0) -> dict[str, Any]:
    done = project.command(task, "--engine", engine, *args, "--json", code=code)
    document: dict[str, Any] = json.loads(done.out)
    return document | {"log": done.err}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pipeline_with_groups_and_plain_tasks(pipeline: Project, engine: str) -> None:
    run = run_in(pipeline, engine, "Everything", "-o", "Part.word=wort")
    lines = [line.split() for line in text(pipeline, run, "All").splitlines()]
    assert [line[:2] for line in lines] == [["wort", str(n)] for n in range(6)]
    assert len({line[2] for line in lines}) <= (1 if engine in ("inline", ENGINES[-1]) else 2)
    for number in range(6):
        assert run["log"].count(f"part {number}") == 1
    assert "part 5" in Path(run["artifact_dir"], "runner.log").read_text()
    assert not list(Path(run["artifact_dir"]).glob(".*"))
    _, *parts = text(pipeline, run, "Through").splitlines()
    assert parts == [" ".join(line) for line in lines[:3]]


@pytest.mark.parametrize("engine", ENGINES[:4])
def test_dynamic_requirements_log_once(pipeline: Project, engine: str) -> None:
    pipeline.write("src/tasks/grows.py", GROWS)
    run = run_in(pipeline, engine, "Grows")
    assert text(pipeline, run, "Grows") == "1 2 3"
    client = pipeline.client
    for name, count in {"start": 1, "middle": 2, "end": 1}.items():
        assert len(client.get_metric_history(run["run_id"], name)) == count
    assert len(pipeline.runs()) == 1


ASKS = """
import luigi
from runner import RunTask, TaskConfig

class WordConfig(TaskConfig):
    text: str = "one"

class Word(RunTask):
    config: WordConfig
    outputs = {"text": "text.txt"}
    priority = 9  # it is complete when it is yielded

    def run(self):
        self.outputs["text"].write_text(self.config.text)

class Other(Word):
    config: WordConfig

class Asks(RunTask):
    outputs = {"text": "text.txt"}

    def run(self):
        from pathlib import Path

        first = yield Word()
        second = yield Other()
        texts = [Path(one["text"].path).read_text() for one in (first, second)]
        self.outputs["text"].write_text(" ".join(texts))

class Both(luigi.WrapperTask):
    def requires(self):
        return [Word(), Asks()]
"""


@pytest.mark.parametrize("engine", ENGINES[:3])
def test_what_was_yielded_counts_later(project: Project, engine: str) -> None:
    """Also what was complete already when it was yielded, and what an earlier start yielded."""
    project.pipeline(ASKS, task="Both", config='reuse = "auto"\nworkers = 1\n')
    first = run_in(project, engine, "Both")
    assert text(project, first, "Asks") == "one one"
    manifest = json.loads(Path(first["artifact_dir"], "Asks/manifest.json").read_text())
    assert [record["task"] for record in manifest["dynamic"]] == ["Word", "Other"]
    assert run_in(project, engine, "Both")["status"] == "UNCHANGED"
    for changed, found in {"Word.text=two": "two one", "Other.text=two": "one two"}.items():
        assert text(project, run_in(project, engine, "Both", "-o", changed), "Asks") == found


@pytest.mark.parametrize("engine", ENGINES[:3])
def test_a_failure_names_the_users_lines_and_lets_the_rest_go_on(
    pipeline: Project, engine: str
) -> None:
    done = pipeline.command("Never", "--engine", engine, "--workers", "1", code=1)
    assert "Odd: what it is" in done.out and 'raise Odd("what it is", code=7)' in done.err
    assert "answering.py" not in done.err and "execution.py" not in done.err
    assert "Fails left unfinished files in " in done.out
    (run,) = pipeline.runs()
    assert run.info.status == "FAILED" and run.data.tags["runner.failed_task"] == "Fails"
    assert Path(run.info.artifact_uri, "Part/manifest.json").exists()


@pytest.mark.parametrize("engine", ENGINES[:3])
def test_retries(pipeline: Project, engine: str) -> None:
    run = run_in(pipeline, engine, "Flaky")
    assert text(pipeline, run, "Flaky") == "at last"
    assert (pipeline.root / "tries.txt").read_text() == "xxx"
    assert "Flaky() failed, 1 more: OSError: not yet" in run["log"]


@pytest.mark.parametrize("engine", ENGINES[:3])
def test_a_timeout(pipeline: Project, engine: str) -> None:
    run = run_in(pipeline, engine, "Slow", code=1)
    assert "Slow took longer than its timeout of 0.2 s and was stopped" in run["error"]


def test_a_task_that_will_not_stop_is_stopped_with_its_process(
    pipeline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.engine.slot._GRACE", 2.0)
    run = run_in(pipeline, "processes", "Swallows", code=1)
    assert "Swallows took longer than its timeout of 0.2 s and was stopped" in run["error"]


LOGGING = """
import luigi
from runner import RunTask

class Fit(RunTask):
    number = luigi.IntParameter()
    outputs = {"text": "text.txt"}

    def run(self):
        import mlflow
        from sklearn.linear_model import LinearRegression

        mlflow.log_metric("one", self.number)
        mlflow.log_metrics({"two": 1, "three": 2}, step=self.number)
        mlflow.log_param(f"param{self.number}", self.number)
        mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
        LinearRegression().fit([[0], [1], [2]], [0, 1, self.number])
        self.outputs["text"].write_text(mlflow.active_run().info.run_id)

class Quiet(RunTask):
    outputs = {"text": "text.txt"}

    def requires(self):
        return [Fit(number=number) for number in range(20)]

    def run(self):
        from sklearn.linear_model import LinearRegression

        LinearRegression(positive=True).fit([[0], [1]], [0, 1])  # autologging is a task's own
        self.outputs["text"].write_text("x")
"""


@pytest.mark.parametrize("engine", ENGINES[:3])
def test_logging_is_exact(project: Project, engine: str) -> None:
    project.pipeline(LOGGING, task="Quiet", config="workers = 2\n")
    document = run_in(project, engine, "Quiet")
    (run,) = project.runs()
    assert run.info.run_id == document["run_id"] and run.info.status == "FINISHED"
    history = {
        name: len(project.client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }
    trained = {name: n for name, n in history.items() if name.startswith("training_")}
    assert {n: c for n, c in history.items() if n not in trained} == dict.fromkeys(
        ("one", "two", "three"), 20
    )
    assert len(trained) >= 4 and set(trained.values()) == {20}
    assert {f"param{n}" for n in range(20)} <= run.data.params.keys()
    assert run.data.params["positive"] == "False"
    for part in Path(document["artifact_dir"]).glob("Fit_*/text.txt"):
        assert part.read_text() == run.info.run_id


DIES = """
import os, signal, subprocess, sys, time
from pathlib import Path
import luigi
from runner import RunTask

class Dies(RunTask):
    def run(self):
        os.kill(os.getpid(), signal.SIGKILL)

class Crashes(RunTask):
    def run(self):
        os.kill(os.getpid(), signal.SIGSEGV)

class Leaves(RunTask):
    def run(self):
        os._exit(3)

class Part(RunTask):
    number = luigi.IntParameter()
    outputs = {"text": "text.txt"}
    def run(self):
        self.outputs["text"].write_text("x")

class All(RunTask):
    def requires(self):
        return [Dies(), Crashes(), Leaves(), *(Part(number=n) for n in range(4))]

class Waits(RunTask):
    outputs = {"text": "text.txt"}
    def run(self):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        Path("pids.tmp").write_text(f"{os.getpid()} {child.pid}")
        Path("pids.tmp").rename("pids")
        time.sleep(300)
"""


def test_a_dead_worker_fails_its_task_and_the_pool_goes_on(project: Project) -> None:
    project.pipeline(DIES, task="All", config="workers = 2\n")
    done = run_in(project, "processes", "All", code=1)
    said = {task["name"]: (task["status"], task["error"]) for task in done["tasks"]}
    assert "killed (SIGKILL)" in said["Dies"][1] and "memory" in said["Dies"][1]
    assert "crashed (SIGSEGV)" in said["Crashes"][1]
    assert "ended with exit code 3" in said["Leaves"][1]
    for number in range(4):
        assert said[f"Part(number={number})"][0] == "ran"
    assert said["All"][0] == "not run"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("signum", "engine"),
    [
        (signal.SIGINT, "processes"),
        (signal.SIGTERM, "processes"),
        (signal.SIGKILL, "processes"),
        (signal.SIGTERM, "dask"),
        (signal.SIGKILL, "dask"),
    ],
)
def test_nothing_is_orphaned(project: Project, signum: int, engine: str) -> None:
    project.pipeline(DIES, task="Waits", config="workers = 2\n")
    process = project.fork("--engine", engine)
    wait_for(project.root / "pids", process)
    pids = [int(pid) for pid in (project.root / "pids").read_text().split()]
    process.send_signal(signum)
    out, _ = process.communicate(timeout=30)
    if signum != signal.SIGKILL:
        assert "stopped" in out and "memory" not in out
    assert process.returncode == (128 + signum if signum != signal.SIGKILL else -signum)
    waiting = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    try:
        while any(alive(pid) for pid in pids):
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(0.02)
    finally:
        waiting.kill()
        waiting.wait()
    (run,) = project.runs()
    assert run.info.status == ("KILLED" if signum != signal.SIGKILL else "RUNNING")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("procesess", "did you mean 'processes'"),
        ("tasks.executors.nobody", "can't be called without arguments"),
        ("tasks.executors.number", "gives a int, and not a concurrent.futures.Executor"),
    ],
)
def test_no_engine(pipeline: Project, value: str, said: str) -> None:
    done = pipeline.command("--engine", value, code=2)
    assert said in done.err and "Traceback" not in done.err
    assert pipeline.runs() == []


def test_blas_gets_the_cores_that_are_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
    import os
    from runner import RunTask
    class Look(RunTask):
        outputs = {"text": "text.txt"}
        def run(self):
            names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            self.outputs["text"].write_text(" ".join(os.environ[name] for name in names))
    """
    project.pipeline(code, task="Look")
    cores = len(os.sched_getaffinity(0))
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    run = run_in(project, "processes", "Look")
    each = str(max(cores // cores, 1))
    assert text(project, run, "Look") == f"{each} {each} 7"
    run = run_in(project, "processes", "Look", "--workers", "1")
    assert text(project, run, "Look").split()[0] == str(cores)


KILLED = """
import os, time
from pathlib import Path
import luigi
from runner import RunTask

class Part(RunTask):
    number = luigi.IntParameter()
    outputs = {"text": "text.txt"}
    def run(self):
        import mlflow
        self.outputs["text"].write_text("half")
        place = Path(__file__).parents[2]
        with open(place / f"tries{self.number}", "a") as file:
            file.write("x")
        (place / "parent.tmp").write_text(f"{os.getppid()}")
        (place / "parent.tmp").rename(place / "parent")
        while not (place / "go").exists():
            time.sleep(0.02)
        self.outputs["text"].write_text("whole")
        mlflow.log_metric(f"done{self.number}", 1)

class All(RunTask):
    outputs = {"text": "text.txt"}
    resources = {"MEMORY": 1}
    def requires(self):
        return [Part(number=n) for n in range(3)]
    def run(self):
        texts = [Path(one["text"].path).read_text() for one in self.input()]
        self.outputs["text"].write_text("".join(texts))
"""


def test_a_dask_worker_that_is_killed_loses_nothing(
    project: Project, cluster: str, tmp_path: Path
) -> None:
    project.pipeline(KILLED, task="All", config='engine = "dask"\n')
    first = worker(tmp_path / "first", cluster)
    process = project.fork("-o", f"RunConfig.engine_address={cluster}", "--json", "--workers", "2")
    wait_for(project.root / "parent", process)
    assert int((project.root / "parent").read_text()) == first.pid
    first.kill()
    first.wait(30)
    (project.root / "go").touch()
    second = worker(tmp_path / "second", cluster, "--resources", "MEMORY=1")
    try:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        run = json.loads(out)
        assert text(project, run, "All") == "wholewholewhole"
        assert max(len(path.read_text()) for path in project.root.glob("tries*")) == 2
        assert not list(Path(run["artifact_dir"]).glob(".*"))
        assert len(project.runs()) == 1 and project.runs()[0].info.status == "FINISHED"
    finally:
        end(second)


def test_a_scheduler_that_is_not_there(pipeline: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.engine.cluster._PATIENCE", 0.5)
    done = pipeline.command(
        "--engine", "dask", "-o", "RunConfig.engine_address=tcp://127.0.0.1:9", code=1
    )
    assert "the Dask scheduler at tcp://127.0.0.1:9 can't be reached" in done.err
