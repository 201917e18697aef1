"""What a net is, and what of it can be set."""

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runner import TaskConfig
from runner.model import DataProcessor
from tasks.estimators import Estimator


class Config(TaskConfig):
    """[Trainer.net] in luigi.toml.

    Attributes:
        layers: how many neurons each hidden layer has.
        epochs: how often it sees every passenger.
        learning_rate: how far it goes at each step.
        alpha: how much large weights cost.
    """

    layers: tuple[PositiveInt, ...] = Field(default=(16,), min_length=1)
    epochs: PositiveInt = 60
    learning_rate: PositiveFloat = 0.01
    alpha: PositiveFloat = 0.01


class Model(Estimator):
    """A net, whose features are brought to one scale: it learns from large numbers badly."""

    trusted = (
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.preprocessing._label.LabelBinarizer",
    )

    @classmethod
    def build(cls, config: Config, processor: DataProcessor) -> Self:
        """A net with its layers; weights come with the first step."""
        scaled = make_pipeline(processor, StandardScaler(with_mean=False))
        return cls.of(scaled, MLPClassifier(config.layers, alpha=config.alpha))
