"""How boosted trees are grown."""

from typing import Any

from pandas import DataFrame, Series

from tasks.models.boosting.model import Config, Model


class Trainer:
    """Grows all trees at once; there are no epochs to look at."""

    def __init__(self, config: Config) -> None:
        """All that can be set is a part of the model."""

    def compile(self, model: Model, seed: int) -> None:
        """The seed decides which passengers a tree is fitted to."""
        model.learner.set_params(random_state=seed)

    def fit(
        self, model: Model, passengers: DataFrame, survived: Series, held_out: Any = None
    ) -> None:
        """Fits the processor and the trees."""
        model.pipeline.fit(passengers, survived)
