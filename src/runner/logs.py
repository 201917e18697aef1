"""Logging of a run: little on the console, everything in the run's own file."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runner.redaction import Redactor

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_KEPT = 100_000  # records held in memory until the run has its file
_TALKATIVE = tuple(
    "matplotlib PIL urllib3 git asyncio boto3 botocore s3transfer fsspec numba filelock "
    "luigi-interface luigi.scheduler".split()
)


class _Formatter(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__(FORMAT)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.clean(super().format(record))


class _Console(logging.Handler):
    """Hands lines to whatever draws on the terminal, so that they do not cut through it."""

    def __init__(self, write: Callable[[str], None], level: int, redactor: Redactor) -> None:
        super().__init__(level)
        self.setFormatter(_Formatter(redactor))
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        # luigi's own account repeats what the display shows; the file has it in any case.
        if record.name == "luigi-interface" and self.level > logging.INFO:
            return
        try:
            self._write(self.format(record))
        except Exception:
            self.handleError(record)


class RunLog:
    """The log of one run: kept in memory until `to_file` says where it goes."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._memory = logging.handlers.MemoryHandler(_KEPT, flushLevel=logging.CRITICAL + 1)
        self._file: logging.FileHandler | None = None

    @contextmanager
    def recording(self) -> Iterator[RunLog]:
        """Takes every record of the process, from DEBUG on."""
        root = logging.getLogger()
        warnings_logged = getattr(logging, "_warnings_showwarning", None) is not None
        levels = {name: logging.getLogger(name).level for name in ("", *_TALKATIVE)}
        record_everything()
        root.addHandler(self._memory)
        try:
            yield self
        finally:
            logging.captureWarnings(warnings_logged)
            root.removeHandler(self._memory)
            if self._file is not None:
                root.removeHandler(self._file)
                self._file.close()
            self._memory.setTarget(None)
            self._memory.close()
            _set_levels(levels)

    def to_file(self, path: Path) -> None:
        """From now on, and for all that was kept, the log is this file."""
        self._file = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
        self._file.setFormatter(_Formatter(self._redactor))
        root = logging.getLogger()
        root.removeHandler(self._memory)
        self._memory.setTarget(self._file)
        self._memory.flush()
        root.addHandler(self._file)


@contextmanager
def console(write: Callable[[str], None], level: str, redactor: Redactor) -> Iterator[None]:
    """Shows records from a level on by `write`."""
    handler = _Console(write, logging.getLevelName(level), redactor)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def record_everything() -> None:
    """Lets records from DEBUG on through, but for those of talkative libraries."""
    _set_levels({**dict.fromkeys(_TALKATIVE, logging.INFO), "": logging.DEBUG})
    logging.captureWarnings(True)


def _set_levels(levels: Mapping[str, int]) -> None:
    """Sets levels of loggers, the root's ("") among them."""
    for name in levels:
        logging.getLogger(name).level = levels[name]
    # Each call of it makes all loggers, hundreds of them, forget what they are enabled for.
    logging.getLogger().setLevel(levels[""])


class _Collector(logging.handlers.QueueHandler):
    """Keeps records, as text: their arguments may not travel."""

    def __init__(self) -> None:
        super().__init__(queue.SimpleQueue())
        self.kept: list[logging.LogRecord] = []

    def enqueue(self, record: logging.LogRecord) -> None:
        if len(self.kept) < _KEPT:
            self.kept.append(record)


@contextmanager
def records() -> Iterator[list[logging.LogRecord]]:
    """Collects what is logged, to be handled in another process."""
    collector, root = _Collector(), logging.getLogger()
    level = root.level
    record_everything()
    root.addHandler(collector)
    try:
        yield collector.kept
    finally:
        root.removeHandler(collector)
        root.setLevel(level)


@contextmanager
def mlflow_adopted() -> Iterator[None]:
    """MLflow's loggers print to stderr by themselves; meanwhile they are like all others."""
    logger = logging.getLogger("mlflow")
    before = logger.handlers[:], logger.propagate
    adopt_mlflow()
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = before


def adopt_mlflow() -> None:
    """The same for as long as the process lives."""
    logger = logging.getLogger("mlflow")
    logger.handlers.clear()
    logger.propagate = True
