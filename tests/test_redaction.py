"""Secrets reach nothing that is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.redaction import MASK, Redactor
from tests.conftest import Project

CANARIES = {
    "DB_PASSWORD": "canary-one-1",
    "API_TOKEN": "canary+two/2",
    "SERVICE": "https://me:canary3@db.example/x",
    "PLAIN": "canary4-in-plain",
}

TELLS = """
import logging, os, mlflow
from runner import RunTask

class Tells(RunTask):
    outputs = {"x": "x.txt"}
    def run(self):
        for name in ("DB_PASSWORD", "API_TOKEN", "SERVICE", "PLAIN", "HOST_SECRET"):
            logging.getLogger("mine").warning("%s is %s", name, os.environ[name])
        assert self.config["password"] == os.environ["DB_PASSWORD"]
        self.outputs["x"].touch()
        if self.config.get("fail"):
            raise RuntimeError(f"refused for {os.environ['API_TOKEN']}")
"""


@given(st.text(), st.lists(st.text(min_size=4), max_size=4))
def test_no_secret_is_left(text: str, secrets: list[str]) -> None:
    secrets = [secret for secret in secrets if MASK not in secret and "*" not in secret]
    cleaned = Redactor(sorted(secrets, key=len, reverse=True)).clean(text + "".join(secrets))
    assert not any(secret in cleaned for secret in secrets)


def test_canaries_reach_no_store_artifact_or_log(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.pipeline(TELLS, task="Tells", config='[Tells]\npassword = "${DB_PASSWORD}"\n')
    project.write(".env", "".join(f'{name}="{value}"\n' for name, value in CANARIES.items()))
    monkeypatch.setenv("HOST_SECRET", host := "canary5-of-host")
    done = project.command()
    told = ("-o", "Tells.fail=true", "-o", "Tells.arg=canary-one-1")
    failed = project.run(*told, env={"HOST_SECRET": host}, code=1)
    words = ["canary-one-1", "canary+two/2", "canary3", "canary4", "canary5"]
    written = [path for path in project.root.rglob("*") if path.is_file()]
    for word in words:
        for text in (done.out, done.err, failed.out, failed.err):
            assert word not in text
        for path in written:
            if path.name != ".env" and "__pycache__" not in path.parts:
                assert word.encode() not in path.read_bytes(), path
    with closing(sqlite3.connect(project.root / "mlflow.db")) as database:
        params = dict(database.execute("select key, value from params"))
    assert params["Tells.password"] == "${DB_PASSWORD}"
