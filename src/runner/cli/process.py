"""The process of a command: what is set for as long as it lives.

The garbage collector is kept from what stays until the end anyway. MLflow alone leaves some
700,000 objects. Looking for garbage among them costs 0.3 s while they are imported, and more than a
second when the interpreter ends (docs/performance.md).
"""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

# MLflow prints the address of a run on a server, twice; the last line of a run has it.
_NO_LINKS = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
# Where tqdm is installed, MLflow draws its bars across ours.
_NO_BARS = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


def starting() -> None:
    """Collects nothing while modules are imported and the run is planned."""
    gc.disable()
    os.environ.setdefault(_NO_LINKS, "true")
    os.environ.setdefault(_NO_BARS, "false")


def working() -> None:
    """Collects again, as the user's code expects; what is there by now is not looked at."""
    gc.freeze()
    gc.enable()


def end(code: int) -> NoReturn:
    """Ends the process as always (threads, atexit), but looks for no garbage."""
    gc.disable()
    gc.freeze()
    sys.exit(code)
