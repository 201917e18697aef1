"""Where the project is, what the environment says, and what of it is a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner import settings
from runner.errors import UsageError


@pytest.fixture(autouse=True)
def _nothing_lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("MLFLOW_", "LUIGI_", "RUNNER_", "PROJECT_ROOT")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def env(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


# .env


def test_env_file_is_found_upwards(tmp_path: Path) -> None:
    path = env(tmp_path, "RUNNER_ARTIFACT_ROOT=out\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    found = settings.load(deep)
    assert found.env_file == path
    assert found.artifact_root == "out"
    assert found.origins["RUNNER_ARTIFACT_ROOT"] == ".env"


def test_the_nearest_env_file_counts(tmp_path: Path) -> None:
    env(tmp_path, "RUNNER_ARTIFACT_ROOT=far\n")
    env(tmp_path / "a", "RUNNER_ARTIFACT_ROOT=near\n")
    assert settings.load(tmp_path / "a").artifact_root == "near"


def test_env_file_never_overrides_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env(tmp_path, "MLFLOW_TRACKING_URI=sqlite:///file.db\nOF_A_TASK=file\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///real.db")
    monkeypatch.setenv("OF_A_TASK", "real")
    found = settings.load()
    assert found.tracking_uri == "sqlite:///real.db"
    assert found.origins["MLFLOW_TRACKING_URI"] == "environment"
    assert os.environ["OF_A_TASK"] == "real"


def test_an_empty_real_variable_stays_empty_for_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env(tmp_path, "OF_A_TASK=file\n")
    monkeypatch.setenv("OF_A_TASK", "")
    settings.load()
    assert os.environ["OF_A_TASK"] == ""


def test_tasks_see_what_the_env_file_says(tmp_path: Path) -> None:
    env(tmp_path, 'OF_A_TASK="two words"\nexport OTHER=x\n')
    settings.load()
    assert os.environ["OF_A_TASK"] == "two words"
    assert os.environ["OTHER"] == "x"


def test_a_second_project_in_one_process_does_not_see_the_first_ones_file(tmp_path: Path) -> None:
    env(tmp_path / "one", "MLFLOW_TRACKING_URI=sqlite:///one.db\nOF_A_TASK=1\n")
    env(tmp_path / "two", "RUNNER_LOG_LEVEL=info\n")
    settings.load(tmp_path / "one")
    second = settings.load(tmp_path / "two")
    assert second.tracking_uri is None
    assert second.log_level == "INFO"
    assert "OF_A_TASK" not in os.environ


def test_a_changed_env_file_counts_the_next_time_and_keeps_its_origin(tmp_path: Path) -> None:
    env(tmp_path, "MLFLOW_TRACKING_URI=sqlite:///one.db\n")
    settings.load()
    env(tmp_path, "MLFLOW_TRACKING_URI=sqlite:///two.db\n")
    found = settings.load()
    assert found.tracking_uri == "sqlite:///two.db"
    assert found.origins["MLFLOW_TRACKING_URI"] == ".env"


def test_a_variable_that_the_program_changed_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env(tmp_path, "OF_A_TASK=file\n")
    settings.load()
    monkeypatch.setitem(os.environ, "OF_A_TASK", "changed")
    settings.load()
    assert os.environ["OF_A_TASK"] == "changed"


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfRUNNER_LOG_LEVEL=debug\r\n")
    assert settings.load().log_level == "DEBUG"


def test_an_env_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(UsageError, match=r"\.env: can't be read as UTF-8"):
        settings.load()


@pytest.mark.parametrize("line", ["'A=B'=c\n", "A=b\0c\n"])
def test_a_name_or_value_that_no_environment_takes_is_named(tmp_path: Path, line: str) -> None:
    env(tmp_path, line)
    with pytest.raises(UsageError, match="can't be set in an environment"):
        settings.load()


# the root


def test_without_anything_the_root_is_the_working_directory(tmp_path: Path) -> None:
    found = settings.load()
    assert found == settings.Settings(root=tmp_path, secrets=found.secrets)


@pytest.mark.parametrize("marker", ["luigi.toml", ".env", "pyproject.toml", ".git"])
def test_the_root_is_the_nearest_folder_with_a_marker(tmp_path: Path, marker: str) -> None:
    (tmp_path / marker).touch()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert settings.load(deep).root == tmp_path


def test_a_git_folder_marks_the_root_but_a_folder_called_env_does_not(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    deep = tmp_path / "a"
    (deep / ".env" / "bin").mkdir(parents=True)
    assert settings.load(deep).root == tmp_path


def test_project_root_in_the_env_file_is_relative_to_it(tmp_path: Path) -> None:
    env(tmp_path / "conf", "PROJECT_ROOT=../work\n")
    (tmp_path / "work").mkdir()
    deep = tmp_path / "conf" / "deep"
    deep.mkdir()
    assert settings.load(deep).root == tmp_path / "work"


def test_project_root_of_the_environment_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env(tmp_path, "A=b\n")
    (tmp_path / "a" / "work").mkdir(parents=True)
    monkeypatch.setenv("PROJECT_ROOT", "work")
    assert settings.load(tmp_path / "a").root == tmp_path / "a" / "work"


@pytest.mark.parametrize("value", ["nowhere", "~nobody-of-that-name/x", "a\x1bb"])
def test_a_project_root_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PROJECT_ROOT", value)
    with pytest.raises(UsageError, match="PROJECT_ROOT"):
        settings.load()


def test_a_config_elsewhere_makes_its_project_the_root(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    there = tmp_path / "there"
    there.mkdir()
    (there / "luigi.toml").touch()
    (there / "conf").mkdir()
    found = settings.load(tmp_path / "here", config=there / "conf" / "more.toml")
    assert found.root == there
    found = settings.load(tmp_path / "here", config=tmp_path / "bare" / "x.toml")
    assert found.root == tmp_path / "bare"


def test_a_config_below_the_working_directory_does_not_move_the_root(tmp_path: Path) -> None:
    assert settings.load(config=tmp_path / "conf" / "x.toml").root == tmp_path


def test_a_config_elsewhere_does_not_leave_the_project_that_one_is_in(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "luigi.toml").touch()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "luigi.toml").touch()
    found = settings.load(tmp_path / "here", config=tmp_path / "there" / "luigi.toml")
    assert found.root == tmp_path / "here"


def test_the_root_is_absolute_and_without_links(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "luigi.toml").touch()
    (tmp_path / "link").symlink_to(real)
    assert settings.load(tmp_path / "link").root == real


# single variables


def test_the_log_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_LOG_LEVEL", "debug")
    assert settings.load().log_level == "DEBUG"


@pytest.mark.parametrize("level", ["LOUD", "10", " "])
def test_a_wrong_log_level_is_refused(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("RUNNER_LOG_LEVEL", level)
    with pytest.raises(UsageError, match=r"RUNNER_LOG_LEVEL is .* not one of DEBUG, INFO"):
        settings.load()


def test_the_config_path_is_relative_to_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("LUIGI_CONFIG_PATH", "conf/mine.toml")
    assert settings.load(tmp_path / "a").config_path == tmp_path / "conf" / "mine.toml"
    monkeypatch.setenv("LUIGI_CONFIG_PATH", "/elsewhere/mine.toml")
    assert settings.load().config_path == Path("/elsewhere/mine.toml")
    monkeypatch.setenv("LUIGI_CONFIG_PATH", "~nobody-of-that-name/x")
    with pytest.raises(UsageError, match="LUIGI_CONFIG_PATH"):
        settings.load()


# secrets


@pytest.mark.parametrize(
    "line",
    [
        "API_KEY=abcdefgh",
        "WANDB_API_KEY=local",
        "DB_PASSWORD=swordfish",
        "DB_PASS=swordfish",
        "DB_PWD=swordfish",
        "GITHUB_TOKEN=abc/def",
        "GH_PAT=abcdef",
        "AWS_SECRET_ACCESS_KEY=wJalr/XUtnFEMI",
        "BASIC_AUTH=somebody",
        "SLACK_WEBHOOK=https/hooks/T000",
        "INNOCENT=Zx9-kQ2_81",
        "URL=https://example.com/?sig=1",
        "MAIL=me@example.com",
        "NUMBER=4111111111111111",
        "HEX=deadbeef01",
    ],
)
def test_masked_in_an_env_file(tmp_path: Path, line: str) -> None:
    env(tmp_path, line)
    assert line.partition("=")[2] in settings.load().secrets


@pytest.mark.parametrize(
    "line",
    [
        "DATA_DIR=/data/images",
        "MODEL=org/some-model-7b",
        "WORKERS=16",
        "RATE=1e-3",
        "DAY=2024-02-29",
        "STAGE=production",
        "USE_CACHE=true",
        "TOKENIZERS_PARALLELISM=false",
        "USE_TOKEN=true",
        "DB_PASSWORD=postgres",
        "API_KEY=abc",
        "PROJECT_ROOT=.",
        "RUNNER_LOG_LEVEL=warning",
        "MLFLOW_TRACKING_URI=https://tracking.example.com:5000",
    ],
)
def test_not_masked_in_an_env_file(tmp_path: Path, line: str) -> None:
    env(tmp_path, line)
    assert line.partition("=")[2] not in settings.load().secrets


def test_only_names_make_secrets_of_the_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "of-the-shell-1")
    monkeypatch.setenv("EDITOR_SETTINGS", "x-y-z-1-2-3")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent.77")
    found = settings.load().secrets
    assert "of-the-shell-1" in found
    assert not {"x-y-z-1-2-3", "/tmp/agent.77"}.intersection(found)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://me:pass%40word@db/x", "pass%40word"),
        ("postgresql+psycopg2://me:p#ss/w0rd@db:5432/x", "p#ss/w0rd"),
        ("https://:hunter22@host", "hunter22"),
        ("mysql://me:with@at@db/x", "with@at"),
    ],
)
def test_the_password_of_a_url_is_masked_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, url: str, password: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    found = settings.load()
    assert password in found.secrets
    assert url not in found.secrets


def test_longer_secrets_come_first(tmp_path: Path) -> None:
    env(tmp_path, "A_TOKEN=secret1\nB_TOKEN=secret1-and-more\n")
    found = [s for s in settings.load().secrets if s.startswith("secret1")]
    assert found == ["secret1-and-more", "secret1"]
