"""What the engine relies on in luigi, name by name, the private names above all.

When one of these fails, luigi changed: read `runner.engine` against its new release.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from typing import Any

import pytest

from runner import luigi_parser
from runner.engine.scheduler import ReadyScheduler

import luigi  # isort: skip  the parser first
import luigi.worker
from luigi.worker import DequeQueue, TaskProcess, TaskStatusReporter, Worker

#: Names and, of functions, the parameters that the engine gives them or is given by them.
NAMES = {
    "luigi.worker.Worker.__init__": "self scheduler worker_id worker_processes assistant kwargs",
    "luigi.worker.Worker.add": "self task multiprocess processes",
    "luigi.worker.Worker.run": "self",
    "luigi.worker.Worker._get_work": "self",
    "luigi.worker.Worker._create_task_process": "self task",
    "luigi.worker.Worker._run_task": "self task_id",
    "luigi.worker.Worker._handle_next_task": "self",
    "luigi.worker.Worker._purge_children": "self",
    "luigi.worker.Worker._add_task": "self args kwargs",
    "luigi.worker.Worker.__enter__": "self",
    "luigi.worker.Worker.__exit__": "self type value traceback",
    "luigi.worker.TaskProcess.__init__": "self task worker_id result_queue status_reporter "
    "use_multiprocessing worker_timeout check_unfulfilled_deps check_complete_on_run "
    "task_completion_cache",
    "luigi.worker.TaskProcess.run": "self",
    "luigi.worker.TaskStatusReporter.__init__": "self scheduler task_id worker_id "
    "scheduler_messages",
    "luigi.worker.DequeQueue.put": "self obj block timeout",
    "luigi.worker.DequeQueue.get": "self block timeout",
    "luigi.rpc.RemoteScheduler.__init__": "self url connect_timeout",
    "luigi.scheduler.Scheduler.__init__": "self config resources task_history_impl kwargs",
    "luigi.scheduler.WORKER_STATE_ACTIVE": "",
    "luigi.metrics.MetricsCollectors.default": "",
    "luigi.notifications.send_error_email": "subject message additional_recipients",
    "luigi.task.flatten": "struct",
    "luigi.task.DynamicRequirements.__init__": "self requirements custom_complete",
    "luigi.task.Task.batch_param_names": "",
    "luigi.task.Task.process_resources": "self",
    "luigi.task_register.Register._reg": "",
    "luigi.task_register.Register.clear_instance_cache": "",
}
WORKER = (
    "_task_result_queue _scheduler _config _id _running_tasks _scheduled_tasks worker_processes"
)
WORKER_CONFIG = "check_unfulfilled_deps check_complete_on_run timeout wait_interval keep_alive"
SCHEDULER_CONFIG = """retry_delay retry_count disable_hard_timeout disable_window disable_persist
stable_done_cooldown_secs batch_emails record_task_history metrics_collector prune_on_get_work"""


class Plain(luigi.Task):
    """Done once it ran."""

    ran = False

    def complete(self) -> bool:
        return self.ran

    def run(self) -> Any:
        self.ran = True


class Dynamic(Plain):
    """Finds out what it requires."""

    def run(self) -> Any:
        yield Plain()


class Broken(Plain):
    """Fails."""

    def run(self) -> Any:
        raise ValueError("no")


def lacking(what: str) -> str:
    return f"luigi {luigi.__version__} lacks {what}: read src/runner/engine against it"


def find(name: str) -> Any:
    module, *rest = name.split(".")
    found = importlib.import_module(module)
    for part in rest:
        module += f".{part}"
        if not hasattr(found, part):
            try:
                importlib.import_module(module)
            except ModuleNotFoundError:
                pytest.fail(lacking(module))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_there_and_takes_what_it_took(name: str) -> None:
    found = find(name)
    if NAMES[name]:
        takes = " ".join(inspect.signature(found).parameters)
        assert takes == NAMES[name], lacking(f"{name}({NAMES[name]})")


def test_a_name_that_is_gone_is_told() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"lacks luigi\.worker\.Worker\._no_more: read"):
        find("luigi.worker.Worker._no_more")


def test_a_worker_has_what_is_read_and_replaced() -> None:
    worker = Worker(scheduler=ReadyScheduler(), no_install_shutdown_handler=True)
    for name in WORKER.split():
        assert hasattr(worker, name), lacking(f"Worker.{name}")
    for name in WORKER_CONFIG.split():
        assert hasattr(worker._config, name), lacking(f"[worker] {name}")
    for name in SCHEDULER_CONFIG.split():
        assert hasattr(find("luigi.scheduler.scheduler")(), name), lacking(f"[scheduler] {name}")
    process = TaskProcess(Plain(), "w", DequeQueue(), None)
    for name in ("task", "use_multiprocessing", "worker_timeout", "timeout_time", "result_queue"):
        assert hasattr(process, name), lacking(f"TaskProcess.{name}")
    assert not process.use_multiprocessing, lacking("a TaskProcess that runs in this process")


@pytest.mark.parametrize(
    ("task_class", "expected"),
    [
        (Plain, ("DONE", None, [], None)),
        (Dynamic, ("PENDING", "", [], [(__name__, "Plain", {})])),
        (Broken, ("FAILED", "no", [], [])),
    ],
)
def test_what_a_process_says_of_its_task(task_class: type[Plain], expected: Any) -> None:
    task_class.clear_instance_cache()
    Plain.clear_instance_cache()
    task, results = task_class(), DequeQueue()
    reporter = TaskStatusReporter(ReadyScheduler(), task.task_id, "w", None)
    TaskProcess(task, "w", results, reporter).run()
    said = results.get()
    shape = "(task id, status, explanation, missing, new requirements) as a task's result"
    assert len(said) == 5 and said[0] == task.task_id, lacking(shape)
    if task_class is Broken:
        said = (*said[:2], "no" if "ValueError: no" in said[2] else said[2], *said[3:])
    assert said[1:] == expected, lacking(shape)


def calls_on_the_scheduler() -> list[tuple[str, int, list[str]]]:
    """Method, number of arguments and their keywords of each call in luigi's worker module."""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(luigi.worker))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if ast.unparse(node.func.value) == "self._scheduler":
            names = [keyword.arg for keyword in node.keywords if keyword.arg]
            found.append((node.func.attr, len(node.args), names))
    return found


def test_the_scheduler_has_all_that_luigis_worker_calls() -> None:
    calls = calls_on_the_scheduler()
    assert {"add_task", "get_work", "count_pending", "add_worker"} <= {name for name, *_ in calls}
    for name, count, keywords in calls:
        method = getattr(ReadyScheduler(), name, None)
        assert method is not None, f"ReadyScheduler lacks {name}, which luigi's worker calls"
        if keywords or name != "add_task":  # `_add_task` hands on what it was given
            inspect.signature(method).bind(*range(count), **dict.fromkeys(keywords))


def test_the_answer_has_all_that_luigis_worker_reads() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(Worker._get_work)))
    read = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "r"
    }
    of_others = {"task_family", "task_params", "batch_task_ids"}  # tasks that it did not add itself
    assert "n_pending_tasks" in read, lacking("Worker._get_work as it was")
    assert read - of_others <= set(ReadyScheduler().get_work())


def test_the_scheduler_takes_what_luigis_worker_says_of_a_task() -> None:
    """`retry_policy_dict` and others are keywords that luigi's own scheduler has, too."""
    theirs = inspect.signature(luigi.scheduler.Scheduler.add_task).parameters
    ours = inspect.signature(ReadyScheduler.add_task).parameters
    named = {name for name, each in ours.items() if each.kind is not each.VAR_KEYWORD}
    assert named | {"retry_policy_dict"} <= set(theirs), lacking("add_task as it was")
    luigi_parser.fill({})
