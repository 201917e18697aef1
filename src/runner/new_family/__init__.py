"""``runner new-model``: a family of models to begin with."""
