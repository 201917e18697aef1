"""Finds runs whose process died without a word, and marks them KILLED."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import psutil

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST_TAG = "runner.host"
PROCESS_TAG = "runner.process"

_log = logging.getLogger(__name__)

_PARENT = "tags.`mlflow.parentRunId`"


def process_tag() -> str:
    """Names this process for good: a process id alone is given to another one some day.

    The name holds the namespace of process ids, because containers may share a host's name.
    """
    return f"{_namespace()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def reap(client: MlflowClient) -> list[str]:
    """Marks the runs of this host that are RUNNING without their process as KILLED.

    Returns:
        Ids of the runs that were marked.
    """
    ids = [e.experiment_id for e in _all(client.search_experiments)]
    host = socket.gethostname().replace("'", "")
    mine = f"attributes.status = 'RUNNING' AND tags.`{HOST_TAG}` = '{host}'"
    reaped = []
    for run in _all(client.search_runs, experiment_ids=ids, filter_string=mine):
        if _alive(run.data.tags.get(PROCESS_TAG, "")):
            continue
        children = f"attributes.status = 'RUNNING' AND {_PARENT} = '{run.info.run_id}'"
        inside = _all(client.search_runs, experiment_ids=ids, filter_string=children)
        # A trial of a sweep may have a process of its own.
        for dead in (run, *(child for child in inside if state(child.data.tags) != "alive")):
            client.set_terminated(dead.info.run_id, status="KILLED")
            reaped.append(dead.info.run_id)
        name = run.info.run_name
        _log.info("run %s (%s) was left behind by a dead process: KILLED", name, run.info.run_id)
    return reaped


def state(tags: Mapping[str, str]) -> Literal["alive", "dead", "unknown"]:
    """Of the process of a run, by the run's tags; of other hosts and containers it is unknown."""
    tag = tags.get(PROCESS_TAG, "")
    ours = tags.get(HOST_TAG) == socket.gethostname() and tag.startswith(f"{_namespace()}/")
    if not ours:
        return "unknown"
    return "alive" if _alive(tag) else "dead"


def _alive(tag: str) -> bool:
    namespace, _, rest = tag.partition("/")
    pid, _, started = rest.partition("/")
    if namespace != _namespace() or not pid.isdigit():
        return True  # not ours to judge
    try:
        process = psutil.Process(int(pid))
        # One that has ended, and for which its parent has not asked yet, does nothing any more.
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and f"{process.create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux
        return ""


def _all(search, **kwargs):  # type: ignore[no-untyped-def]  # MLflow's pages are typed by entity
    token = None
    while True:
        page = search(page_token=token, **kwargs)
        yield from page
        token = page.token
        if not token:
            return
