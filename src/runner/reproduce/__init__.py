"""Runs again what an earlier run computed, from what it recorded, and compares the results.

`reproduction.py` is the way through, top to bottom.
"""

from runner.reproduce.reproduction import Asked, reproduce
from runner.reproduce.verdict import Verdict

__all__ = ["Asked", "Verdict", "reproduce"]
