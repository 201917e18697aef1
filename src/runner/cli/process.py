"""The collector of a short-lived process: kept from what stays until the end anyway.

MLflow alone leaves some 700,000 objects. Looking for garbage among them costs 0.3 s while they
are imported, and more than a second when the interpreter ends (docs/performance.md).
"""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def starting() -> None:
    """Collects nothing while modules are imported and the run is planned."""
    gc.disable()


def working() -> None:
    """Collects again, as the user's code expects; what is there by now is not looked at."""
    gc.freeze()
    gc.enable()


def end(code: int) -> NoReturn:
    """Ends the process as always (threads, atexit), but looks for no garbage."""
    gc.disable()
    gc.freeze()
    sys.exit(code)
