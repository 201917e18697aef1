"""Gradient boosting: small trees, one after the other, each for what those before got wrong."""
