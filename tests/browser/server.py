"""What all hosts of notebooks have in common: a server with folders of its own, and a browser page."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright

from tests.limits import LIMIT_SECONDS

__all__ = [
    "PAGE_MS",
    "VIEWPORT",
    "Server",
    "free_port",
    "notebook_text",
    "running_browser",
    "running_page",
    "running_server",
]

CHROMIUM_FLAGS = [
    # Whoever drives a page is told where in a script each error was made, caught or not; V8 parses the script
    # again for it, plotly.js 46 times. In a browser that nobody drives this does not happen.
    "--js-flags=--no-enable-lazy-source-positions",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
]
PAGE_MS = LIMIT_SECONDS * 1000
"""The first draw of a page loads megabytes."""
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}


class Server:
    """A server's address, token and folder of notebooks."""

    def __init__(self, port: int, token: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token = token
        self.folder = folder

    def call(self, path: str, method: str = "GET") -> Any:
        """Ask the server's REST interface."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        """End every kernel; a server that is gone has none."""
        with contextlib.suppress(OSError, ValueError):
            for kernel in self.call("/api/kernels"):
                self.call(f"/api/kernels/{kernel['id']}", "DELETE")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def notebook_text(cells: Sequence[str]) -> str:
    """Return a notebook file of these code cells."""
    made = [
        {
            "cell_type": "code",
            "id": f"cell{i}",
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for i, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@contextlib.contextmanager
def running_server(
    folder: Path,
    arguments: Sequence[str],
    up: str,
    *,
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start a server; it and its kernels are gone afterwards.

    Parameters
    ----------
    arguments
        Of Python; ``{port}``, ``{token}`` and ``{work}`` are filled in.
    up
        The path that answers when it is up.
    python
        Whose environment it runs in.
    variables
        Of its environment, besides.
    """
    port, token, work = free_port(), secrets.token_hex(16), folder / "work"
    work.mkdir()
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **(variables or {}),
    }
    server = Server(port, token, work)
    filled = [part.format(port=port, token=token, work=work) for part in arguments]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [python, *filled],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            _until_up(process, f"{server.url}{up}?token={token}", folder / "server.log")
            yield server
        finally:
            server.end_kernels()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running_browser(chromium: Path, flags: Sequence[str] = ()) -> Iterator[BrowserContext]:
    """Start Chromium; it is gone afterwards. There is one at a time, as playwright has it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=[*CHROMIUM_FLAGS, *flags], headless=True
        )
        yield browser.new_context(viewport=VIEWPORT)
        browser.close()


@contextlib.contextmanager
def running_page(chromium: Path, flags: Sequence[str] = ()) -> Iterator[Page]:
    """Start Chromium and give a page of it; both are gone afterwards."""
    with running_browser(chromium, flags) as browser:
        page = browser.new_page()
        page.set_default_timeout(PAGE_MS)
        yield page


def _until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        # The server tells nobody when it is up; asking again is all there is.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")
