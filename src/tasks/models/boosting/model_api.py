"""How boosted trees are asked."""

from tasks.estimators import Predictor


class ModelAPI(Predictor):
    """They tell probabilities by themselves."""
