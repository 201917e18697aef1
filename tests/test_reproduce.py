"""`runner reproduce`: the result of a run is had again, or it is said why not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from runner import settings
from runner.errors import ConfigError, MissingInputError, UsageError
from runner.reproduce import Asked, Verdict, reproduce, rerun
from runner.reproduce.rerun import NotStarted
from tests.conftest import Project
from tests.same_process import Here
from tests.test_signals import wait_for

TASKS = """
import os, random, time
from pathlib import Path
from runner import RunTask, TaskConfig, requires
from tasks.words import metric, shout

class CleanConfig(TaskConfig):
    rows: int = 2

class Clean(RunTask):
    config: CleanConfig
    sources = {"raw": "raw.txt"}
    outputs = {"clean": "clean.txt"}

    def run(self):
        lines = self.inputs["raw"].read_text().splitlines()
        self.outputs["clean"].write_text("\\n".join(lines[: self.config.rows]))
        metric("rows", self.config.rows)

@requires(Clean)
class Fit(RunTask):
    outputs = {"model": "model.txt", "plots": "plots"}

    def run(self):
        text = self.inputs["clean"].read_text()
        self.outputs["plots"].mkdir()
        (self.outputs["plots"] / "one.txt").write_text(text)
        (self.outputs["plots"] / "two.txt").write_text(text)
        self.outputs["model"].write_text(shout(text))
        metric("letters", len(text))
"""

WORDS = """
def shout(text):
    return text.upper()

def metric(name, value):
    import mlflow  # late: a plan takes less time without it
    mlflow.log_metric(name, value)
"""

CONFIG = """
[RunConfig]
experiment_name = "trial"
task = "Fit"
reuse = "auto"
[PathConfig]
input = "data"
"""


def git(root: Path, *args: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(root), *who, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "-qm", "a commit")


@pytest.fixture
def tracked(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in git, with all that it reads; temporary folders are below the test's own."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    project.write("src/tasks/__init__.py", TASKS)
    project.write("src/tasks/words.py", WORDS)
    project.write("luigi.toml", CONFIG)
    project.write("data/raw.txt", "one\ntwo\nthree\n")
    project.write(
        ".gitignore", "mlflow.db*\nmlruns/\n__pycache__/\n.runner/\n.env\n*.big\n.*.lock\n"
    )
    git(project.root, "init", "-q")
    commit(project.root)
    return project


@pytest.fixture
def quick(tracked: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same, where it does not matter that runs are reproduced in a process of their own."""
    monkeypatch.setattr(rerun, "subprocess", Here)
    return tracked


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    other = path.stat().st_mtime - 10  # Python sees no edit of the same size in the same second
    path.write_text(text.replace(old, new))
    os.utime(path, (other, other))


def verdict(project: Project, run: str = "latest", **asked: Any) -> Verdict:
    """What `runner reproduce` comes to, in this process."""
    found = settings.load(project.root)
    return reproduce(Asked(run, [project.root / "luigi.toml"], quiet=True, **asked), found)


def statuses(found: Verdict) -> dict[str, str]:
    return {f"{row.task}/{row.output}": row.status for row in found.outputs}


def artifact(run: Any, name: str) -> Path:
    return Path(run.info.artifact_uri) / name


ALL_SAME = {"Clean/clean.txt": "same", "Fit/model.txt": "same", "Fit/plots": "same"}


def no_worktree(project: Project) -> bool:
    listed = git(project.root, "worktree", "list", "--porcelain").count("worktree ")
    return listed == 1 and not list((project.root.parent / "temp").glob("runner-reproduce-*"))


def test_a_clean_commit(tracked: Project) -> None:
    first = tracked.run_here("RunConfig.run_name=first", "Clean.rows=1")
    done = tracked.command("reproduce", "first")
    assert done.out.splitlines()[-1] == "reproduced: 3 outputs and 2 metrics are the same"
    assert "Fit: letters" in done.out and "model.txt" in done.out
    new, old = tracked.runs()
    assert old.info.run_id == first.run_id and new.info.run_name == "reproduce-first"
    tags = new.data.tags
    assert (tags["reproduces"], tags["runner.reproduced"]) == (first.run_id, "true")
    assert tags["runner.verdict"].startswith("reproduced: ")
    assert tags["runner.git.commit"] == old.data.tags["runner.git.commit"]
    assert tags["runner.git.dirty"] == "false"
    assert new.info.experiment_id == old.info.experiment_id
    kept = json.loads(artifact(new, "verdict.json").read_text())
    assert kept["reproduced"] is True and len(kept["outputs"]) == 3
    assert (kept["run_id"], kept["new_run_id"]) == (first.run_id, new.info.run_id)
    assert no_worktree(tracked)
    assert git(tracked.root, "status", "--porcelain") == ""


def test_latest_is_no_reproduction_and_no_failure(quick: Project) -> None:
    first = quick.run_here()
    with_failure = quick.run_here("RunConfig.task=Fit", "Clean.rows=1", force=["Fit"])
    quick.client.set_terminated(with_failure.run_id, status="FAILED")
    for _ in range(2):
        done = quick.command("reproduce", "latest", "--json")
        assert json.loads(done.out)["run_id"] == first.run_id


def test_uncommitted_edits_and_an_untracked_module(quick: Project) -> None:
    edit(quick, "src/tasks/words.py", "text.upper()", "louder(text)")
    edit(quick, "src/tasks/words.py", "def shout", "from tasks.new import louder\n\ndef shout")
    quick.write("src/tasks/new.py", "def louder(text):\n    return text.upper() + '!!'\n")
    quick.run_here()
    git(quick.root, "checkout", "-q", ".")
    (quick.root / "src/tasks/new.py").unlink()
    found = verdict(quick)
    assert statuses(found) == ALL_SAME
    assert artifact(quick.runs()[0], "Fit/model.txt").read_text() == "ONE\nTWO!!"
    assert quick.runs()[0].data.tags["runner.git.dirty"] == "true"


def test_code_and_config_that_were_edited_since(quick: Project) -> None:
    quick.run_here("Clean.rows=3")
    edit(quick, "src/tasks/words.py", "upper", "lower")
    commit(quick.root)
    edit(quick, "src/tasks/words.py", "lower", "title")
    quick.write("luigi.toml", CONFIG + "[Clean]\nrows = 1\n")
    assert statuses(verdict(quick)) == ALL_SAME


def test_an_untracked_input_is_read_where_it_lies(quick: Project) -> None:
    quick.write("elsewhere/raw.txt", "uno\ndos\n")
    quick.write(".gitignore", (quick.root / ".gitignore").read_text() + "elsewhere/\n")
    commit(quick.root)
    quick.run_here("PathConfig.input=elsewhere")
    assert statuses(verdict(quick)) == ALL_SAME
    config = artifact(quick.runs()[0], "luigi.toml").read_text()
    entry = tomllib.loads(config)["PathConfig"]["input"]
    assert entry == str(quick.root / "elsewhere")


def test_an_untracked_input_beside_tracked_ones(quick: Project) -> None:
    edit(quick, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "a b.big"')
    commit(quick.root)
    quick.write("data/a b.big", "a lot")
    quick.run_here()
    assert statuses(verdict(quick)) == ALL_SAME
    quick.write("data/a b.big", "less")
    found = verdict(quick)
    assert found.sentence == "not reproduced: the input data/a b.big of Clean has changed"


def test_inputs_outside_of_the_project(quick: Project, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/raw.txt").write_text("uno\ndos\n")
    quick.run_here("PathConfig.input=../shared")
    assert statuses(verdict(quick)) == ALL_SAME


def test_inputs_that_changed_or_are_gone_are_all_named(quick: Project) -> None:
    edit(quick, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "*.big"')
    commit(quick.root)
    for name in ("a", "b", "c"):
        quick.write(f"data/{name}.big", name)
    quick.run_here()
    quick.write("data/a.big", "changed")
    (quick.root / "data/c.big").unlink()
    done = quick.command("reproduce", "latest", code=1)
    assert done.out.splitlines()[-1] == (
        "not reproduced: the input data/a.big of Clean has changed; "
        "the input data/c.big of Clean is missing"
    )
    assert len(quick.runs()) == 1 and no_worktree(quick)


def test_a_tracked_input_that_was_edited_since_is_taken_from_the_commit(quick: Project) -> None:
    quick.run_here()
    quick.write("data/raw.txt", "something else\n")
    assert statuses(verdict(quick)) == ALL_SAME


def test_what_depends_on_chance_is_named(quick: Project) -> None:
    edit(
        quick,
        "src/tasks/__init__.py",
        '/ "two.txt").write_text(text)',
        '/ "two.txt").write_text(str(random.random()))',
    )
    edit(quick, "src/tasks/__init__.py", '"letters", len(text)', '"letters", random.random()')
    commit(quick.root)
    quick.run_here()
    done = quick.command("reproduce", "latest", code=1)
    assert done.out.splitlines()[-1] == (
        "not reproduced: 1 of 3 outputs differs: Fit/plots; 1 of 2 metrics differs: letters"
    )
    assert "plots (plots/two.txt)" in done.out
    run = quick.runs()[0]
    assert run.info.status == "FINISHED" and run.data.tags["runner.reproduced"] == "false"


def test_metrics_within_a_tolerance(quick: Project) -> None:
    near = '"letters", 5 + 1e-3 * random.random()'
    edit(quick, "src/tasks/__init__.py", '"letters", len(text)', near)
    commit(quick.root)
    quick.run_here()
    assert verdict(quick).sentence.endswith("1 of 2 metrics differs: letters")
    found = json.loads(quick.command("reproduce", "latest", "--json", "--tolerance", "0.01").out)
    assert found["verdict"].endswith("2 metrics are the same, 1 of them within 0.01")
    assert {row["name"]: row["status"] for row in found["metrics"]} == {
        "rows": "same",
        "letters": "within tolerance",
    }
    for wrong in ("-1", "nan", "much"):
        quick.command("reproduce", "latest", "--tolerance", wrong, code=2)


def test_another_environment_is_listed(quick: Project) -> None:
    first = quick.run_here()
    freeze = first.artifact_dir / "pip-freeze.txt"
    lines = [line for line in freeze.read_text().splitlines() if not line.startswith("click==")]
    lines = ["luigi==0.1" if line.startswith("luigi==") else line for line in lines]
    freeze.write_text("\n".join([*lines, "gone==1.0"]))
    quick.client.set_tag(first.run_id, "runner.python", "2.7.18")
    found = verdict(quick)
    changes = {change.name: change for change in found.environment}
    assert found.reproduced and set(changes) == {"Python", "click", "gone", "luigi"}
    assert (changes["Python"].then, changes["luigi"].then) == ("2.7.18", "0.1")
    assert (changes["click"].then, changes["gone"].now) == ("", "")


def test_a_run_that_took_everything_from_earlier_ones(quick: Project) -> None:
    quick.run_here("RunConfig.task=Clean")
    quick.run_here()
    third = quick.run_here(record=True)
    assert {task.status for task in third.tasks} == {"reused"}
    found = verdict(quick, third.run_id)
    assert statuses(found) == ALL_SAME and len(found.metrics) == 2
    new = quick.runs()[0]
    assert not [tag for tag in new.data.tags if tag.startswith("reused.")]


def test_a_run_with_pins_is_computed_from_the_start(quick: Project) -> None:
    first = quick.run_here()
    pinned = quick.run_here(
        f"PathConfig.Clean=run:{first.run_id}", "RunConfig.run_name=with pins", force=["Fit"]
    )
    assert [task.status for task in pinned.tasks] == ["reused", "ran"]
    assert statuses(verdict(quick, "with pins")) == ALL_SAME
    new = quick.runs()[0]
    assert new.info.run_name == "reproduce-with pins"
    assert artifact(new, "Clean/manifest.json").exists()


def test_a_pin_above_which_nothing_was_needed(quick: Project) -> None:
    first = quick.run_here()
    folder = first.artifact_dir / "Fit"
    quick.run_here(
        f"PathConfig.Fit={folder}", f"PathConfig.Clean={first.artifact_dir}/Clean", record=True
    )
    assert statuses(verdict(quick)) == ALL_SAME


def test_a_run_that_failed_is_compared_as_far_as_it_came(quick: Project) -> None:
    edit(quick, "src/tasks/__init__.py", "shout(text)", "missing(text)")
    commit(quick.root)
    assert quick.run_here().status == "FAILED"
    (run,) = quick.runs()
    found = verdict(quick, run.info.run_id[:8])
    assert found.reproduced and statuses(found) == {"Clean/clean.txt": "same"}
    assert any("FAILED" in note for note in found.notes)


def test_a_run_that_fails_this_time_is_not_reproduced(quick: Project) -> None:
    edit(
        quick,
        "src/tasks/__init__.py",
        "from pathlib import Path",
        "from pathlib import Path\nLIMIT = int(os.environ['LIMIT'])",
    )
    edit(quick, "src/tasks/__init__.py", "shout(text)", "shout(text)[LIMIT:][LIMIT]")
    commit(quick.root)
    quick.write(".env", "LIMIT=0\n")
    quick.run_here()
    quick.write(".env", "LIMIT=99\n")
    found = verdict(quick)
    assert not found.reproduced and "IndexError" in found.sentence
    assert statuses(found) == {**ALL_SAME, "Fit/model.txt": "missing", "Fit/plots": "missing"}


def test_variables_and_secrets_of_the_projects_own_env_file_hold(tracked: Project) -> None:
    tracked.write(".env", "FOLDER=data\nWORD=xyzzy-1234-canary\nPROJECT_ROOT=.\n")
    code = 'shout(text) + str(len(os.environ["WORD"]))'
    edit(tracked, "src/tasks/__init__.py", "shout(text)", code)
    edit(tracked, "luigi.toml", '"data"', '"${FOLDER}"')
    edit(
        tracked, "luigi.toml", "[PathConfig]", 'tags = { word = "xyzzy-1234-canary" }\n[PathConfig]'
    )
    commit(tracked.root)
    tracked.run_here()
    found = verdict(tracked)
    assert statuses(found) == ALL_SAME
    assert "RunConfig.tags.word" in " ".join(found.notes)
    folder = artifact(tracked.runs()[0], "")
    text = "".join(path.read_text() for path in folder.glob("*.*") if path.is_file())
    assert "canary" not in text and "${FOLDER}" not in text
    (tracked.root / ".env").unlink()
    with pytest.raises(ConfigError, match="no variable FOLDER"):
        verdict(tracked)


def test_a_project_in_a_folder_of_its_repository(tracked: Project, tmp_path: Path) -> None:
    top = tmp_path / "a repository"
    (top / "ours").mkdir(parents=True)
    inner = Project(top / "ours" / "project")
    tracked.root.rename(inner.root)
    (inner.root / ".git").rename(top / ".git")
    (inner.root / "data").rename(top / "data")
    edit(inner, "luigi.toml", '"data"', '"../../data"')
    inner.write("src/tasks/words.py", "from lib import metric, shout\n")
    Project(top).write("libs/lib.py", WORDS)
    commit(top)
    outside = {"PYTHONPATH": str(top / "libs"), "TMPDIR": str(tmp_path / "temp")}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(inner.root)
        monkeypatch.syspath_prepend(top / "libs")
        inner.run_here()
    edit(Project(top), "libs/lib.py", "upper", "lower")
    edit(Project(top), "data/raw.txt", "one", "uno")
    done = inner.run("reproduce", "latest", env=outside)
    assert done.out.splitlines()[-1] == "reproduced: 3 outputs and 2 metrics are the same"
    assert not list((tmp_path / "temp").glob("runner-reproduce-*"))


def test_code_of_packages_installed_as_editable_is_that_of_the_commit(
    tracked: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked.write("src/tasks/words.py", "from lib import metric, shout\n")
    tracked.write("libs/src/lib.py", WORDS)
    commit(tracked.root)
    with monkeypatch.context() as only_now:
        only_now.syspath_prepend(tracked.root / "libs/src")
        tracked.run_here()
    edit(tracked, "libs/src/lib.py", "upper", "lower")
    info = Project(tmp_path / "site").write(
        "lib-1.0.dist-info/METADATA", "Name: lib\nVersion: 1.0\n"
    )
    url = (tracked.root / "libs").as_uri()
    direct = {"url": url, "dir_info": {"editable": True}}
    info.with_name("direct_url.json").write_text(json.dumps(direct))
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert statuses(verdict(tracked)) == ALL_SAME


def test_the_runner_stays_the_one_that_is_installed(tracked: Project) -> None:
    tracked.write("src/runner/__init__.py", "raise SystemExit('this is another runner')\n")
    commit(tracked.root)
    tracked.run_here()
    edit(tracked, "src/tasks/words.py", "upper", "lower")
    assert statuses(verdict(tracked)) == ALL_SAME


def test_a_run_without_recorded_inputs_says_so(quick: Project) -> None:
    first = quick.run_here()
    for name in ("Clean", "Fit"):
        path = first.artifact_dir / name / "manifest.json"
        old = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("inputs", "code")}
        path.write_text(json.dumps(old))
    found = verdict(quick)
    assert statuses(found) == ALL_SAME
    text = "what Clean, Fit read was not recorded, so its inputs can't be checked"
    assert text in found.notes


def test_what_is_left_of_a_deleted_output_is_its_digest(quick: Project) -> None:
    first = quick.run_here()
    for name in ("Clean", "Fit"):
        for path in (first.artifact_dir / name).rglob("*.txt"):
            path.unlink()
    assert statuses(verdict(quick)) == ALL_SAME
    (first.artifact_dir / "Clean" / "manifest.json").unlink()
    left = dict.fromkeys(("Fit/model.txt", "Fit/plots", "Clean/(all files)"), "same")
    assert statuses(verdict(quick)) == left
    (first.artifact_dir / "Fit" / "manifest.json").unlink()
    with pytest.raises(MissingInputError, match="nothing that the run"):
        verdict(quick)


PLAIN = """

class Raw(luigi.Task):
    def output(self):
        return luigi.LocalTarget("made/raw.txt")
    def run(self):
        with self.output().open("w") as file:
            file.write("by luigi")

@requires(Raw)
class Loud(RunTask):
    outputs = {"loud": "loud.txt"}
    def run(self):
        self.outputs["loud"].write_text(shout(self.inputs["Raw"].read_text()))
"""


def test_what_a_plain_luigi_task_makes_is_compared_by_what_was_read_of_it(
    quick: Project,
) -> None:
    edit(quick, "src/tasks/__init__.py", "import os,", "import luigi, os,")
    with open(quick.root / "src/tasks/__init__.py", "a", encoding="utf-8") as file:
        file.write(PLAIN)
    commit(quick.root)
    quick.run_here("RunConfig.task=Loud")
    shutil.rmtree(quick.root / "made")
    assert statuses(verdict(quick)) == {"Loud/loud.txt": "same", "Raw/(all files)": "same"}
    assert not (quick.root / "made").exists()


def test_a_root_of_which_nothing_is_left_is_not_reproduced(quick: Project) -> None:
    first = quick.run_here()
    (first.artifact_dir / "Fit" / "manifest.json").unlink()
    found = verdict(quick)
    assert found.sentence == "not reproduced: what Fit wrote then is gone"
    assert found.uncompared == ("Fit",)


def test_the_worktree_is_kept_when_that_is_asked_for(quick: Project, tmp_path: Path) -> None:
    quick.run_here()
    found = verdict(quick, keep=True)
    (folder,) = (tmp_path / "temp").glob("runner-reproduce-*")
    assert str(folder / "project") in found.notes[-1]
    assert (folder / "project/src/tasks/words.py").exists()


def test_what_stands_in_the_way_is_said_before_anything_runs(tracked: Project) -> None:
    first = tracked.run_here()
    (first.artifact_dir / "git.patch").write_text("no patch\n")
    problems = {
        "runner.git.dirty": ("true", "git.patch does not apply"),
        "runner.git.commit": ("0" * 40, "is not in"),
    }
    for tag, (value, said) in problems.items():
        tracked.client.set_tag(first.run_id, tag, value)
        with pytest.raises(MissingInputError, match=said):
            verdict(tracked)
        assert no_worktree(tracked)
    (first.artifact_dir / "git.patch").unlink()
    with pytest.raises(MissingInputError, match=r"no git\.patch any more"):
        verdict(tracked)
    tracked.client.delete_tag(first.run_id, "runner.git.commit")
    with pytest.raises(MissingInputError, match="no git commit"):
        verdict(tracked)
    (first.artifact_dir / "luigi.toml").unlink()
    with pytest.raises(MissingInputError, match=r"no luigi\.toml any more"):
        verdict(tracked)
    assert len(tracked.runs()) == 1


def test_runs_that_there_are_not(project: Project) -> None:
    project.pipeline()
    with pytest.raises(MissingInputError, match="there is no latest"):
        verdict(project)
    done = project.command("reproduce", "nosuch", code=3)
    assert done.err.startswith("runner: no run in") and "Traceback" not in done.err
    first = project.run_here()
    with pytest.raises(MissingInputError, match="recorded no git commit"):
        verdict(project)
    project.client.update_run(first.run_id, status="RUNNING")
    with pytest.raises(UsageError, match="is RUNNING"):
        verdict(project, first.run_id)


def test_code_that_can_not_be_imported_any_more(
    tracked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(tracked, "src/tasks/words.py", "def shout", "import os\nos.environ['NEEDED']\n\ndef shout")
    commit(tracked.root)
    with monkeypatch.context() as only_now:
        only_now.setenv("NEEDED", "yes")
        tracked.run_here()
    with pytest.raises(NotStarted, match="KeyError") as caught:
        verdict(tracked)
    assert caught.value.exit_code == 2 and no_worktree(tracked)


def test_an_undeclared_input_that_is_gone(quick: Project) -> None:
    edit(quick, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "a.big"')
    commit(quick.root)
    quick.write("data/a.big", "big")
    first = quick.run_here()
    (quick.root / "data/a.big").unlink()
    path = first.artifact_dir / "Clean" / "manifest.json"
    old = json.loads(path.read_text())
    del old["inputs"]["big"]
    path.write_text(json.dumps(old))
    found = verdict(quick)
    assert not found.reproduced and "its input 'big' is not there" in found.sentence
    assert len(quick.runs()) == 1


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_worktree(tracked: Project, signum: int, code: int) -> None:
    started = tracked.root.parent / "started"
    waits = f"""
        if "WAIT" in os.environ:
            Path({str(started)!r}).touch()
            time.sleep(250)
"""
    edit(
        tracked,
        "src/tasks/__init__.py",
        "        text = self.inputs",
        waits + "        text = self.inputs",
    )
    commit(tracked.root)
    tracked.run_here()
    temp = {"TMPDIR": os.environ["TMPDIR"]}
    process = tracked.fork("reproduce", "latest", env={"WAIT": "1", **temp})
    wait_for(started, process, seconds=200)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code and "there is no verdict" in err and "Traceback" not in err
    assert tracked.runs()[0].info.status == "KILLED" and no_worktree(tracked)


def test_a_glob_that_finds_more_now(quick: Project, tmp_path: Path) -> None:
    edit(quick, "src/tasks/__init__.py", '"raw": "raw.txt"', '"raw": "raw.txt", "big": "*.big"')
    commit(quick.root)
    Project(tmp_path).write("shared/raw.txt", "uno\n")
    Project(tmp_path).write("shared/a.big", "big")
    quick.run_here("PathConfig.input=../shared")
    Project(tmp_path).write("shared/b.big", "more")
    found = verdict(quick)
    assert statuses(found) == ALL_SAME and found.sentence == (
        "not reproduced: the input big of Clean is not what it was, as b.big was added"
    )


def test_inputs_that_are_told_by_size_and_time(quick: Project) -> None:
    code = '"raw": "raw.txt", "big": Source("a.big", digest="stat")'
    edit(quick, "src/tasks/__init__.py", '"raw": "raw.txt"', code)
    edit(quick, "src/tasks/__init__.py", "TaskConfig, ", "Source, TaskConfig, ")
    commit(quick.root)
    quick.write("data/a.big", "big")
    quick.run_here()
    assert statuses(verdict(quick)) == ALL_SAME
    os.utime(quick.root / "data/a.big", (1, 1))
    found = verdict(quick)
    assert found.sentence == "not reproduced: the input data/a.big of Clean has changed"
