"""luigi gets its config from the runner, checked, and never reads a file by itself."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigError
from tests.conftest import Project, clean_environment

KINDS = """
import datetime, enum
import luigi
from runner import RunTask

class Colour(enum.Enum):
    RED = 1

class Kinds(RunTask):
    text = luigi.Parameter(default="x")
    number = luigi.IntParameter(default=0)
    real = luigi.FloatParameter(default=0.0)
    flag = luigi.BoolParameter()
    day = luigi.DateParameter(default=datetime.date(2000, 1, 1))
    hour = luigi.DateHourParameter(default=datetime.datetime(2000, 1, 1))
    month = luigi.MonthParameter(default=datetime.date(2000, 1, 1))
    span = luigi.TimeDeltaParameter(default=datetime.timedelta(1))
    several = luigi.ListParameter(default=())
    pair = luigi.TupleParameter(default=())
    table = luigi.DictParameter(default={})
    choice = luigi.ChoiceParameter(choices=["a", "b"], default="a")
    level = luigi.ChoiceParameter(choices=[1, 2], var_type=int, default=1)
    colour = luigi.EnumParameter(enum=Colour, default=Colour.RED)
    maybe = luigi.OptionalParameter(default=None)
    maybe_number = luigi.OptionalIntParameter(default=None)
    bounded = luigi.NumericalParameter(var_type=int, min_value=0, max_value=9, default=1)

    outputs = {"x": "x.txt"}

    def run(self):
        kwargs = {name: getattr(self, name) for name in self.get_param_names()}
        self.outputs["x"].write_text(repr(kwargs))
"""


def parameters(project: Project, section: str) -> Any:
    project.pipeline(KINDS, task="Kinds", config=f"[Kinds]\n{section}\n")
    report = project.run_here(dry_run=True)
    assert report.status == "PLANNED"
    report = project.run_here()
    from luigi.freezing import FrozenOrderedDict

    text = (report.artifact_dir / "Kinds" / "x.txt").read_text().replace("<Colour.RED: 1>", "'red'")
    return eval(text, {"datetime": datetime, "FrozenOrderedDict": FrozenOrderedDict})


def test_every_kind_of_parameter_gets_its_value_from_the_section(project: Project) -> None:
    values = parameters(
        project,
        """
        text = "two words"
        number = -5
        real = 2
        flag = true
        day = 2024-02-29
        hour = "2024-02-29T07"
        month = "2024-02"
        span = "2 days"
        several = [1, "a", [2, {b = 3}]]
        pair = [[1, 2], [3, 4]]
        table = {a = 1, b = {c = [1]}}
        choice = "b"
        level = 2
        colour = "RED"
        maybe = "x"
        maybe_number = 7
        bounded = 8
        """,
    )
    assert values["text"] == "two words"
    assert (values["number"], values["real"], values["flag"]) == (-5, 2.0, True)
    assert isinstance(values["real"], float)
    assert values["day"] == datetime.date(2024, 2, 29)
    assert values["hour"] == datetime.datetime(2024, 2, 29, 7)
    assert values["month"] == datetime.date(2024, 2, 1)
    assert values["span"] == datetime.timedelta(2)
    assert values["several"] == (1, "a", (2, {"b": 3}))
    assert values["pair"] == ((1, 2), (3, 4))
    assert values["table"] == {"a": 1, "b": {"c": (1,)}}
    assert (values["choice"], values["level"], values["colour"]) == ("b", 2, "red")
    assert (values["maybe"], values["maybe_number"], values["bounded"]) == ("x", 7, 8)


def test_numbers_and_booleans_written_as_strings_are_parsed_as_luigi_does(
    project: Project,
) -> None:
    values = parameters(project, 'number = "5"\nreal = "0.5"\nflag = "false"\n')
    assert (values["number"], values["real"], values["flag"]) == (5, 0.5, False)


@pytest.mark.parametrize(
    "line",
    [
        *("number = 5.7", "number = true", "number = 5.0", "number = [5]", "number = 'x'"),
        *("real = true", "real = 'x'", "real = [1.5]", "flag = 1", "flag = 'maybe'"),
        *("day = 5", "day = 'yesterday'", "several = 'x'", "several = 5"),
        *("choice = 'c'", "level = 3", "colour = 'BLUE'", "maybe_number = 5.7", "bounded = 10"),
        *("maybe_number = true", "span = 'x'", "hour = 2024-02-29"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_key(project: Project, line: str) -> None:
    project.pipeline(KINDS, task="Kinds", config=f"[Kinds]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        project.run_here(dry_run=True)
    (problem,) = caught.value.problems
    assert (problem.where, problem.key) == ("luigi.toml", f"Kinds.{line.split(maxsplit=1)[0]}")
    assert "expected a value for" in problem.text and "got" in problem.text


BROKEN = "[core]\nx = [1, 2\n[worker\n"


@pytest.mark.parametrize("variable", [None, "LUIGI_CONFIG_PATH"])
@pytest.mark.parametrize(
    "start",
    ["from runner import RunTask", "import runner.pipeline", "import runner.task, luigi.util"],
)
def test_luigi_reads_no_file_by_itself(tmp_path: Path, variable: str | None, start: str) -> None:
    (tmp_path / "luigi.toml").write_text(BROKEN)
    (tmp_path / "luigi.cfg").write_text("[core]\nx = of the cfg\n")
    (tmp_path / "other.toml").write_text(BROKEN)
    ask = "import luigi.configuration as c; print(c.get_config().data)"
    env = clean_environment() | ({variable: str(tmp_path / "other.toml")} if variable else {})
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{start}; {ask}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{'core': {'autoload_range': False}}\n"


def test_luigis_own_sections_reach_luigi_as_they_are(project: Project) -> None:
    from luigi import configuration

    project.pipeline(
        config='[core]\nlog_level = "INFO"\n[resources]\ngpu = 2\n[worker]\nkeep_alive = false\n'
    )
    project.run_here(dry_run=True)
    found = configuration.get_config()
    assert found.get("core", "log_level") == "INFO"
    assert found.getint("resources", "gpu") == 2
    assert found.getboolean("worker", "keep_alive") is False


def test_the_next_run_of_a_process_forgets_the_values_of_the_last_one(project: Project) -> None:
    assert parameters(project, "number = 5")["number"] == 5
    assert parameters(project, "")["number"] == 0


def test_a_central_scheduler_is_spoken_to_by_requests_all_the_same(project: Project) -> None:
    ask = "import sys, runner.luigi_parser as p\nfrom luigi import rpc\n"
    ask += "print('requests' in sys.modules, type(rpc.RemoteScheduler()._fetcher).__name__)\n"
    ask += "p.fill({'core': {'scheduler_url': 'http://127.0.0.1:1'}})\n"
    ask += "print('requests' in sys.modules, type(rpc.RemoteScheduler()._fetcher).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False URLLibFetcher\nTrue RequestsFetcher\n"


def test_requests_is_kept_from_nobody_else() -> None:
    start = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    for first in ("pass", start):  # another thread may want it at this very moment
        code = f"{first}; import runner.luigi_parser, sys; print('requests' in sys.modules)"
        code += "; import requests; requests.Session()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{first == start}\n"
