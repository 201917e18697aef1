"""Artifacts that are not in a folder: behind an MLflow server over PostgreSQL, and on S3."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runner
from runner.artifacts import contents
from runner.artifacts import manifest as manifests
from runner.artifacts.copies import Copies
from runner.artifacts.remote_index import Pointer, RemoteIndex
from runner.artifacts.store import ArtifactStore, is_remote, parent, unusable
from runner.errors import ConfigError, MissingInputError, TrackingError
from tests.clusters import FIXTURE, end, worker
from tests.conftest import PIPELINE, Project
from tests.servers import BUCKET, FIXTURES, S3_KEYS, free_port
from tests.sweeping import SWEEP, ran, sweep, sweeping

cluster = FIXTURE
bucket, destination, postgresql, proxy, s3, s3_environment = FIXTURES

ID = "0" * 32


class Place:
    """A shared place for artifacts: what a config says of it, and a way behind the scenes.

    Attributes:
        lines: for `[RunConfig]`.
    """

    def __init__(self, lines: str) -> None:
        self.lines = lines

    def read(self, path: str) -> bytes:
        raise NotImplementedError

    def write(self, path: str, content: bytes) -> None:
        raise NotImplementedError

    def paths(self) -> list[str]:
        raise NotImplementedError

    def index(self) -> list[str]:
        return [path for path in self.paths() if path.startswith(".reuse/")]

    def one(self, end: str) -> str:
        """The only path that ends so."""
        (path,) = (path for path in self.paths() if path.endswith(end))
        return path


class Proxied(Place):
    """A server that hands artifacts through, seen in the folder where it keeps them."""

    def __init__(self, uri: str, folder: Path) -> None:
        super().__init__(f'tracking_uri = "{uri}"\n')
        self._folder = folder

    def read(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        (self._folder / path).write_bytes(content)

    def paths(self) -> list[str]:
        return [name for name, _ in contents.files_below(self._folder)]


class OnS3(Place):
    """A prefix of a bucket, with the project's own SQLite store."""

    def __init__(self, found: Any, prefix: str, store: Path) -> None:
        super().__init__(
            f'artifact_root = "s3://{BUCKET}/{prefix}"\ntracking_uri = "sqlite:///{store}"\n'
        )
        self._bucket = found
        self._prefix = prefix

    def read(self, path: str) -> bytes:
        body: bytes = self._bucket.Object(f"{self._prefix}/{path}").get()["Body"].read()
        return body

    def write(self, path: str, content: bytes) -> None:
        self._bucket.Object(f"{self._prefix}/{path}").put(Body=content)

    def paths(self) -> list[str]:
        found = self._bucket.objects.filter(Prefix=f"{self._prefix}/")
        return [item.key.removeprefix(f"{self._prefix}/") for item in found]


@pytest.fixture(params=["proxied", "s3"])
def place(request: pytest.FixtureRequest, project: Project, tmp_path: Path) -> Place:
    if request.param == "s3":
        found = request.getfixturevalue("bucket")
        return OnS3(found, tmp_path.name, project.root / "mlflow.db")
    folder = request.getfixturevalue("destination")
    for child in folder.iterdir():
        shutil.rmtree(child)
    return Proxied(request.getfixturevalue("proxy"), folder)


@pytest.fixture
def remote(project: Project, place: Place) -> Project:
    """A project with a remote artifact root that reuses automatically."""
    return configured(project, place)


def configured(project: Project, place: Place, *more: str) -> Project:
    lines = [
        f'experiment_name = "{project.root.parent.name}"',
        *more,
        'reuse = "auto"',
        place.lines,
    ]
    project.write("src/tasks/__init__.py", PIPELINE)
    project.write("luigi.toml", '[RunConfig]\ntask = "Count"\n' + "\n".join(lines) + "\n")
    return project


@pytest.fixture
def clone(remote: Project, tmp_path: Path) -> Iterator[Project]:
    """The same project in another folder, that knows nothing of what was run in the first."""
    yield copied(remote, tmp_path / "clone")


def copied(project: Project, folder: Path) -> Project:
    folder.mkdir()
    shutil.copytree(project.root / "src", folder / "src")
    shutil.copyfile(project.root / "luigi.toml", folder / "luigi.toml")
    return Project(folder)


def outcomes(report: Any) -> dict[str, str]:
    assert report.ok, report.error
    return {task.name: task.status for task in report.tasks}


def directory(report: Any, name: str) -> Path:
    (found,) = (task.directory for task in report.tasks if task.name == name)
    return Path(found)


REUSED = {"Write": "reused", "Count": "reused"}
RAN = {"Write": "ran", "Count": "ran"}


def test_a_run_sends_everything(remote: Project, place: Place) -> None:
    report = remote.run_here()
    assert outcomes(report) == RAN
    assert report.artifact_dir.is_relative_to(remote.root / ".runner")
    sent = [path for path in place.paths() if not path.startswith(".reuse/")]
    inside = {path.partition(f"{report.run_id}/artifacts/")[2] for path in sent}
    assert inside == {
        *("runner.log", "report.html", "luigi.toml", "pip-freeze.txt"),
        *("Write/text.txt", "Write/manifest.json", "Count/count.txt", "Count/manifest.json"),
    }
    assert place.read(place.one("Count/count.txt")) == b"5"
    assert b"FINISHED" in place.read(place.one("runner.log"))
    assert "Count" in place.read(place.one("luigi.toml")).decode()


def test_no_manifest_is_sent_before_all_files_are(
    project: Project, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.artifacts.store._ATTEMPTS", 1)
    project.pipeline()
    folder = directory(project.run_here(), "Write")
    store = ArtifactStore(f"s3://{BUCKET}/{tmp_path.name}", "")
    (folder / "text.txt").rename(folder / "elsewhere")
    with pytest.raises(TrackingError, match=r"can't be written: .*text\.txt"):
        store.send(folder, "Write")
    assert store.files("Write") == {}
    (folder / "elsewhere").rename(folder / "text.txt")
    store.send(folder, "Write")
    assert set(store.files("Write")) == {"text.txt", "manifest.json"}


def test_another_clone_reuses_and_computes_nothing(
    remote: Project, clone: Project, place: Place
) -> None:
    first = remote.run_here()
    seen = place.paths()
    planned = clone.run_here(dry_run=True)
    assert outcomes(planned) == REUSED
    assert not list((clone.root / ".runner").rglob("*.txt")), "a dry run fetches manifests only"
    again = clone.run_here()
    assert (again.status, outcomes(again)) == ("UNCHANGED", REUSED)
    assert {task.origin for task in again.tasks} == {first.run_name}
    for name, file in (("Write", "text.txt"), ("Count", "count.txt")):
        here = directory(again, name)
        assert here.is_relative_to(clone.root)
        assert (here / file).read_bytes() == (directory(first, name) / file).read_bytes()
    assert place.paths() == seen
    assert (clone.root / ".runner" / ".gitignore").read_text() == "*\n"


#: Hides a folder from the command that follows: an empty one is there instead.
HIDES = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"']


@pytest.mark.skipif(
    subprocess.run([*HIDES, "/mnt", "true"], capture_output=True, check=False).returncode != 0,
    reason="a folder can't be hidden from a process here",
)
def test_a_worker_that_does_not_see_the_project(
    project: Project,
    proxy: str,
    destination: Path,
    cluster: str,
    tmp_path: Path,
) -> None:
    from mlflow import MlflowClient

    for child in destination.iterdir():
        shutil.rmtree(child)
    configured(project, Proxied(proxy, destination), 'engine = "dask"')
    where = f"RunConfig.engine_address={cluster}"
    apart = worker(tmp_path / "apart", cluster, before=[*HIDES, str(project.root)])
    try:
        report = project.run_here(where)
        assert report.status == "FINISHED" and outcomes(report) == RAN
        names = [path.name for path in report.artifact_dir.rglob("*") if path.is_file()]
        assert "count.txt" not in names and names.count("manifest.json") == 2
        run = MlflowClient(proxy).get_run(report.run_id)
        assert run.data.metrics == {"written": 5, "counted": 5}
        # One is computed anew there, from what the other one sent.
        again = project.run_here(where, force=["Count"])
        assert outcomes(again) == {"Write": "reused", "Count": "ran"}
    finally:
        end(apart)
    elsewhere = copied(project, tmp_path / "clone")
    found = elsewhere.run_here("RunConfig.engine=inline")
    assert outcomes(found) == REUSED
    assert (directory(found, "Count") / "count.txt").read_text() == "5"


def test_early_cut_off_between_clones(remote: Project, clone: Project) -> None:
    first = remote.run_here("Write.text=olleh")
    code = PIPELINE.replace("(self.config.text)\n", "(self.config.text[::-1])\n", 1)
    clone.write("src/tasks/__init__.py", code)
    report = clone.run_here()
    assert outcomes(report) == {"Write": "ran", "Count": "reused"}
    assert (directory(report, "Write") / "text.txt").read_text() == "olleh"
    assert first.run_id in str(directory(report, "Count"))


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("text.txt", flipped, "other bytes"),
        ("text.txt", lambda content: content[:-1], "4 bytes, not 5"),
        ("manifest.json", lambda content: content[: len(content) // 2], "manifest is damaged"),
    ],
    ids=["flip", "truncate", "manifest"],
)
def test_what_is_damaged_remotely_is_never_served(
    remote: Project,
    clone: Project,
    place: Place,
    caplog: pytest.LogCaptureFixture,
    file: str,
    damage: Any,
    said: str,
) -> None:
    remote.run_here()
    path = place.one(f"Write/{file}")
    place.write(path, damage(place.read(path)))
    before = place.index()
    planned = clone.run_here(dry_run=True)
    if damage is not flipped:  # which no listing shows
        assert said in planned.tasks[0].reason
    assert place.index() == before
    caplog.clear()

    report = clone.run_here()

    assert outcomes(report)["Write"] == "ran"
    assert (directory(report, "Write") / "text.txt").read_text() == "hello"
    (warning,) = (r.getMessage() for r in caplog.records if "computed anew" in r.getMessage())
    assert said in warning and path.rpartition("/")[0] in warning
    assert len(place.index()) == len(before) and set(place.index()) != set(before)
    third = copied(remote, clone.root.with_name("third"))
    assert outcomes(third.run_here()) == REUSED


def test_a_copy_that_was_damaged_here_is_fetched_again(
    remote: Project, clone: Project, place: Place
) -> None:
    remote.run_here()
    first = clone.run_here()
    copy = directory(first, "Count") / "count.txt"
    copy.write_text("12345")
    again = clone.run_here()
    assert (again.status, copy.read_text()) == ("UNCHANGED", "5")


def test_a_pin_to_a_remote_run(remote: Project, clone: Project, place: Place) -> None:
    first = remote.run_here("Write.text=pinned", "RunConfig.run_name=calm-fox")
    pins = ("PathConfig.Write=run:calm-fox", "RunConfig.reuse=pinned")
    planned = clone.run_here(*pins, dry_run=True)
    assert outcomes(planned) == {"Write": "reused", "Count": "to run"}
    assert not list((clone.root / ".runner").rglob("*.txt"))
    report = clone.run_here(*pins)
    assert outcomes(report) == {"Write": "reused", "Count": "ran"}
    assert (directory(report, "Count") / "count.txt").read_text() == "6"
    by_id = clone.run_here(f"PathConfig.Write=runs:/{report.run_id}/Write", pins[1])
    assert directory(by_id, "Write") == directory(report, "Write")
    assert first.run_id in str(directory(by_id, "Write"))
    with pytest.raises(MissingInputError, match=rf"recent runs .*run:{first.run_id[:8]}"):
        clone.run_here("PathConfig.Write=run:nosuch", dry_run=True)
    text = runner.load(f"runs:/{report.run_id}/Write/text", project=clone.root)
    assert text.read_text() == "pinned" and text.is_relative_to(clone.root)
    path = place.one(f"{first.run_id}/artifacts/Count/count.txt")
    place.write(path, b"7")
    with pytest.raises(MissingInputError, match=r"Count is damaged: count.txt has other"):
        runner.load("runs:/calm-fox/Count/count", project=clone.root)
    with pytest.raises(MissingInputError, match=r"Count is damaged: count.txt has other"):
        clone.run_here("PathConfig.Count=run:calm-fox", pins[1])


def test_what_was_computed_here_meanwhile_is_found(
    project: Project, bucket: Any, tmp_path: Path
) -> None:
    configured(project, OnS3(bucket, tmp_path.name, project.root / "mlflow.db"))
    root = ArtifactStore(f"s3://{BUCKET}/{tmp_path.name}", "")
    local = project.root / ".runner" / "artifacts"
    index = RemoteIndex(root, Copies(project.root), local)
    assert index.find("Fit", "0" * 64) is None  # the listing is from before the run
    report = project.run_here()
    manifest = manifests.read(directory(report, "Count"))
    assert manifest is not None and manifest.fingerprint is not None
    found = index.find(manifest.task, manifest.fingerprint)
    assert found is not None and found.directory == directory(report, "Count")


def test_files_of_any_kind_come_back_the_same(
    remote: Project, clone: Project, place: Place
) -> None:
    code = """
    import mlflow
    from runner import RunTask, requires

    class Many(RunTask):
        outputs = {"folder": "folder", "empty": "void", "big": "big.bin"}

        def run(self):
            for name in ("a b", "ü+é", "x&y=z;1,2", "[q]'{}~"):
                path = self.outputs["folder"] / "deep" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(name)
            (self.outputs["folder"] / "deep" / "link").symlink_to("a b")
            self.outputs["empty"].mkdir()
            mlflow.log_text("by MLflow itself", "Many/note.txt")
            self.outputs["big"].write_bytes(bytes(range(256)) * 40_000)

    @requires(Many)
    class Last(RunTask):
        outputs = {"last": "last.txt"}

        def run(self):
            names = sorted(path.name for path in self.inputs["folder"].rglob("*"))
            self.outputs["last"].write_text(" ".join(names))
    """
    for each in (remote, clone):
        each.write("src/tasks/__init__.py", code)
    first = remote.run_here("RunConfig.task=Last")
    again = clone.run_here("RunConfig.task=Last")
    assert set(outcomes(again).values()) == {"reused"}
    made, fetched = directory(first, "Many"), directory(again, "Many")
    assert (fetched / "void").is_dir()
    assert place.read(place.one("Many/note.txt")) == b"by MLflow itself"
    names = {name: path.read_bytes() for name, path in contents.files_below(made)}
    assert {name: path.read_bytes() for name, path in contents.files_below(fetched)} == names


def test_a_name_that_servers_mistake_is_refused(remote: Project, place: Place) -> None:
    code = PIPELINE.replace('"text": "text.txt"', '"text": "text#1.txt"')
    remote.write("src/tasks/__init__.py", code)
    report = remote.run_here()
    assert report.status == "FAILED" and "'text#1.txt' can't be sent" in report.error
    assert not [path for path in place.paths() if "/Write/" in path]


OLDER = """
from runner import RunTask, requires

class Write(RunTask):
    def build_input_output_path_dicts(self):
        return {}, {"text": self.path_config["Write"] + "text.txt"}

    def run(self):
        with open(self.output_paths_dict["text"], "w") as file:
            file.write("hello")

@requires(Write)
class Count(RunTask):
    def build_input_output_path_dicts(self):
        return {"text": self.path_config["Write"] + "text.txt"}, {
            "count": self.path_config["Count"] + "count.txt"
        }

    def run(self):
        with open(self.input_paths_dict["text"]) as read:
            text = read.read()
        with open(self.output_paths_dict["count"], "w") as file:
            file.write(str(len(text)))
"""


def test_a_dry_run_of_the_older_form_needs_no_files(remote: Project, clone: Project) -> None:
    for each in (remote, clone):
        each.write("src/tasks/__init__.py", OLDER)
    assert outcomes(remote.run_here()) == RAN
    assert outcomes(clone.run_here(dry_run=True)) == REUSED
    forced = clone.run_here(dry_run=True, force=["Count"])
    assert outcomes(forced) == {"Write": "reused", "Count": "to run"}


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    project: Project, bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = OnS3(bucket, tmp_path.name, project.root / "mlflow.db")
    configured(project, place)
    monkeypatch.setattr("runner.artifacts.store._ATTEMPTS", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    line = "    def run(self) -> None:\n"
    cut = "        import os\n        os.environ['MLFLOW_S3_ENDPOINT_URL'] = 'http://127.0.0.1:9'\n"
    code = PIPELINE.replace(line, line + cut, 1)
    project.write("src/tasks/__init__.py", code)
    report = project.run_here()
    assert report.status == "FAILED"
    assert "were not sent" in report.error and "127.0.0.1:9" in report.error
    here = directory(report, "Write")
    assert (here / "text.txt").read_text() == "hello" and (here / "manifest.json").exists()
    assert not [path for path in place.paths() if "/Write/" in path]
    for value in S3_KEYS.values():
        assert value not in (report.artifact_dir / "runner.log").read_text()

    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", bucket.meta.client.meta.endpoint_url)
    assert outcomes(project.run_here()) == {"Write": "reused", "Count": "ran"}
    assert place.read(place.one("Write/text.txt")) == b"hello"
    assert not list((project.root / ".runner" / "unsent").iterdir())


def test_an_endpoint_that_is_dead_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.artifacts.store._ATTEMPTS", 1)
    for name, value in {**S3_KEYS, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    configured(project, Place('artifact_root = "s3://bucket/x"\n'))
    with pytest.raises(TrackingError, match="s3://bucket/x can't be listed: Could not connect"):
        project.run_here(dry_run=True)
    with pytest.raises(TrackingError, match="can't be listed: Could not connect"):
        project.run_here("RunConfig.reuse=pinned")
    assert project.runs() == []


def test_a_server_may_hand_out_a_root_on_s3(
    project: Project, proxy: str, bucket: Any, tmp_path: Path
) -> None:
    place = OnS3(bucket, tmp_path.name, tmp_path)
    place.lines = f'tracking_uri = "{proxy}"\nartifact_root = "s3://{BUCKET}/{tmp_path.name}/"\n'
    configured(project, place)
    name = "RunConfig.experiment_name=a/b #1 ü"
    assert outcomes(project.run_here(name)) == RAN
    assert len(place.index()) == 2
    clone = copied(project, tmp_path / "clone")
    clone.write(
        "luigi.toml", (clone.root / "luigi.toml").read_text().replace("artifact_root", "# ")
    )
    assert outcomes(clone.run_here(name)) == REUSED


def test_a_missing_package_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(project, Place('artifact_root = "s3://bucket/x"\n'))
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"pip install 'luigi-mlflow-runner\[s3\]'"):
        project.run_here()


@pytest.mark.parametrize("root", ["nowhere://x/y", "runs:/x", "mlflow-artifacts:/x"])
def test_a_root_that_nothing_can_be_kept_at_is_refused(project: Project, root: str) -> None:
    configured(project, Place(f'artifact_root = "{root}"\n'))
    with pytest.raises(ConfigError, match=r"\[RunConfig\] artifact_root"):
        project.run_here(dry_run=True)


@given(
    st.builds(
        Pointer,
        created=st.integers(0, 2**40),
        fingerprint=st.text("0123456789abcdef", min_size=64, max_size=64),
        task=st.text(min_size=1).filter(lambda t: "/" not in t and t not in (".", "..")),
        experiment=st.text().filter(lambda t: "/" not in t and t not in (".", "..")),
        run_id=st.just(ID),
        manifest=st.just(ID),
        directory=st.text(min_size=1).filter(lambda t: "/" not in t and t not in (".", "..")),
    )
)
def test_the_name_of_a_pointer_says_all(pointer: Pointer) -> None:
    assert Pointer.read(pointer.name) == pointer
    assert not set(pointer.name) & set("/%#?:\\ \n")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        f"1,f,Task,2,{ID}",
        f"1,f,Task,..,{ID},d,m",
        f"1,f,T,2,{ID},=2E=2E,m",
        f"1,f,T,2,{ID},a=2Fb,m",
    ],
)
def test_what_is_no_pointer_is_passed_over(name: str) -> None:
    assert Pointer.read(name) is None


@pytest.mark.parametrize(
    ("uri", "levels", "above"),
    [
        ("mlflow-artifacts:/2", 1, "mlflow-artifacts:/"),
        (f"mlflow-artifacts:/2/{ID}/artifacts", 3, "mlflow-artifacts:/"),
        ("mlflow-artifacts://host:80/2", 1, "mlflow-artifacts://host:80/"),
        ("s3://b/p/2", 1, "s3://b/p"),
        ("s3://b", 1, "s3://b/"),
        ("s3://b/x", 3, "s3://b/"),
    ],
)
def test_the_root_is_above_the_experiment(uri: str, levels: int, above: str) -> None:
    assert parent(uri, levels) == above


def test_folders_are_not_remote() -> None:
    assert not any(map(is_remote, ("mlruns", "/a b/c", "file:///a", "a:b/c", "C:", "x:y")))
    assert all(map(is_remote, ("s3://b", "mlflow-artifacts:/", "gs://b/x")))
    assert unusable("gs://bucket/x") == ""


def test_a_sweep_shares_what_lies_elsewhere(place: Place, project: Project) -> None:
    sweeping(project, SWEEP, place.lines)
    found = sweep(project, "--run-name", "afar", "--parallel", "2")
    assert {trial["state"] for trial in found["trials"]} == {"done"}
    assert ran(project) == ["Prepare", "Train 0.25 0", "Train 0.5 0", "Train 0.75 0"]
    parent = found["run_id"]
    for name in ("best.toml", "report.html", "luigi.toml"):
        assert place.read(place.one(f"{parent}/artifacts/{name}"))
    assert b"x = 0.75" in place.read(place.one("best.toml"))
    # Another clone of the project, without any of the files.
    shutil.rmtree(project.root / ".runner" / "artifacts")
    again = sweep(project, "--resume", "afar")
    assert again["best"] == found["best"]
