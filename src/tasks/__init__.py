"""The demo pipeline: who survives the sinking of the Titanic?

::

    input/*.csv ──> Preprocessor ──> Trainer ──> Prediction ──> submission.csv
                          │             └──────> Evaluation ──> evaluation.html
                          └──> (both of these read its tables, too)

One module for each task, best read in this order. `models` has a folder for each family of models,
`estimators` is what they share, `figures` draws, `page` is the HTML. `python -m runner` runs the
task that luigi.toml names, after everything that it requires; `python -m runner Evaluation` the
other one.
"""

from tasks.evaluation import Evaluation
from tasks.prediction import Prediction
from tasks.preprocessor import Preprocessor
from tasks.trainer import Trainer

__all__ = ["Evaluation", "Prediction", "Preprocessor", "Trainer"]
