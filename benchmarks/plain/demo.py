"""The demo's work without the runner: as a plain script, and with luigi as its users write it.

    python demo.py script|luigi [--seed 0]        in a folder that has input/

Both log to MLflow what the demo logs, keep the outputs below `out/`, and skip what is there. What
the tasks do is written out a second time, because their modules import the runner; the demo's
`estimators` and `figures`, which do not, are used as they are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

OUT = Path("out")
CONFIG: dict[str, Any] = {"n_estimators": 100, "learning_rate": 0.05, "max_depth": 3}
CONFIG |= {"subsample": 0.8}
TREES = ["sklearn.tree._tree.Tree", "sklearn._loss.loss.HalfBinomialLoss"]
TREES += ["sklearn._loss.link.Interval", "sklearn._loss.link.LogitLink"]
NUMERIC, CATEGORICAL = ["Age", "Fare", "FamilySize"], ["Pclass", "Sex", "Title", "Embarked"]


def preprocess() -> None:
    import pandas as pd
    from estimators import save
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    for name in ("train", "test"):
        table = pd.read_csv(f"input/{name}.csv", index_col="PassengerId")
        title = table["Name"].str.extract(r", ([^.]+)\.", expand=False)
        title = title.replace({"Mme": "Mrs", "Mlle": "Miss", "Ms": "Miss"})
        table["Title"] = title.where(title.isin(("Mr", "Mrs", "Miss", "Master")), "Other")
        table["FamilySize"] = table["SibSp"] + table["Parch"] + 1
        target = ["Survived"] if name == "train" else []
        table[[*target, *NUMERIC, *CATEGORICAL]].to_csv(OUT / f"{name}.csv")
    numbers = ("numeric", SimpleImputer(strategy="median"), NUMERIC)
    words = ("categorical", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL)
    save(ColumnTransformer([numbers, words]), OUT / "encoder.skops")


def train(seed: int) -> None:
    import mlflow
    import numpy as np
    import pandas as pd
    from estimators import load, save
    from figures import confusion_matrix, roc_curve
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    passengers = pd.read_csv(OUT / "train.csv", index_col="PassengerId")
    survived = passengers.pop("Survived")
    boosting = GradientBoostingClassifier(**CONFIG, random_state=seed)
    model = make_pipeline(load(OUT / "encoder.skops"), boosting)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    predicted = cross_val_predict(model, passengers, survived, cv=folds, method="predict_proba")
    probability = pd.Series(predicted[:, 1], passengers.index, name="Probability")
    right = (probability >= 0.5) == survived
    accuracy = [right.iloc[fold].mean() for _, fold in folds.split(passengers, survived)]
    mlflow.log_metric("cv_accuracy", np.mean(accuracy))
    mlflow.log_metric("cv_accuracy_std", np.std(accuracy))
    table = pd.DataFrame({"Survived": survived, "Probability": probability})
    table.to_csv(OUT / f"cross_validated-{seed}.csv")
    roc_curve(survived, probability, OUT / f"roc_curve-{seed}.png")
    confusion_matrix(survived, probability >= 0.5, OUT / f"confusion_matrix-{seed}.png")
    model.fit(passengers, survived)
    save(model, OUT / f"model-{seed}.skops")
    log(model, passengers)


def log(model: Any, passengers: Any) -> None:
    """As MLflow's users log a model of scikit-learn's."""
    import warnings

    import mlflow
    from estimators import TRUSTED

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        signature = mlflow.models.infer_signature(passengers, model.predict(passengers))
    mlflow.sklearn.log_model(
        model,
        name="survival",
        signature=signature,
        input_example=passengers.head(3),
        pip_requirements=mlflow.sklearn.get_default_pip_requirements(include_skops=True),
        serialization_format="skops",
        skops_trusted_types=[*TRUSTED, *TREES],
    )


def predict(seed: int) -> None:
    import mlflow
    import pandas as pd
    from estimators import load

    passengers = pd.read_csv(OUT / "test.csv", index_col="PassengerId")
    model = load(OUT / f"model-{seed}.skops", TREES)
    survived = pd.Series(model.predict(passengers), passengers.index, name="Survived")
    survived.to_csv(OUT / f"submission-{seed}.csv")
    mlflow.log_metric("predicted_survival", survived.mean())


def script(seed: int) -> None:
    if not (OUT / "encoder.skops").exists():
        preprocess()
    train(seed)
    predict(seed)


def with_luigi(chosen: int) -> None:
    import luigi

    class Preprocessor(luigi.Task):
        def output(self) -> Any:
            return luigi.LocalTarget(OUT / "encoder.skops")

        def run(self) -> None:
            preprocess()

    class Trainer(luigi.Task):
        seed = luigi.IntParameter()

        def requires(self) -> Any:
            return Preprocessor()

        def output(self) -> Any:
            return luigi.LocalTarget(OUT / f"model-{self.seed}.skops")

        def run(self) -> None:
            train(self.seed)

    class Prediction(luigi.Task):
        seed = luigi.IntParameter()

        def requires(self) -> Any:
            return Trainer(self.seed)

        def output(self) -> Any:
            return luigi.LocalTarget(OUT / f"submission-{self.seed}.csv")

        def run(self) -> None:
            predict(self.seed)

    if not luigi.build([Prediction(chosen)], local_scheduler=True, log_level="WARNING"):
        raise SystemExit("luigi: a task failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("form", choices=("script", "luigi"))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2] / "src/tasks"))  # what needs no runner
    import mlflow

    OUT.mkdir(exist_ok=True)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("titanic")
    with mlflow.start_run(tags={"task": "Prediction"}, description="Who survives?"):
        mlflow.log_params({"seed": asked.seed, "folds": 5, **CONFIG})
        mlflow.log_artifact(str(Path(__file__)))
        (script if asked.form == "script" else with_luigi)(asked.seed)
        for name in ("train.csv", "test.csv", "encoder.skops"):
            mlflow.log_artifact(str(OUT / name), "Preprocessor")
        names = ("model-{}.skops", "cross_validated-{}.csv")
        for name in (*names, "roc_curve-{}.png", "confusion_matrix-{}.png"):
            mlflow.log_artifact(str(OUT / name.format(asked.seed)), "Trainer")
        mlflow.log_artifact(str(OUT / f"submission-{asked.seed}.csv"), "Prediction")


if __name__ == "__main__":
    main()
