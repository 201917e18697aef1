"""Config files for the tests of `runner.config`, without a project around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from runner.config import Config, Overrides, load
from runner.errors import ConfigError
from runner.settings import Settings

BASE = '[RunConfig]\nexperiment_name = "trial"\ntask = "Trainer"\n'


class Configs:
    """A folder of config files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, text: str | bytes, name: str = "luigi.toml") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def load(
        self,
        text: str | bytes | None = None,
        overrides: Overrides = (),
        *,
        files: Iterable[str] = ("luigi.toml",),
        tasks: Any = None,
        **settings: Any,
    ) -> Config:
        """Loads the files; `text` is that of luigi.toml."""
        if text is not None:
            self.write(text)
        found = Settings(root=self.root, **settings)
        return load([self.root / f for f in files], overrides, settings=found, tasks=tasks)

    def problems(self, *args: Any, **kwargs: Any) -> list[str]:
        """What the ConfigError of the same call says, a line a problem."""
        with pytest.raises(ConfigError) as caught:
            self.load(*args, **kwargs)
        assert caught.value.exit_code == 2
        return [str(problem) for problem in caught.value.problems]


def tasks(*names: str, **checks: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Stands for the project's tasks: their names, or name=check."""
    return lambda modules: {**{name: lambda values: [] for name in names}, **checks}


@pytest.fixture
def configs(tmp_path: Path) -> Configs:
    return Configs(tmp_path)
