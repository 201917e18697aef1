"""The command: parse, one call, print, exit code."""

from runner.cli.app import main

__all__ = ["main"]
