"""How a net is asked."""

from tasks.estimators import Predictor


class ModelAPI(Predictor):
    """It tells probabilities by itself."""
