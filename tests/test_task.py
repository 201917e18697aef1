"""RunTask in its declarative form, and whatever may stand beside it in a graph."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

import luigi
from runner import RunTask, TaskConfig, requires
from runner.artifacts import manifest as manifests
from runner.errors import ConfigError, GraphError, MissingInputError, RunnerError
from tests.conftest import Project

HEAD = """
import os, threading
from pathlib import Path
import luigi, mlflow
from runner import RunTask, TaskConfig, requires
"""


def statuses(report: Any) -> dict[str, str]:
    return {task.name: task.status for task in report.tasks}


def run(project: Project, code: str, task: str, config: str = "", *overrides: str) -> Any:
    project.pipeline(HEAD + code, task=task, config=config)
    report = project.run_here(*overrides)
    assert report.ok, report.traceback or report.error
    return report


def text(report: Any, path: str) -> str:
    return (report.artifact_dir / path).read_text()


# Outputs.


def test_outputs_are_a_dict_on_the_class_and_paths_on_an_instance(project: Project) -> None:
    code = """
class A(RunTask):
    outputs = {"x": "x.txt", "deep": "d/e/f.txt", "folder": "plots"}
    def run(self):
        assert A.outputs == {"x": "x.txt", "deep": "d/e/f.txt", "folder": "plots"}
        assert all(isinstance(path, Path) and path.is_absolute() for path in self.outputs.values())
        assert self.output_paths_dict == {name: str(path) for name, path in self.outputs.items()}
        self.outputs["x"].write_text("x")
        self.outputs["deep"].parent.mkdir(parents=True, exist_ok=True)
        self.outputs["deep"].write_text("deep")
        self.outputs["folder"].mkdir()
        (self.outputs["folder"] / "1.png").write_text("1")

class B(A):
    outputs = {**A.outputs, "y": "y.txt"}
    def requires(self):
        return A()
    def run(self):
        super().run()
        assert (self.inputs["folder"] / "1.png").read_text() == "1"
        self.outputs["y"].write_text(self.inputs["deep"].read_text())
"""
    report = run(project, code, "B")
    assert text(report, "A/d/e/f.txt") == "deep" and text(report, "B/y.txt") == "deep"
    manifest = manifests.read(report.artifact_dir / "B")
    assert manifest is not None
    assert [f.path for f in manifest.files] == ["d/e/f.txt", "plots/1.png", "x.txt", "y.txt"]


def test_outputs_are_inherited_and_may_come_from_a_mixin_or_a_property(project: Project) -> None:
    code = """
class Mixin:
    outputs = {"x": "x.txt"}
    def run(self):
        for path in self.outputs.values():
            path.write_text(type(self).__name__)

class A(Mixin, RunTask):
    pass

class B(A):
    pass

@requires(b=B)
class C(Mixin, RunTask):
    n = luigi.IntParameter(default=3)
    @property
    def outputs(self):
        return {f"part{i}": f"{i}.txt" for i in range(self.n)}
    def run(self):
        assert self.inputs["b.x"].read_text() == "B"
        super().run()
"""
    report = run(project, code, "C")
    assert text(report, "B/x.txt") == "B"
    manifest = manifests.read(report.artifact_dir / "C")
    assert manifest is not None and manifest.outputs == {f"part{i}": f"{i}.txt" for i in range(3)}


@pytest.mark.parametrize("outputs", [["a.txt"], "a.txt", {"a": 1}, {1: "a"}, None, {"a": None}])
def test_outputs_of_another_kind_are_refused_at_the_class(outputs: Any) -> None:
    with pytest.raises(TypeError, match="Broken: outputs"):
        type("Broken", (RunTask,), {"outputs": outputs, "__module__": __name__})


def test_a_config_with_a_value_is_refused_at_the_class() -> None:
    with pytest.raises(TypeError, match="write `config: <class>` alone"):
        type("Broken", (RunTask,), {"config": {"seed": 1}, "__module__": __name__})
    with pytest.raises(TypeError, match="write `config: <class>` alone"):
        type("Broken", (RunTask,), {"config": TaskConfig(), "__module__": __name__})


def test_outside_of_a_run_a_task_has_no_directory() -> None:
    class Alone(RunTask):
        outputs = {"x": "x"}

    with pytest.raises(RunnerError, match="no run is open"):
        _ = Alone().outputs


def test_an_output_of_luigis_own_kind(project: Project) -> None:
    code = """
class A(RunTask):
    def output(self):
        return luigi.LocalTarget(self.directory / "a.txt")
    def run(self):
        with self.output().open("w") as file:
            file.write("a")

@requires(A)
class B(RunTask):
    def output(self):
        return [luigi.LocalTarget(str(self.directory / name)) for name in ("1", "2")]
    def run(self):
        assert self.inputs["A"] == Path(self.input().path)
        for target in self.output():
            Path(target.path).write_text(self.inputs["A"].read_text())

@requires(B)
class C(RunTask):
    outputs = {"c": "c"}
    def run(self):
        self.outputs["c"].write_text("".join(path.read_text() for path in self.inputs["B"]))
"""
    assert text(run(project, code, "C"), "C/c") == "aa"


def test_a_target_without_a_path_is_refused(project: Project) -> None:
    project.pipeline(
        HEAD
        + """
class Row(luigi.Target):
    def exists(self):
        return False
class A(RunTask):
    def output(self):
        return {"row": Row()}
""",
        task="A",
    )
    with pytest.raises(
        GraphError, match="A: output\\(\\) has 'row', which is no target with a path"
    ):
        project.run_here()


# Inputs.

TWO = """
class One(RunTask):
    outputs = {"x": "x.txt", "only1": "1.txt"}
    def run(self):
        for name, path in self.outputs.items():
            path.write_text(f"One.{name}")

class Two(RunTask):
    outputs = {"x": "x.txt", "only2": "2.txt"}
    def run(self):
        for name, path in self.outputs.items():
            path.write_text(f"Two.{name}")
"""


def test_inputs_by_name_and_ambiguity(project: Project) -> None:
    code = (
        TWO
        + """
@requires(One, Two)
class Both(RunTask):
    outputs = {"seen": "seen.txt"}
    def run(self):
        assert set(self.inputs) == {"One.x", "Two.x", "only1", "only2"}
        assert self.inputs["One.only1"] == self.inputs["only1"]
        assert self.inputs["One.x"].read_text() == "One.x"
        assert "x" not in self.inputs and "only1" in self.inputs and len(self.inputs) == 4
        messages = []
        for name in ("x", "onyl1", "zzz"):
            try:
                self.inputs[name]
            except KeyError as error:
                messages.append(error.args[0])
        self.outputs["seen"].write_text("\\n".join(messages))
"""
    )
    seen = text(run(project, code, "Both"), "Both/seen.txt").splitlines()
    assert seen[0] == "Both has several inputs 'x'; say One.x or Two.x"
    assert seen[1].startswith("Both has no input 'onyl1'; it has ")
    assert seen[1].endswith("did you mean 'only1'?")
    assert "did you mean" not in seen[2]


def test_inputs_by_the_name_of_the_requirement(project: Project) -> None:
    code = (
        TWO
        + """
@requires(left=One, right=Two)
class Both(RunTask):
    outputs = {"seen": "seen.txt"}
    def run(self):
        assert set(self.input()) == {"left", "right"}
        texts = [self.inputs[name].read_text() for name in ("left.x", "right.x")]
        self.outputs["seen"].write_text("".join(texts))
"""
    )
    assert text(run(project, code, "Both"), "Both/seen.txt") == "One.xTwo.x"


def test_wrappers_are_looked_through(project: Project) -> None:
    wrappers = "".join(
        f"""
class L{n}(luigi.WrapperTask):
    def requires(self):
        return [{f"L{n - 1}(), R{n - 1}()" if n else "One(), Two()"}]
class R{n}(luigi.WrapperTask):
    def requires(self):
        return [{f"L{n - 1}(), R{n - 1}()" if n else "One()"}]
"""
        for n in range(3)
    )
    code = (
        TWO
        + wrappers
        + """
@requires(L2, R2)
class Last(RunTask):
    outputs = {"seen": "seen.txt"}
    def run(self):
        assert set(self.inputs) == {"One.x", "Two.x", "only1", "only2"}, list(self.inputs)
        self.outputs["seen"].touch()
"""
    )
    assert set(statuses(run(project, code, "Last"))) == {"One", "Two", "Last"}


def test_a_wrapper_may_be_the_root(project: Project) -> None:
    code = TWO + "@requires(One, Two)\nclass All(luigi.WrapperTask):\n    pass\n"
    assert statuses(run(project, code, "All")) == {"One": "ran", "Two": "ran"}


def test_plain_and_external_tasks_stand_in_the_graph(project: Project) -> None:
    code = """
class Outside(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("outside.txt")

class Plain(luigi.Task):
    def requires(self):
        return Outside()
    def output(self):
        return luigi.LocalTarget("plain.txt")
    def run(self):
        with self.input().open() as source, self.output().open("w") as file:
            file.write(source.read() + " plain")
        mlflow.log_metric("plain", 1)

@requires(Plain)
class Ours(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].write_text(self.inputs["Plain"].read_text())
"""
    project.pipeline(HEAD + code, task="Ours")
    with pytest.raises(
        MissingInputError, match=r"Outside\(\) stands for data that is not there: outside.txt"
    ):
        project.run_here()
    project.write("outside.txt", "outside")
    report = project.run_here()
    assert report.ok and text(report, "Ours/x.txt") == "outside plain"
    assert statuses(report) == {"Outside": "reused", "Plain": "ran", "Ours": "ran"}
    assert statuses(project.run_here())["Plain"] == "reused"


def test_several_instances_and_one(project: Project) -> None:
    code = """
class Part(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "n.txt"}
    def run(self):
        self.outputs["n"].write_text(str(self.n))

class Whole(RunTask):
    count = luigi.IntParameter(default=2)
    outputs = {"all": "all.txt"}
    def requires(self):
        return [Part(n) for n in range(self.count)]
    def run(self):
        if self.count > 1:
            try:
                self.inputs["n"]
            except KeyError as error:
                assert "requires Part.n more than once; use self.input()" in str(error)
            else:
                raise AssertionError
        text = "".join(Path(part["n"].path).read_text() for part in self.input())
        self.outputs["all"].write_text(text)
"""
    report = run(project, code, "Whole")
    assert text(report, "Whole/all.txt") == "01"
    assert {"Part(n=0)", "Part(n=1)"} < set(statuses(report))
    assert not (report.artifact_dir / "Part").exists()
    report = run(project, code, "Whole", "[Whole]\ncount = 1\n")
    assert text(report, "Part/n.txt") == "0" and set(statuses(report)) == {"Part", "Whole"}


def test_a_task_of_another_run_has_no_directory(project: Project) -> None:
    code = """
class Other(RunTask):
    outputs = {"x": "x"}
class A(RunTask):
    outputs = {"x": "x"}
    def run(self):
        Other().complete()
"""
    project.pipeline(HEAD + code, task="A")
    report = project.run_here()
    assert "Other() has no directory: nothing in this run requires it" in report.error


# Sources.

READS = """
class A(RunTask):
    sources = {sources!r}
    outputs = {{"x": "x.txt"}}
    def run(self):
        found = self.inputs["s"]
        found = sorted(p.name for p in (found if isinstance(found, list) else [found]))
        self.outputs["x"].write_text(",".join(found))
"""
PATHS = '[PathConfig]\ninput = "input"\nlabels = "lab/"\nfile = "lab/train.csv"\n'


@pytest.fixture
def data(project: Project) -> Project:
    for name in ("a.png", "b.png", "x/c.png", "x/y/d.png", "note.txt", "odd[1].txt", "p:q.csv"):
        project.write(f"input/{name}", name)
    project.write("lab/train.csv", "labels")
    return project


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("note.txt", "note.txt"),
        ("./x/../note.txt", "note.txt"),
        ("x", "x"),
        ("x/", "x"),
        ("*.png", "a.png,b.png"),
        ("**/*.png", "a.png,b.png,c.png,d.png"),
        ("x/**/*.png", "c.png,d.png"),
        ("[ab].png", "a.png,b.png"),
        ("odd[1].txt", "odd[1].txt"),
        ("labels:train.csv", "train.csv"),
        ("labels:*", "train.csv"),
        ("labels:", "lab"),
        ("file:", "train.csv"),
        ("input:p:q.csv", "p:q.csv"),
        ("", "input"),
    ],
)
def test_sources(data: Project, source: str, found: str) -> None:
    report = run(data, READS.format(sources={"s": source}), "A", PATHS)
    assert text(report, "A/x.txt") == found


@pytest.mark.parametrize(
    ("source", "error", "shown"),
    [
        ("gone.csv", MissingInputError, "A: its input 's' is not there: "),
        ("*.jpg", MissingInputError, "no file matches"),
        ("gone/*", MissingInputError, "no file matches"),
        ("pipe", MissingInputError, "neither a file nor a folder"),
        ("pip*", MissingInputError, "neither a file nor a folder"),
        ("dangling", MissingInputError, "is a link to nothing"),
        ("dangl*", MissingInputError, "is a link to nothing"),
        ("x" * 300, MissingInputError, "is not there"),
        ("note.txt/x", MissingInputError, "is not there"),
        ("lables:train.csv", ConfigError, "A reads its source 's' (lables:train.csv) from there"),
        ("/abs/*.csv", GraphError, "is no glob"),
    ],
)
def test_sources_that_are_not_there(
    data: Project, source: str, error: type[RunnerError], shown: str
) -> None:
    os.mkfifo(data.root / "input/pipe")
    (data.root / "input/dangling").symlink_to("nothing")
    data.pipeline(HEAD + READS.format(sources={"s": source}), task="A", config=PATHS)
    with pytest.raises(error) as caught:
        data.run_here()
    assert shown in str(caught.value) and not data.runs()


# Requirements and parameters.

CLEAN = """
class Clean(RunTask):
    rows = luigi.IntParameter(default=1)
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].write_text(str(self.rows))
"""


def test_our_requires_leaves_the_upstreams_section_alone(project: Project) -> None:
    code = CLEAN + "@requires(Clean)\nclass Fit(RunTask):\n    pass\n"
    report = run(project, code, "Fit", "[Clean]\nrows = 99\n")
    assert text(report, "Clean/x.txt") == "99" and not report.notes
    assert project.client.get_run(report.run_id).data.params["Clean.rows"] == "99"


@pytest.mark.parametrize("name", ["requires", "inherits"])
def test_where_luigis_hides_a_value_a_note_says_so(project: Project, name: str) -> None:
    more = (
        ""
        if name == "requires"
        else "    def requires(self):\n        return self.clone_parent()\n"
    )
    fit = f"@luigi.util.{name}(Clean)\nclass Fit(RunTask):\n    x = 1\n{more}"
    code = f"import luigi.util\n{CLEAN}{fit}"
    report = run(project, code, "Fit", "[Clean]\nrows = 99\n")
    assert text(report, "Clean/x.txt") == "1"
    assert report.notes == ("[Clean] rows = 99 is not used: it is required with 1",)
    report = run(project, code, "Fit", "[Clean]\nrows = 99\n[Fit]\nrows = 99\n")
    assert text(report, "Clean/x.txt") == "99" and not report.notes


def test_ours_passes_up_what_both_declare(project: Project) -> None:
    code = (
        CLEAN + "@requires(Clean)\nclass Fit(RunTask):\n    rows = luigi.IntParameter(default=5)\n"
    )
    assert text(run(project, code, "Fit"), "Clean/x.txt") == "5"


def test_requires_refuses_what_is_no_class() -> None:
    with pytest.raises(TypeError, match="takes task classes"):
        requires()
    with pytest.raises(TypeError, match="and not both"):
        requires(luigi.Task, name=luigi.Task)
    for wrong in ("Clean", luigi.WrapperTask(), 3, str):
        with pytest.raises(TypeError, match="takes task classes, got"):
            requires(wrong)  # type: ignore[arg-type]


def test_parameters_take_their_defaults_from_the_section(project: Project) -> None:
    code = """
class A(RunTask):
    n = luigi.IntParameter()
    lr = luigi.FloatParameter(default=0.5)
    names = luigi.ListParameter(default=[])
    day = luigi.DateParameter(default=None)
    on = luigi.BoolParameter()
    outputs = {"x": "x.txt"}
    def run(self):
        seen = self.n, self.lr, self.names, str(self.day), self.on, dict(self.config)
        self.outputs["x"].write_text(repr(seen))
"""
    config = '[A]\nn = 5\nnames = ["a", "b"]\nday = 2024-02-29\non = true\nfree = "text"\n'
    seen = text(run(project, code, "A", config), "A/x.txt")
    assert seen.startswith("(5, 0.5, ('a', 'b'), '2024-02-29', True, ")
    assert "'free': 'text'" in seen and "'n': 5" in seen
    with pytest.raises(ConfigError, match="'n' parameter"):
        run(project, code, "A")


# Typed config.

TYPED = """
class Optimizer(TaskConfig):
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)

class AConfig(TaskConfig):
    depth: int
    name: str = "forest"
    path: Path = Path("p")
    optimizer: Optimizer = Optimizer()

class A(RunTask):
    config: AConfig
    outputs = {"x": "x.txt"}
    def run(self):
        assert self.config["depth"] == self.config.depth
        assert "depth" in self.config and "width" not in self.config
        seen = self.config.depth, self.config.optimizer.lr, self.config["optimizer"]["betas"]
        self.outputs["x"].write_text(repr(seen))
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_a_typed_config(project: Project, future: str) -> None:
    project.pipeline(
        future + HEAD + TYPED, task="A", config="[A]\ndepth = 3\n[A.optimizer]\nlr = 1\n"
    )
    report = project.run_here()
    assert report.ok, report.traceback
    assert text(report, "A/x.txt") == "(3, 1.0, (0.9, 0.99))"
    params = project.client.get_run(report.run_id).data.params
    assert params["A.depth"] == "3" and params["A.name"] == "forest"
    assert params["A.optimizer.lr"] == "1" and params["A.optimizer.betas"] == "[0.9, 0.99]"


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ("[A]\ndepth = 5.7\n", "[A] depth: expected a valid integer, got 5.7 (float)"),
        ("[A]\ndepth = true\n", "[A] depth: expected a valid integer, got True (bool)"),
        ('[A]\ndepth = "3"\n', "[A] depth: expected a valid integer, got '3' (str)"),
        ("[A]\ndepth = 3\ndeph = 4\n", "[A] deph: unknown key; did you mean 'depth'?"),
        ("[A]\ndepth = 3\n[A.optimizer]\nlr = nan\n", "[A] optimizer.lr: expected a finite number"),
        ("[A]\ndepth = 3\n[A.optimizer]\nrl = 1.0\n", "[A] optimizer.rl: unknown key"),
        ("[A]\nname = 'x'\n", "[A] depth: is required and has no default"),
        ("", "[A] depth: is required and has no default"),
    ],
)
def test_what_is_wrong_with_a_typed_section(project: Project, config: str, shown: str) -> None:
    project.pipeline(HEAD + TYPED, task="A", config=config)
    with pytest.raises(ConfigError) as caught:
        project.run_here()
    assert shown in str(caught.value) and "luigi.toml" in str(caught.value)


def test_the_section_of_a_task_that_is_not_needed_may_be_absent(project: Project) -> None:
    run(project, TYPED + "class B(RunTask):\n    pass\n", "B")


def test_an_annotation_that_names_nothing(project: Project) -> None:
    code = "class A(RunTask):\n    config: 'Gone.Config'\n"
    project.pipeline(HEAD + code, task="A")
    with pytest.raises(GraphError, match="A: what `config:` names can't be found: name 'Gone'"):
        project.run_here()


def test_a_missing_key_of_a_config_says_its_name() -> None:
    class Config(TaskConfig):
        depth: int = 1

    with pytest.raises(KeyError, match="Config has no key 'deptn'; did you mean 'depth'"):
        Config()["deptn"]


# run() in its odder forms.

DYNAMIC = """
LINES = []

class Sub(RunTask):
    n = luigi.IntParameter()
    outputs = {"n": "n.txt"}
    def run(self):
        self.outputs["n"].write_text(str(self.n))
        mlflow.log_metric("sub", self.n)

class A(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        with open("starts", "a") as file:
            file.write("start\\n")
        mlflow.log_metric("before", 1)
        one = yield Sub(n=0)
        many = yield [Sub(n=n) for n in range(1, 4)]
        total = sum(int(Path(part["n"].path).read_text()) for part in [one, *many])
        mlflow.log_metric("after", total)
        self.outputs["x"].write_text(str(total))
"""


def test_a_generator_starts_again_and_logs_once(project: Project) -> None:
    report = run(project, DYNAMIC, "A")
    assert text(report, "A/x.txt") == "6"
    assert (project.root / "starts").read_text().count("start") == 3
    assert list(statuses(report).values()) == ["ran"] * 5
    client = project.client
    for name in ("before", "after"):
        assert len(client.get_metric_history(report.run_id, name)) == 1
    assert sorted(m.value for m in client.get_metric_history(report.run_id, "sub")) == [0, 1, 2, 3]
    again = project.run_here(f"PathConfig.Sub=run:{report.run_name}")
    assert again.ok, again.traceback
    assert "ran" not in {status for name, status in statuses(again).items() if name != "A"}
    assert text(again, "A/x.txt") == "6" and not list(again.artifact_dir.glob("Sub*"))


def test_a_generator_whose_requirement_fails_is_not_run(project: Project) -> None:
    code = DYNAMIC.replace('self.outputs["n"].write', '1 / 0; self.outputs["n"].write')
    project.pipeline(HEAD + code, task="A")
    report = project.run_here()
    assert report.status == "FAILED"
    assert statuses(report) == {"Sub": "failed", "A": "not run"}
    assert not (report.artifact_dir / "A").exists()


def test_a_thread_of_a_task_writes_to_its_outputs(project: Project) -> None:
    code = """
class A(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        def write():
            self.outputs["x"].write_text(self.config.get("text", "thread"))
            mlflow.log_metric("threaded", 1)
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
"""
    report = run(project, code, "A")
    assert text(report, "A/x.txt") == "thread"
    assert project.client.get_run(report.run_id).data.metrics == {"threaded": 1}


def test_a_task_in_a_namespace(project: Project) -> None:
    code = """
class A(RunTask):
    task_namespace = "prep"
    outputs = {"x": "x.txt"}
    def run(self):
        self.outputs["x"].write_text(self.config["text"])

@requires(A)
class B(RunTask):
    outputs = {"y": "y.txt"}
    def run(self):
        assert self.inputs["prep.A.x"] == self.inputs["x"]
        self.outputs["y"].touch()
"""
    report = run(project, code, "B", '["prep.A"]\ntext = "spaced"\n')
    assert text(report, "prep.A/x.txt") == "spaced"
    again = project.run_here(f'PathConfig."prep.A"=run:{report.run_name}')
    assert statuses(again) == {"prep.A": "reused", "B": "ran"}
    project.pipeline(
        HEAD + code.replace('self.outputs["y"].touch()', "1 / 0"),
        task="B",
        config='["prep.A"]\ntext = "x"\n',
    )
    failed = project.run_here()
    assert statuses(project.run_here(*failed.resume))["prep.A"] == "reused"


def test_a_failure_offers_pins_to_what_was_done(project: Project) -> None:
    code = TWO + "@requires(One, Two)\nclass Both(RunTask):\n    def run(self):\n        1 / 0\n"
    project.pipeline(HEAD + code, task="Both")
    failed = project.run_here()
    assert statuses(failed) == {"One": "ran", "Two": "ran", "Both": "failed"}
    again = project.run_here(*failed.resume)
    assert statuses(again) == {"One": "reused", "Two": "reused", "Both": "failed"}
    assert again.tasks[-1].error == "ZeroDivisionError: division by zero"
    assert not again.resume


def test_complete_that_raises_is_named(project: Project) -> None:
    code = "class A(RunTask):\n    def complete(self):\n        raise RuntimeError('no table')\n"
    project.pipeline(HEAD + code, task="A")
    with pytest.raises(GraphError, match=r"A\(\): complete\(\) failed: no table"):
        project.run_here()


def test_many_tasks_do_not_take_quadratic_work(project: Project) -> None:
    """Fifty thousand comparisons are one thing, two million another: counted, not timed."""
    code = """
class Part(RunTask):
    n = luigi.IntParameter()

class Whole(luigi.WrapperTask):
    def requires(self):
        return [Part(n) for n in range(1_500)]
"""
    project.pipeline(HEAD + code, task="Whole")
    calls = 0
    real = RunTask.get_task_family

    def counting(cls: Any) -> Any:
        nonlocal calls
        calls += 1
        return real.__func__(cls)  # type: ignore[attr-defined]

    RunTask.get_task_family = classmethod(counting)  # type: ignore[method-assign,assignment]
    try:
        plan = project.run_here(dry_run=True)
    finally:
        del RunTask.get_task_family
    assert len(plan.tasks) == 1_500
    assert calls < 1_500 * 30


def test_the_folder_of_a_task_with_no_outputs_is_complete(project: Project) -> None:
    report = run(project, "class A(RunTask):\n    def run(self):\n        pass\n", "A")
    assert manifests.read(report.artifact_dir / "A") is not None
    assert Path(report.artifact_dir, "A").is_dir()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("output = {'a': 'a.txt'}", "output is a method of luigi's; `outputs = {…}` names"),
        ("input = {'a': 'a.txt'}", "`sources = {…}` names files from outside"),
        ("requires = [luigi.Task]", "write @requires(…) above the class"),
        ("source = {'a': 'a.txt'}", "did you mean 'sources'?"),
    ],
)
def test_names_that_mean_something_else_are_refused(line: str, said: str) -> None:
    name, _, value = line.partition(" = ")
    with pytest.raises(TypeError, match=re.escape(said)):
        type("Slip", (RunTask,), {name: eval(value)})


def test_slips_in_names_are_told_with_what_there_is(project: Project) -> None:
    project.pipeline(
        """
        from runner import RunTask, TaskConfig
        class SlipConfig(TaskConfig):
            window: int = 1
        class Slip(RunTask):
            config: SlipConfig
            outputs = {"plot": "plot.png"}
            def run(self):
                try:
                    self.outputs["plt"]
                except KeyError as error:
                    assert "Slip has no output 'plt'; it has plot; did you" in str(error)
                assert not hasattr(self.config, "height")
                self.config.windw
        class Luigis(RunTask):
            def output(self):
                import luigi
                return luigi.LocalTarget("a.txt")
        """,
        task="Slip",
    )
    assert "SlipConfig has no key 'windw'; did you mean 'window'?" in project.command(code=1).out
    told = project.command("Luigis", code=2).err
    assert "Luigis: output() names a.txt, which would lie in the working directory" in told
    assert 'write outputs = {"name": "a.txt"}' in told
