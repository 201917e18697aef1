"""What of Optuna a sweep is made of: where its trials are kept, and what chooses their values."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from runner.artifacts.copies import scratch
from runner.config.sweep import Pruning, SweepConfig
from runner.errors import TrackingError, UsageError
from runner.redaction import hide_password
from runner.sweeps import space
from runner.tracking.store import StoreLocation

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage


class _Lock:
    """A lock of the kernel, for Optuna: one that needs no cleaning when its process is killed."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def journal(store: StoreLocation, root: Path, run_id: str) -> Path:
    """The file that has the trials of a sweep: beside the project's store.

    Args:
        store: the tracking store; of a server, the project's `.runner` takes its place.
        run_id: of the parent run.
    """
    file = store.sqlite_file
    folder = scratch(root) / "sweeps" if file is None else file.with_name(f"{file.name}.sweeps")
    return folder / f"{run_id}.journal"


def check_optuna() -> None:
    """Raises UsageError where Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        text = "a sweep needs Optuna, which is not installed"
        raise UsageError(text, "pip install 'luigi-mlflow-runner[sweep]'")


def opened_storage(place: Path | str) -> BaseStorage:
    """Optuna's storage at a place; see `Study`."""
    check_optuna()
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock: Any = _Lock(place.with_suffix(".lock"))
        return JournalStorage(JournalFileBackend(str(place), lock_obj=lock))
    shown = hide_password(place)
    try:
        return RDBStorage(place)
    except (ImportError, ValueError) as error:
        raise UsageError(f"[Sweep] storage = {shown!r} can't be used: {error}") from error
    except SQLAlchemyError as error:
        reason = hide_password(str(error.__cause__ or error).strip().splitlines()[0])
        raise TrackingError(f"[Sweep] storage = {shown!r} can't be used: {reason}") from error


def sampler(sweep: SweepConfig, number: int) -> BaseSampler:
    """What chooses the values of one trial.

    It is seeded by the trial's number: processes that share a sweep would otherwise draw the same.
    """
    from numpy.random import SeedSequence
    from optuna.samplers import GridSampler, RandomSampler, TPESampler

    if sweep.method == "grid":
        return GridSampler(space.grid(sweep.space), seed=sweep.seed)
    seed = int(SeedSequence([sweep.seed, number]).generate_state(1)[0])
    return RandomSampler(seed=seed) if sweep.method == "random" else TPESampler(seed=seed)


def pruner(pruning: Pruning) -> BasePruner:
    """What says whether a trial is ended early."""
    from optuna.pruners import HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

    if pruning.method == "halving":
        return SuccessiveHalvingPruner()
    if pruning.method == "hyperband":
        return HyperbandPruner()
    return MedianPruner(pruning.startup_trials, pruning.warmup_steps)
