"""The documentation says what is so: its links, examples, options, keys and codes are checked."""

from __future__ import annotations

import ast
import html
import inspect
import re
import shutil
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import runner
from runner import errors, pipeline, settings
from runner.cli import program
from runner.cli.app import group
from runner.config import RunConfig
from runner.report import Report, TaskReport
from runner.request import Listener, Request
from runner.settings import LEVELS
from runner.task import RunTask
from tests.conftest import Project

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/runner"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# Pages that name options of other programs too are left out.
OWN_PAGES = [
    page
    for page in PAGES
    if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md", "cluster.md", "compare.md")
    and page.name not in ("containers.md", "migrate.md", "performance.md", "reuse.md", "server.md")
]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^]\n]+\]\(([^)\s]+)\)")
_SPANS = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w=-])(--?[a-z][a-z-]*)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = page.read_text(encoding="utf-8")
    return [textwrap.dedent(m[3]).strip() for m in _FENCE.finditer(text) if m[2] == language]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next of any depth."""
    text = prose(page)
    start = re.search(rf"^#+ {re.escape(title)}$", text, re.MULTILINE)
    assert start, f"{page.name} has no section {title!r}"
    rest = text[start.end() :]
    following = _HEADING.search(rest)
    return rest[: following.start()] if following else rest


def table_keys(text: str) -> list[str]:
    """The first column of the tables in a text, without backticks."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return [row.replace("`", "") for row in rows if not set(row) <= {"-"}]


def anchors(page: Path) -> set[str]:
    """What a link may name in a page, as GitHub makes it from the headings."""
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(prose(page)))
    return {title.replace(" ", "-") for title in plain}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(prose(page)):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(
    ("page", "target"), list(links()), ids=lambda part: getattr(part, "name", part)
)
def test_relative_links_lead_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    assert found.exists(), f"{page.name}: there is no {name}"
    if anchor:
        assert anchor in anchors(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_toml_blocks_are_toml(page: Path) -> None:
    for text in blocks(page, "toml"):
        assert tomllib.loads(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_compile(page: Path) -> None:
    for text in blocks(page, "python"):
        compile(text, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_place_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w…])/(tmp|home|root|work|Users|opt|var)/", text)


def options(command: click.Command) -> set[str]:
    return {o for p in command.params if isinstance(p, click.Option) for o in p.opts} | {
        *group.context_settings["help_option_names"]
    }


def documented(title: str) -> set[str]:
    rows = table_keys(section(ROOT / "docs/commands.md", title))
    return {option for row in rows for option in _OPTION.findall(row)}


def named(command: str) -> click.Command:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    return found


@pytest.mark.parametrize("command", program.COMMANDS)
def test_every_option_is_in_the_reference(command: str) -> None:
    assert documented(command) == options(named(command))


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_option_named_exists(page: Path) -> None:
    known = {"--version", "-m"}.union(*(options(named(name)) for name in program.COMMANDS))
    commands = re.findall(r"^(?:    |\$ )(?:python -m )?runner (.*)$", page.read_text(), re.M)
    said = {o for span in _SPANS.findall(prose(page)) for o in _OPTION.findall(span)}
    said |= {option for line in commands for option in _OPTION.findall(line)}
    assert said <= known


def test_every_run_config_key_is_documented() -> None:
    keys = table_keys(section(ROOT / "docs/config.md", "[RunConfig]"))
    assert keys[1:] == list(RunConfig.model_fields)


def test_the_defaults_of_run_config_are_those_documented() -> None:
    rows = section(ROOT / "docs/config.md", "[RunConfig]").splitlines()
    cells = [[c.strip() for c in row.split("|")[1:-1]] for row in rows if row.startswith("| `")]
    for name, _, default, _ in cells:
        field = RunConfig.model_fields[name.strip("`")]
        if field.is_required():
            assert default == ""
        elif field.default is not None:
            value = default.strip("`")
            assert tomllib.loads(f"value = {value}")["value"] == field.default


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = {int(code) for code in table_keys(section(ROOT / "docs/commands.md", "Exit codes"))[1:]}
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    meant = {c.exit_code for c in classes if issubclass(c, errors.RunnerError)}
    assert codes == {0, *meant, *(errors.Interrupted(n).exit_code for n in (1, 2, 15))}


def test_the_fields_of_the_json_document_are_all_there() -> None:
    keys = ", ".join(table_keys(section(ROOT / "docs/commands.md", "--json"))).split(", ")
    of_run, of_task = keys[1 : keys.index("field of a task")], keys[keys.index("field of a task") :]
    assert set(of_run) == set(Report.__dataclass_fields__)
    assert of_task[1:] == list(TaskReport.__dataclass_fields__)


ENVIRONMENT = ROOT / "docs/environment.md"


def test_every_variable_of_the_example_is_documented() -> None:
    named = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert table_keys(section(ENVIRONMENT, "Read by the runner"))[1:] == named


def variables_in_the_code() -> set[str]:
    """Strings of the runner's source that can only be names of variables."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py"))
    constants = (n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant))
    words = {word for text in constants if isinstance(text, str) for word in text.split()}
    family = r"(LUIGI|MLFLOW|RUNNER|GIT|AWS|DASK|CUDA)_[A-Z_0-9]+|[A-Z]+_(NUM|MAXIMUM)_THREADS"
    known = re.compile(rf"{family}|PROJECT_ROOT|PYTHON[A-Z]+")
    return {word for word in words if known.fullmatch(word)} - {"PYTHONWARNINGS"}


def test_the_variables_documented_are_those_of_the_code() -> None:
    parts = ("Read by the runner", "Set while tasks run", "Set for other programs")
    text = "".join(section(ENVIRONMENT, part) for part in parts)
    named = set(re.findall(r"`([A-Z][A-Z_0-9]{4,}[A-Z])`", text))
    assert named - set(LEVELS) == variables_in_the_code()


def test_the_variables_of_mlflow_are_known_to_mlflow() -> None:
    from mlflow import environment_variables

    named = re.findall(r"`(MLFLOW_[A-Z_0-9]+)`", prose(ENVIRONMENT))
    unknown = {n for n in named if not hasattr(environment_variables, n)}
    assert len(named) > 10 and unknown <= {"MLFLOW_BACKEND_STORE_URI", "MLFLOW_CONFIGURE_LOGGING"}


API = ROOT / "docs/api.md"


def public(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def named_in(title: str) -> list[str]:
    keys = table_keys(section(API, title))[1:]
    return [key for row in keys for key in re.sub(r"\([^)]*\)", "", row).split(", ")]


def test_the_api_is_all_documented() -> None:
    titles = set(_HEADING.findall(prose(API)))
    assert set(runner.__all__) <= titles
    extra = {"ok", "metrics", 'report["Trainer"]', "frame", "as_dict"}
    assert set(named_in("Report")) == extra
    assert extra - {'report["Trainer"]'} == public(Report) - set(Report.__dataclass_fields__)
    parts = ("What a class declares", "What an instance offers", "The older form")
    named = {name for part in parts for name in named_in(part)}
    named |= set(named_in("Of the effective config"))
    assert public(RunTask) - {"get_params"} | {"input"} == named  # the first is for luigi alone


def test_the_defaults_of_a_task_are_those_documented() -> None:
    rows = section(API, "What a class declares").splitlines()
    cells = [[c.strip(" `") for c in row.split("|")[1:-1]] for row in rows if row.startswith("| `")]
    found = {name: default for name, _, default, _ in cells if default}
    assert found.pop("outputs") == "{}"  # a descriptor on the class
    for name, default in found.items():
        assert ast.literal_eval(default) == inspect.getattr_static(RunTask, name)


def test_requests_and_listeners_are_those_documented() -> None:
    assert named_in("Request") == list(Request.__dataclass_fields__)
    assert set(named_in("Listener")) == public(Listener)


def test_the_arguments_of_run_are_those_documented() -> None:
    rows = section(API, "run").splitlines()
    cells = [[c.strip(" `") for c in row.split("|")[1:-1]] for row in rows if row.startswith("| `")]
    arguments = inspect.signature(runner.run).parameters
    assert [name for name, *_ in cells] == list(arguments)
    for name, _, default, _ in cells:
        assert ast.literal_eval(default) == arguments[name].default


def test_the_functions_for_programs_are_called_as_documented() -> None:
    calls = table_keys(section(API, "For programs"))[1:]
    functions = (settings.load, pipeline.run, pipeline.why, pipeline.plan_for)
    for call, function in zip(calls, functions, strict=True):
        bare = inspect.signature(function, eval_str=False).replace(return_annotation=str)
        given = [p.replace(annotation=p.empty) for p in bare.parameters.values()]
        assert call.endswith(f"{function.__name__}({', '.join(map(str, given))})")


def test_the_errors_are_those_documented() -> None:
    rows = section(API, "Errors").splitlines()
    cells = [[c.strip(" `") for c in row.split("|")[1:-1]] for row in rows if row.startswith("| `")]
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    own = {c.__name__: c.exit_code for c in classes if issubclass(c, errors.RunnerError)}
    assert {name: int(code) for name, code, _ in cells} == own


def test_the_glossary_is_in_order_and_leads_on() -> None:
    rows = [r for r in prose(ROOT / "docs/glossary.md").splitlines() if r.startswith("| **")]
    words = [row.split("**")[1] for row in rows]
    assert words == sorted(words) and len(set(words)) == len(words)
    for row in rows:
        assert _LINK.search(row), f"{row} leads nowhere"
        assert row.endswith(". |"), f"{row} is no sentence"


def demo(project: Project) -> None:
    """Makes a project a copy of the one that the documentation speaks of."""
    shutil.copytree(ROOT / "src/tasks", project.root / "src/tasks")
    shutil.copytree(ROOT / "input", project.root / "input")
    (project.root / "luigi.toml").write_bytes(shipped("luigi.toml"))


def append(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


def shipped(name: str) -> bytes:
    """A file as the last commit has it: whoever follows the README edits it."""
    command = ["git", "-C", str(ROOT), "show", f"HEAD:{name}"]
    told = subprocess.run(command, capture_output=True, check=False)
    return told.stdout if told.returncode == 0 else (ROOT / name).read_bytes()


def test_the_tutorial_of_the_readme_works(project: Project) -> None:
    pytest.importorskip("sklearn")
    demo(project)
    readme = ROOT / "README.md"
    (code,) = blocks(readme, "python")
    pin, own_section = blocks(readme, "toml")
    (name,) = re.findall(r'"run:(.+)"', pin)
    first = project.command("--run-name", name)
    project.write("src/tasks/importance.py", code)
    config = project.root / "luigi.toml"
    lines = [line for line in pin.splitlines() if line.startswith("Preprocessor")]
    config.write_text(
        re.sub(r"^# Preprocessor = .*$", *lines, config.read_text(), flags=re.MULTILINE)
    )
    append(config, own_section)

    (command,) = re.findall(r"^\$ python -m runner (Importance)$", readme.read_text(), re.MULTILINE)
    done = project.command(*command.split())

    assert "cv_accuracy" in first.out
    assert re.search(rf"Preprocessor +reused from {name}", done.out)
    assert re.search(rf"Trainer +reused from {name}", done.out)
    assert re.search(r"Importance +ran .* highest_importance 0\.", done.out)
    (table,) = project.root.glob("mlruns/*/*/artifacts/Importance/importance.csv")
    assert table.read_text() in readme.read_text()
    refused = project.command("Importance", "-o", "Importance.shuffle=9", code=2)
    assert refused.err.strip() in readme.read_text()


def test_the_examples_of_the_tasks_page_work(project: Project) -> None:
    pytest.importorskip("pandas")
    demo(project)
    page = ROOT / "docs/tasks.md"
    for number, code in enumerate(blocks(page, "python"), start=1):
        project.write(f"src/examples/example{number}.py", code)
    project.write("src/examples/__init__.py", "")
    (own_section,) = blocks(page, "toml")
    project.write(
        "luigi.toml",
        '[RunConfig]\nexperiment_name = "examples"\ntask = "Mean"\nmodules = ["examples"]\n'
        f'[PathConfig]\ninput = "input"\n{own_section}\n',
    )
    for task in ("Describe", "Mean", "Collect", "Average"):
        assert project.run_here(f"RunConfig.task={task}").ok


def test_the_picture_of_a_terminal_shows_what_the_readme_shows() -> None:
    """scripts/pictures draws it anew."""
    drawn = html.unescape("".join(re.findall(r"<text[^>]*>(.*?)</text>", picture("terminal.svg"))))
    drawn = re.sub(r"\s+", " ", drawn)
    assert "python -m runner" in drawn and "seed 0 → 1" in drawn
    said = re.findall(
        r"^(\w+) +ran +[\d.]+ +(.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M
    )
    assert len(said) >= 3
    for task, rest in said[:3]:
        assert task in drawn and re.sub(r"\s+", " ", rest) in drawn


def test_pictures_are_small_and_show_nothing_from_elsewhere() -> None:
    found = sorted((ROOT / "docs/pictures").iterdir())
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {path.name for path in found} == set(re.findall(r"pictures/([\w.-]+)\)", pages))
    assert sum(path.stat().st_size for path in found) < 300_000
    for path in found:
        if path.suffix == ".svg":
            elsewhere = r"url\((?!#)|href|https?://(?!www\.w3\.org/)"
            assert not re.search(elsewhere, picture(path.name))


def picture(name: str) -> str:
    return (ROOT / "docs/pictures" / name).read_text(encoding="utf-8")
