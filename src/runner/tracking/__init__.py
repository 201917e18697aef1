"""The MLflow side of a run: where the store is, what a run records, who may write to it."""
