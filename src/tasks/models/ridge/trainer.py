"""How a ridge is fitted."""

from typing import Any

from pandas import DataFrame, Series

from tasks.models.ridge.model import Config, Model


class Trainer:
    """Solves for the weights at once; there are no epochs to look at."""

    def __init__(self, config: Config) -> None:
        """All that can be set is a part of the model."""

    def compile(self, model: Model, seed: int) -> None:
        """Nothing is left to chance."""

    def fit(
        self, model: Model, passengers: DataFrame, survived: Series, held_out: Any = None
    ) -> None:
        """Fits the processor and the weights."""
        model.pipeline.fit(passengers, survived)
