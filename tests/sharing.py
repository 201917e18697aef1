"""How tests are dealt out to pytest's workers."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: Their tests share servers or runs, which take long.
WHOLE = (
    "tests/test_containers.py",
    "tests/test_demo.py",
    "tests/test_remote.py",
    "tests/test_ui_server.py",
)


class SomeFilesWhole(LoadScopeScheduling):
    """Some files go to one worker each, before all others; other tests to whichever is free.

    The groups that xdist has for it (``--dist loadgroup``) are ignored by pytest 9.2 without a
    word: https://github.com/pytest-dev/pytest-xdist/issues/1386
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in WHOLE else nodeid
