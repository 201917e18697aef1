"""The first runs by a metric, asked of the database itself; MLflow would read far more of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.experiments.records import Records
from runner.tracking import store
from runner.tracking.naming import PARENT_TAG


def first_ids(
    metric: str, experiments: Sequence[str], most: int, records: Records, *, descending: bool
) -> list[str] | None:
    """Ids of the first runs that are inside of no other, in order.

    Args:
        experiments: their ids.
        descending: the highest value first; a value that is no number comes last in any case.

    Returns:
        None where so many do not have the metric, or the store is a server.

    Raises:
        TrackingError: the store can't be used.
    """
    if records.location.uri.startswith("http"):
        return None
    import sqlalchemy
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric as Metric
    from mlflow.store.tracking.dbmodels.models import SqlRun as Run
    from mlflow.store.tracking.dbmodels.models import SqlTag as Tag

    inside = sqlalchemy.exists().where(Tag.run_uuid == Run.run_uuid, Tag.key == PARENT_TAG)
    value: Any = Metric.value.desc() if descending else Metric.value.asc()
    asked: Any = (
        sqlalchemy.select(Run.run_uuid)
        .join(Metric, Metric.run_uuid == Run.run_uuid)
        .where(Metric.key == metric, Run.experiment_id.in_(map(int, experiments)))
        .where(Run.lifecycle_stage == "active", ~inside)
        .order_by(Metric.is_nan, value, Run.start_time.desc(), Run.run_uuid)
        .limit(most)
    )
    records.client()  # which brings the database to MLflow's form, where it is an older one
    with store.errors_of(records.location):
        engine = sqlalchemy.create_engine(records.location.uri)
        try:
            with engine.connect() as connection:
                found = [str(run_id) for (run_id,) in connection.execute(asked)]
        finally:
            engine.dispose()
    return found if len(found) == most else None
