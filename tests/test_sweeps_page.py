"""The page of a sweep."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runner.config.sweep import Range, SweepConfig
from runner.sweeps import pictures, scales
from runner.sweeps.report import TrialReport
from tests.conftest import Project
from tests.sweeping import SWEEP, sweep, sweeping


def page(project: Project, *args: str) -> str:
    return (Path(sweep(project, *args)["artifact_dir"]) / "report.html").read_text()


def test_it_shows_the_best_trial_the_table_and_pictures(project: Project) -> None:
    values = SWEEP.replace("[0.25, 0.5, 0.75]", "[0.1, 0.2, 0.3, 0.4, 0.5]")
    sweeping(project, values + "Train.seed = [1, 2]\n", "[Train]\nbad = 0.4")
    found = page(project, "--run-name", "tuning")
    assert "<b>0.5</b><span>best score</span>" in found
    for heading in ("History", "Importance", "Parallel coordinates", "Trials"):
        assert f"<h2>{heading}</h2>" in found
    rows = re.findall(r"<tr.*?</tr>", found, re.DOTALL)[1:]
    assert len(rows) == 10 and sum("ValueError: a bad value" in row for row in rows) == 2
    (best,) = (row for row in rows if 'class="best"' in row)
    assert "0.5" in best and "tuning-" in best
    assert len(re.findall(r'<polyline [^>]*class="line', found)) == 8  # those that are done
    assert not re.search(r"(src|href)=\"(?!data:)", found)


def test_what_people_wrote_is_text(project: Project) -> None:
    evil = "</svg><script>alert(1)</script>"
    code = SWEEP.replace("Train.x = [0.25, 0.5, 0.75]", f'Train.shape = ["{evil}", "b"]')
    sweeping(project, code, f'description = "{evil}"')
    found = page(project)
    assert "<script" not in found and "&lt;script&gt;" in found


def test_secrets_are_masked(project: Project, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    code = SWEEP.replace("Train.x = [0.25, 0.5, 0.75]", 'Train.shape = ["${MY_TOKEN}", "b"]')
    sweeping(project, code)
    assert "hunter2" not in page(project)


FINITE = st.floats(-1e9, 1e9)


@given(st.lists(FINITE, min_size=1, max_size=20))
def test_all_numbers_lie_on_their_axis(values: list[float]) -> None:
    axis = scales.of_numbers(values)
    for value in values:
        assert -1e-6 <= axis.at(value) <= 1 + 1e-6
    assert axis.ticks()
    assert all(-1e-6 <= at <= 1 + 1e-6 for at, _ in axis.ticks())


@given(st.floats(1e-6, 1e6), st.floats(1, 1e6), st.booleans())
def test_axes_of_ranges(low: float, factor: float, log: bool) -> None:
    axis = scales.of_key(Range(low=low, high=low * factor, log=log))
    assert 0 <= axis.at(low) <= axis.at(low * factor) <= 1
    assert axis.ticks()


def test_axes_of_choices() -> None:
    assert scales.of_key([3, 1, 2]).ticks() == [(1.0, "3"), (0.0, "1"), (0.5, "2")]
    assert [text for _, text in scales.of_key(["ridge", True, 3]).ticks()] == ["ridge", "True", "3"]
    assert scales.of_key(["only"]).ticks() == [(0.5, "only")]


def test_pictures_of_nothing() -> None:
    config = SweepConfig(metric="m", direction="minimize", space={"A.b": [1]}, method="grid")
    failed = [TrialReport(0, "failed"), TrialReport(1, "waiting")]
    assert pictures.history(failed, config) == pictures.parallel(failed, config, None) == ""
    assert pictures.importance({}) == ""
