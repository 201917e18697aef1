"""A process that helps with a sweep; started by `Crew`, told what to do on its stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner import settings as environment
from runner import signals
from runner.errors import Interrupted, RunnerError
from runner.sweeps import crew, sweep


def main() -> None:
    """Takes trials of a sweep until none is left."""
    order = json.loads(sys.stdin.readline())
    try:
        with signals.handled():
            crew.follow_the_owner()
            settings = environment.load(Path(order["root"]))
            sweep.help_with(order, settings)
    except Interrupted:
        sys.exit(1)
    except RunnerError as error:
        print(f"runner: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
