"""What counts as a whole directory, and what as a damaged one."""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from runner.artifacts import contents, publish
from runner.artifacts import manifest as manifests
from runner.artifacts.manifest import ListedFile, Maker, Manifest

MAKER = Maker(run_id="0" * 32, run_name="bold-hare-1", experiment="trial", host="here", user="me")


def manifest_of(directory: Path, outputs: dict[str, str], **values: Any) -> Manifest:
    """A manifest of what is in a directory now."""
    given = {"metrics": {}, "config": {}, "params": {}, "seconds": 0.5, **values}
    files = publish.collect(directory, outputs, "Trial")
    return Manifest(
        task="Trial",
        outputs=outputs,
        files=files,
        created=datetime.now(UTC),
        made_by=MAKER,
        **given,
    )


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A directory with a file, a folder with two files, and an extra file."""
    partial = publish.open_partial(tmp_path / "Trial")
    (partial / "a.txt").write_bytes(b"letters")
    (partial / "folder" / "deep").mkdir(parents=True)
    (partial / "folder" / "one").write_bytes(b"1")
    (partial / "folder" / "deep" / "two").write_bytes(b"")
    (partial / "extra").write_bytes(b"undeclared")
    outputs = {"a": "a.txt", "folder": "folder"}
    publish.publish(partial, tmp_path / "Trial", manifest_of(partial, outputs))
    return tmp_path / "Trial"


def whole(directory: Path) -> Manifest:
    found = manifests.read(directory)
    assert found is not None
    return found


def test_a_published_directory_is_whole(published: Path) -> None:
    manifest = whole(published)
    assert [file.path for file in manifest.files] == [
        "a.txt",
        "extra",
        "folder/deep/two",
        "folder/one",
    ]
    assert manifest.size == 18
    assert contents.damage(published, manifest, digests=True) is None


def test_no_manifest_is_no_damage_and_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert manifests.read(tmp_path) is None
    assert manifests.read(tmp_path / "absent") is None
    assert not caplog.records


def test_every_truncation_is_taken_as_absent(published: Path) -> None:
    path = published / manifests.NAME
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert manifests.read(published) is None, length


def changed(published: Path, **values: Any) -> None:
    path = published / manifests.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


ESCAPES = ["../x", "/etc/passwd", "", ".", "a/../../x", "x\0y", "a/.."]


@pytest.mark.parametrize(
    "values",
    [
        {"version": 2},
        {"version": "1"},
        {"files": None},
        {"files": [{"path": "a.txt"}]},
        {"files": [{"path": "a.txt", "size": "7", "digest": ""}]},
        {"files": [{"path": "a.txt", "size": -1, "digest": ""}]},
        {"files": [{"path": "a.txt", "size": 7.5, "digest": ""}]},
        {"outputs": ["a.txt"]},
        {"outputs": {"a": 1}},
        {"metrics": {"loss": "low"}},
        {"made_by": "me"},
        {"created": "yesterday"},
        {"unknown": 1},
        {"task": None},
        *({"outputs": {"a": path}} for path in ESCAPES),
        *({"files": [{"path": path, "size": 1, "digest": ""}]} for path in ESCAPES),
    ],
    ids=repr,
)
def test_wrong_values_are_taken_as_absent_with_a_warning(
    published: Path, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    changed(published, **values)
    with caplog.at_level(logging.WARNING):
        assert manifests.read(published) is None
    assert "taken as absent" in caplog.text and str(published) in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


def test_a_newer_version_is_said_to_be_one(
    published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changed(published, version=2)
    manifests.read(published)
    assert "another version of the runner" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"config": ' + b'{"a":' * 100_000,
        b'{"config": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b"1" * 100_000,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_no_manifest_at_all_is_taken_as_absent(published: Path, content: bytes) -> None:
    (published / manifests.NAME).write_bytes(content)
    assert manifests.read(published) is None


def test_a_manifest_that_is_no_file_does_not_block(published: Path) -> None:
    (published / manifests.NAME).unlink()
    os.mkfifo(published / manifests.NAME)
    assert manifests.read(published) is None
    (published / manifests.NAME).unlink()
    (published / manifests.NAME).mkdir()
    assert manifests.read(published) is None


def test_a_manifest_of_absurd_size_is_not_read(
    published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.truncate(published / manifests.NAME, manifests._LARGEST + 1)
    assert manifests.read(published) is None
    assert "too many" in caplog.text


def test_a_missing_file_is_named(published: Path) -> None:
    manifest = whole(published)
    (published / "extra").unlink()
    assert contents.damage(published, manifest) == "extra is missing"


def test_another_size_is_named(published: Path) -> None:
    manifest = whole(published)
    (published / "a.txt").write_bytes(b"letter")
    assert contents.damage(published, manifest) == "a.txt has 6 bytes, not 7"


def test_a_flipped_byte_is_found_by_its_digest(published: Path) -> None:
    manifest = whole(published)
    (published / "a.txt").write_bytes(b"lettErs")
    assert contents.damage(published, manifest) is None
    assert contents.damage(published, manifest, digests=True) == (
        "a.txt has other bytes than when it was published"
    )


def test_an_extra_file_in_an_output_folder_is_damage_and_elsewhere_is_not(published: Path) -> None:
    manifest = whole(published)
    (published / "note").touch()
    assert contents.damage(published, manifest) is None
    (published / "folder" / "new").touch()
    assert contents.damage(published, manifest) == "folder/new was added later"


@pytest.mark.parametrize("digests", [False, True])
def test_a_pipe_in_place_of_an_empty_file_is_damage_and_does_not_block(
    published: Path, digests: bool
) -> None:
    manifest = whole(published)
    (published / "folder" / "deep" / "two").unlink()
    os.mkfifo(published / "folder" / "deep" / "two")
    found = contents.damage(published, manifest, digests=digests)
    assert found == "folder/deep/two: is no regular file"


def test_a_folder_in_place_of_a_file_is_damage(published: Path) -> None:
    manifest = whole(published)
    (published / "a.txt").unlink()
    (published / "a.txt").mkdir()
    assert contents.damage(published, manifest) == "a.txt: is no regular file"


def test_a_file_in_place_of_a_folder_is_damage(published: Path) -> None:
    manifest = whole(published)
    for name in ("deep/two", "one"):
        (published / "folder" / name).unlink()
    (published / "folder" / "deep").rmdir()
    (published / "folder").rmdir()
    (published / "folder").touch()
    assert contents.damage(published, manifest)
    listed = [file for file in manifest.files if not file.path.startswith("folder")]
    assert contents.damage(published, manifest.model_copy(update={"files": listed})) == (
        "folder (folder) was added later"
    )


def test_a_path_that_is_too_long_for_the_system_is_damage(published: Path) -> None:
    changed(published, outputs={"a": "x" * 10_000})
    assert contents.damage(published, whole(published))


names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=8)
plain_names = names.filter(lambda name: name not in (".", "..", manifests.NAME))
some_bytes = st.binary(max_size=64)
trees = st.dictionaries(
    plain_names, some_bytes | st.dictionaries(plain_names, some_bytes, max_size=3), max_size=4
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, st.dictionaries(st.text(), st.floats()))
def test_any_tree_of_files_comes_back_as_it_was(
    tree: dict[str, Any], metrics: dict[str, float]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "Trial"
        partial = publish.open_partial(directory)
        expected = {}
        for name, content in tree.items():
            inner = (
                {f"{name}/{below}": inside for below, inside in content.items()}
                if (isinstance(content, dict))
                else {name: content}
            )
            if isinstance(content, dict):
                (partial / name).mkdir()
            expected |= inner
        for name, content in expected.items():
            (partial / name).write_bytes(content)
        outputs = {str(number): name for number, name in enumerate(tree)}
        written = manifest_of(partial, outputs, metrics=metrics)
        publish.publish(partial, directory, written)
        found = whole(directory)
        assert contents.damage(directory, found, digests=True) is None
        assert {file.path: file.size for file in found.files} == {
            name: len(content) for name, content in expected.items()
        }
        assert set(found.metrics) == set(metrics)
        for name, value in metrics.items():
            assert found.metrics[name] == value or (
                math.isnan(value) and math.isnan(found.metrics[name])
            )
        for name, content in expected.items():
            if content:
                (directory / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
                assert contents.damage(directory, found, digests=True)
                break


@settings(deadline=None)
@given(st.text())
def test_a_listed_path_never_leads_outside(text: str) -> None:
    try:
        file = ListedFile(path=text, size=0, digest="")
    except ValidationError:
        return
    path = os.path.normpath(os.path.join("/base", file.path))
    assert path.startswith("/base/")
