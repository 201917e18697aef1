"""A config file, read as the parameters that a run with it would log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import runner.luigi_parser  # noqa: F401  first, or luigi reads config files by itself
from runner import config as configs
from runner import luigi_parser, planning, project_code
from runner.errors import ConfigError, ProjectCodeError
from runner.project_code import ProjectTasks
from runner.redaction import Redactor
from runner.settings import Settings
from runner.tracking import params

_SUFFIX = ".toml"


def is_file(asked: str) -> bool:
    """Whether a config file is meant, and no run: it ends in .toml, or has a folder in front."""
    return not asked.startswith("run:") and (asked.endswith(_SUFFIX) or "/" in asked)


def located(asked: str, settings: Settings) -> Path:
    """A file of the working directory, as in any command; else of the project."""
    path, inside = Path(asked), settings.root / asked
    return inside if not path.exists() and inside.exists() else path


def parameters(path: Path, settings: Settings) -> dict[str, str]:
    """What a run would log, with the defaults of the project's code as it is.

    Raises:
        ConfigError, ProjectCodeError, GraphError: such a run could not be started.
    """
    project_code.unload()
    project = ProjectTasks(settings.root)
    config = configs.load(path, settings=settings, tasks=project.sections)
    luigi_parser.fill(config.sections)
    sections = planning.parameters_of(config, project)
    return params.parameters(sections, Redactor(settings.secrets))


def check_changes(path: Path, changes: Sequence[str], settings: Settings) -> None:
    """Judges overrides of a config; what else is wrong with it is left for the run to say.

    Raises:
        ConfigError: an override has a key or value that the project's tasks do not take.
    """
    if not changes:
        return
    project_code.unload()
    project = ProjectTasks(settings.root)
    try:
        configs.load(path, changes, settings=settings, tasks=project.sections)
    except ConfigError as error:
        own = [problem for problem in error.problems if problem.where == "command line"]
        if own:
            raise ConfigError(own) from None
    except ProjectCodeError:  # no task can judge it
        return
