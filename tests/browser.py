"""A real headless browser, driven by WebDriver's own protocol: HTTP and JSON, no library."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--window-size=1400,1600",
]
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """What is not installed, in words; empty when all is there."""
    wanted = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"needs {' and '.join(wanted)}: scripts/install-system" if wanted else ""


class Browser:
    """One window."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/session"
        options = {"args": FLAGS, "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        answer = self._send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/{answer['sessionId']}"
        self._send("POST", "/timeouts", {"implicit": 60_000, "pageLoad": 120_000})

    def _send(self, method: str, path: str, values: Any = None) -> Any:
        body = None if values is None else json.dumps(values).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=200) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def find(self, css: str) -> str:
        """An element; it is waited for.

        Raises:
            urllib.error.HTTPError: it does not appear.
        """
        found = self._send("POST", "/element", {"using": "css selector", "value": css})
        return str(found[_ELEMENT])

    def find_text(self, text: str) -> str:
        """An element that holds this text itself; it is waited for."""
        query = f"//*[contains(text(), '{text}')]"
        found = self._send("POST", "/element", {"using": "xpath", "value": query})
        return str(found[_ELEMENT])

    def attribute(self, element: str, name: str) -> str:
        return str(self._send("GET", f"/element/{element}/attribute/{name}"))

    def enter(self, frame: str) -> None:
        self._send("POST", "/frame", {"id": {_ELEMENT: frame}})

    def text(self, css: str = "body") -> str:
        return str(self._send("GET", f"/element/{self.find(css)}/text"))

    def run(self, script: str) -> Any:
        """What a script of the test returns, in the document that is shown."""
        return self._send("POST", "/execute/sync", {"script": script, "args": []})

    def dark(self) -> None:
        """From here on pages are told that dark ones are preferred."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self._send("POST", "/goog/cdp/execute", command)

    def resize(self, width: int, height: int) -> None:
        self._send("POST", "/window/rect", {"width": width, "height": height})

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def requests(self) -> list[str]:
        """The addresses that were asked for since this was asked last."""
        entries = self._send("POST", "/se/log", {"type": "performance"})
        found = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [one["params"] for one in found if one["method"] == "Network.requestWillBeSent"]
        return [str(params["request"]["url"]) for params in sent]

    def close(self) -> None:
        self._send("DELETE", "")


@contextmanager
def browser() -> Iterator[Browser]:
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert driver.stdout is not None
    try:
        port = next(
            int(found[1])
            for line in driver.stdout
            if (found := re.search(r"started successfully on port (\d+)", line))
        )
        window = Browser(port)
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.communicate(timeout=60)


@pytest.fixture(name="window")
def WINDOW() -> Iterator[Browser]:
    with browser() as found:
        yield found
