"""Finding the tasks of a project in its own modules."""

from __future__ import annotations

import importlib
import sys

import pytest

from runner import project_code
from runner.errors import ConfigError, ProjectCodeError
from runner.project_code import ProjectTasks
from tests.conftest import Project

TASK = "from runner import RunTask\nclass {}(RunTask):\n    pass\n"


def found(project: Project, *modules: str) -> list[str]:
    project_code.unload()
    tasks = ProjectTasks(project.root)
    tasks.sections(modules or ["tasks"])
    return sorted(tasks.classes)


def test_modules_of_a_package_at_any_depth(project: Project) -> None:
    project.write("src/tasks/__init__.py", "")
    project.write("src/tasks/one.py", TASK.format("One"))
    project.write("src/tasks/deep/__init__.py", TASK.format("Two"))
    project.write("src/tasks/deep/three.py", TASK.format("Three"))
    project.write("src/tasks/__main__.py", "raise SystemExit('not to be imported')")
    assert found(project) == ["One", "Three", "Two"]


def test_a_folder_without_init_works(project: Project) -> None:
    project.write("src/tasks/one.py", TASK.format("One"))
    assert found(project) == ["One"]


@pytest.mark.parametrize("folder", ["src/", ""])
def test_a_single_file_as_module(project: Project, folder: str) -> None:
    project.write(f"{folder}pipeline.py", TASK.format("One"))
    assert found(project, "pipeline") == ["One"]


def test_several_modules_and_dotted_names(project: Project) -> None:
    project.write("tasks.py", TASK.format("One"))
    project.write("src/lib/__init__.py", "")
    project.write("src/lib/more.py", TASK.format("Two"))
    project.write("src/lib/not_named.py", "raise RuntimeError('not to be imported')")
    assert found(project, "tasks", "lib.more") == ["One", "Two"]


def test_src_comes_before_the_root(project: Project) -> None:
    project.write("tasks.py", TASK.format("OfTheRoot"))
    project.write("src/tasks.py", TASK.format("OfSrc"))
    assert found(project) == ["OfSrc"]


def test_files_that_no_import_can_name_are_left_alone(project: Project) -> None:
    project.write("src/tasks/__init__.py", TASK.format("One"))
    project.write("src/tasks/one-old.py", TASK.format("One"))
    project.write("src/tasks/one (copy).py", "raise RuntimeError('not to be imported')")
    assert found(project) == ["One"]


def test_a_class_that_is_imported_twice_is_one_task(project: Project) -> None:
    project.write("src/tasks/__init__.py", "from tasks.one import One\n")
    project.write("src/tasks/one.py", TASK.format("One"))
    project.write("src/tasks/two.py", "from tasks.one import One as Other\n")
    assert found(project) == ["One"]


def test_classes_of_luigi_and_the_runner_are_no_tasks_of_the_project(project: Project) -> None:
    code = "import luigi\nfrom luigi.contrib.external_program import ExternalProgramTask\n"
    project.write("src/tasks/__init__.py", code + "from runner import RunTask\n" + "T = RunTask\n")
    assert found(project) == []


def test_namespaces_and_names(project: Project) -> None:
    code = TASK.format("One") + "    task_namespace = 'ns'\n"
    project.write("src/tasks/__init__.py", code)
    assert found(project) == ["ns.One"]


def test_two_tasks_of_one_name_are_told_apart_by_a_namespace(project: Project) -> None:
    project.write("src/tasks/__init__.py", TASK.format("One"))
    project.write("src/tasks/more.py", TASK.format("One"))
    with pytest.raises(ProjectCodeError, match=r"One: in tasks and tasks\.more") as caught:
        found(project)
    assert "task_namespace" in caught.value.hint
    project.write("src/tasks/more.py", TASK.format("One") + "    task_namespace = 'ns'\n")
    assert found(project) == ["One", "ns.One"]


def test_a_task_by_its_dotted_name(project: Project) -> None:
    project.pipeline(task="tasks.Write")
    assert [task.name for task in project.run_here(dry_run=True).tasks] == ["Write"]
    with pytest.raises(ConfigError, match=r"there is no task 'tasks\.Wrong' in tasks"):
        project.run_here("RunConfig.task=tasks.Wrong", dry_run=True)


@pytest.mark.parametrize("name", ["nothing", "tasks.nothing", "tasks.nothing.deep"])
def test_a_module_that_is_not_there(project: Project, name: str) -> None:
    project.write("src/tasks/__init__.py", "")
    with pytest.raises(ProjectCodeError, match=f"there is no module '{name}' in"):
        found(project, name)


def test_the_installed_namesake_of_a_folder_without_init(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project.write("elsewhere/namesake/__init__.py", "").parent.parent
    (project.root / "inner").mkdir()
    inner = Project(project.root / "inner")
    inner.write("src/namesake/one.py", TASK.format("One"))
    monkeypatch.syspath_prepend(other)
    with pytest.raises(ProjectCodeError, match=r"and not the project's .*src/namesake") as caught:
        found(inner, "namesake")
    assert "__init__.py" in caught.value.hint
    sys.modules.pop("namesake", None)


def test_the_path_does_not_grow_from_run_to_run(project: Project) -> None:
    project.write("src/tasks/__init__.py", "")
    found(project)
    before = list(sys.path)
    assert before[:2] == [str(project.root / "src"), str(project.root)]
    found(project)
    assert sys.path == before


def test_unloading_forgets_also_what_was_imported_later(project: Project) -> None:
    project.write("src/tasks/__init__.py", TASK.format("One"))
    project.write("src/lazy_of_the_project.py", "value = 1\n")
    found(project)
    assert importlib.import_module("lazy_of_the_project").value == 1
    assert {"tasks", "lazy_of_the_project"} <= project_code.loaded_modules()
    project_code.unload()
    assert not {"tasks", "lazy_of_the_project"}.intersection(sys.modules)
    assert project_code.loaded_modules() == set()
    assert "runner.project_code" in sys.modules
