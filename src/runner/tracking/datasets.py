"""What a run read from outside, as MLflow's dataset inputs: name, digest, source and context."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.tracking.store import errors_of

if TYPE_CHECKING:
    from runner.tracking.recording import Recorder

_CONTEXT = "mlflow.data.context"
_LONGEST_NAME = 500  # characters; these are MLflow's limits
_LONGEST_SOURCE = 65_000
_BATCH = 100
_MOST = 1000  # of a run; every list of runs that MLflow shows carries all of them
_DIGEST = 10  # hexadecimal digits: MLflow shows them beside the name, and takes 36 at most


@dataclass(frozen=True)
class Dataset:
    """A file or folder from outside.

    Attributes:
        name: ``<task>.<source>``.
        context: the family of the task that read it.
        path: relative to the project's root when it lies inside, else absolute.
        digest: ``<hash>:<hexadecimal digits>``.
        files: how many.
        size: bytes, where known.
    """

    name: str
    context: str
    path: str
    digest: str
    files: int
    size: int | None

    @property
    def short_digest(self) -> str:
        return self.digest.rpartition(":")[2][:_DIGEST]


def log(recorder: Recorder, run_id: str, datasets: Iterable[Dataset]) -> None:
    """Adds datasets to a run; MLflow itself knows a name and digest that it has.

    Raises:
        TrackingError: the store refuses.
    """
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    clean = recorder.redactor.clean
    inputs = []
    for dataset in list(datasets)[:_MOST]:
        profile = {"files": dataset.files, "bytes": dataset.size}
        found = MlflowDataset(
            name=clean(dataset.name)[:_LONGEST_NAME],
            digest=dataset.short_digest,
            source_type="local",
            source=json.dumps({"uri": clean(dataset.path)[:_LONGEST_SOURCE]}),
            profile=json.dumps({name: value for name, value in profile.items() if value}),
        )
        inputs.append(DatasetInput(found, [InputTag(_CONTEXT, clean(dataset.context)[:500])]))
    with errors_of(recorder.location):
        for start in range(0, len(inputs), _BATCH):
            recorder.client.log_inputs(run_id, datasets=inputs[start : start + _BATCH])
