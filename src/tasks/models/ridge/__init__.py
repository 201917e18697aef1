"""Ridge regression: a weighted sum of the features, whose weights are kept small."""
