"""What happens inside of a Dask worker: each of its threads has a worker process of ours.

So projects of several users do not meet in one interpreter, a crash ends one task only, and a
task can be ended. When the Dask worker dies, its processes do too.
"""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from runner.engine.call import Answer, Call, Session
from runner.engine.pool import WarmPool
from runner.engine.slot import Slot

_SESSIONS = 8  # runs whose processes are kept

_pools: OrderedDict[bytes, tuple[WarmPool, bytes]] = OrderedDict()
_lock = threading.Lock()


def same(value: bytes) -> bytes:
    """A value as the result of a task, which Dask can have again when it is lost."""
    return value


def answer_in_slot(call: Call, code: bytes) -> Answer:
    """Executes a task in a process of its own.

    Args:
        code: the project's modules, see `archive.pack`.

    Raises:
        ExecutionError: the process died.
        TimeoutError: the task took longer than its timeout.
    """
    from runner.engine.answering import answer

    pool, session = _pool(call.session, code)
    # Dask may start a task again while an attempt that it takes for lost is going on.
    call = replace(call, session=session, token=uuid4().hex[:8])
    found: Answer = pool.submit_within(call.timeout, answer, call).result()
    return found


def stop(session: bytes) -> None:
    """Ends the processes of a run."""
    with _lock:
        pool = _pools.pop(session, None)
    if pool is not None:
        pool[0].stop()


def _pool(session: bytes, code: bytes) -> tuple[WarmPool, bytes]:
    with _lock:
        found = _pools.get(session)
        if found is None:
            found = _pools[session] = _opened(session, code)
            while len(_pools) > _SESSIONS:
                _, (oldest, _) = _pools.popitem(last=False)
                oldest.retire()
    return found


def _opened(session: bytes, code: bytes) -> tuple[WarmPool, bytes]:
    import sys

    from distributed import get_worker

    from runner.engine import archive
    from runner.engine.engines import thread_limits

    worker: Any = get_worker()
    known: Session = pickle.loads(session)
    place = Path(tempfile.mkdtemp(prefix="runner-code-", dir=worker.local_directory))
    folder = archive.folder_for(code, known.config.root, place)
    limits, path = thread_limits(worker.state.nthreads), tuple(sys.path)
    pool = WarmPool(worker.state.nthreads, lambda: Slot(limits, path))
    return pool, pickle.dumps(replace(known, code=folder))
