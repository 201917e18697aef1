"""The families of models that `model = "…"` of [Trainer] may name, each in a folder of its own."""
