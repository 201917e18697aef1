"""The demo pipeline: who survives the sinking of the Titanic?

::

    input/*.csv ──> Preprocessor ──> Trainer ──> Prediction ──> submission.csv
                          └─────────────────────────↑

One module for each task, best read in this order; `estimators` keeps models in files. Running
`python -m runner` runs the task that luigi.toml names, after everything that it requires.
"""

from tasks.prediction import Prediction
from tasks.preprocessor import Preprocessor
from tasks.trainer import Trainer

__all__ = ["Prediction", "Preprocessor", "Trainer"]
