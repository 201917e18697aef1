"""Twenty configs of one trainer over one preprocessing of a second, as one would write it by hand.

    python configs.py loop|tracked COUNT

`tracked` logs each config to MLflow as a child run, by the calls that one would make oneself.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier


def prepared() -> tuple[np.ndarray, np.ndarray]:
    time.sleep(1)
    generator = np.random.default_rng(0)
    values = generator.normal(size=(1000, 10))
    return values, (values[:, 0] * values[:, 1] + generator.normal(size=1000) > 0).astype(int)


def trained(values: np.ndarray, labels: np.ndarray, seed: int, out: Path) -> float:
    model = GradientBoostingClassifier(n_estimators=60, random_state=seed, subsample=0.8)
    model.fit(values[:500], labels[:500])
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.pickle").write_bytes(pickle.dumps(model))
    return float(model.score(values[500:], labels[500:]))


def main(form: str, count: int) -> None:
    values, labels = prepared()
    if form == "loop":
        for seed in range(count):
            trained(values, labels, seed, Path("out", str(seed)))
        return
    import mlflow

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("configs")
    with mlflow.start_run():
        for seed in range(count):
            with mlflow.start_run(nested=True):
                mlflow.log_param("seed", seed)
                mlflow.log_metric("score", trained(values, labels, seed, Path("out", str(seed))))
                mlflow.log_artifacts(str(Path("out", str(seed))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
