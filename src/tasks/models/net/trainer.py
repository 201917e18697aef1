"""How a net learns."""

import mlflow
from pandas import DataFrame, Series

from tasks.models.net.model import Config, Model


class Trainer:
    """Shows it all passengers, epoch after epoch."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def compile(self, model: Model, seed: int) -> None:
        """The seed decides on the first weights, and the order of the passengers."""
        model.learner.set_params(learning_rate_init=self.config.learning_rate, random_state=seed)

    def fit(
        self,
        model: Model,
        passengers: DataFrame,
        survived: Series,
        held_out: tuple[DataFrame, Series] | None = None,
    ) -> None:
        """Fits the processor, then the net; the history of both metrics is of `held_out`."""
        numbers = model.pipeline["processor"].fit_transform(passengers)
        for epoch in range(self.config.epochs):
            model.learner.partial_fit(numbers, survived, classes=[0, 1])
            if held_out:
                right = model.pipeline.score(*held_out)
                mlflow.log_metrics({"loss": model.learner.loss_, "accuracy": right}, step=epoch)
