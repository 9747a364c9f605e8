"""Driving a real JupyterLab in a real Chromium: no selectors of Lab's, its own command registry instead."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

CHROMIUM_FLAGS = [
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
PAGE_MS = 90_000
"""The first draw of a page loads megabytes."""

_FIND_PANEL = "const panel = window.jupyterapp.shell.currentWidget; const cells = panel.content.widgets;"


class Lab:
    """A JupyterLab server with folders of its own, and a browser page on it."""

    def __init__(self, url: str, token: str, page: Page, folder: Path) -> None:
        self.url = url
        self.token = token
        self.page = page
        self.folder = folder

    def open(self, name: str, cells: list[str], theme: str = "JupyterLab Light") -> None:
        """Open a new notebook with these code cells, its kernel ready."""
        notebook = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell{i}",
                    "metadata": {},
                    "source": cell,
                    "outputs": [],
                    "execution_count": None,
                }
                for i, cell in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.folder / name).write_text(json.dumps(notebook), encoding="utf-8")
        self.page.goto(f"{self.url}/doc/tree/{name}?token={self.token}&reset", timeout=PAGE_MS)
        self.page.wait_for_function(
            """() => { const panel = window.jupyterapp?.shell?.currentWidget;
               const kernel = panel?.sessionContext?.session?.kernel;
               return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }""",
            timeout=PAGE_MS,
        )
        self.set_theme(theme)

    def set_theme(self, theme: str) -> None:
        """Change JupyterLab's theme, such as to ``JupyterLab Dark``."""
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )

    def start(self, cell: int) -> None:
        """Run a cell without waiting for it."""
        self.page.evaluate(
            f"""() => {{ {_FIND_PANEL} cells[{cell}].model.sharedModel.execution_count = null;
                panel.content.activeCellIndex = {cell};
                window.jupyterapp.commands.execute('notebook:run-cell'); }}"""
        )

    def wait(self, cell: int, timeout_ms: int = PAGE_MS) -> None:
        """Wait until a cell is done."""
        self.page.wait_for_function(
            f"""() => {{ {_FIND_PANEL}
                return typeof cells[{cell}].model.sharedModel.execution_count === 'number'
                  && panel.sessionContext.session.kernel.status === 'idle'; }}""",
            timeout=timeout_ms,
        )

    def run(self, cell: int) -> str:
        """Run a cell to its end and return its text output."""
        self.start(cell)
        self.wait(cell)
        return self.text(cell)

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """Return a cell's outputs as in the notebook file."""
        found: list[dict[str, Any]] = self.page.evaluate(
            f"() => {{ {_FIND_PANEL} return cells[{cell}].model.outputs.toJSON(); }}"
        )
        return found

    def text(self, cell: int) -> str:
        """Return what a cell printed, and its error if it had one."""
        out = []
        for output in self.outputs(cell):
            if output["output_type"] == "stream":
                out.append("".join(output["text"]))
            elif output["output_type"] == "error":
                out.append(f"{output['ename']}: {output['evalue']}")
            else:
                out.append("".join(output.get("data", {}).get("text/plain", "")))
        return "\n".join(out)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _settings(folder: Path) -> None:
    plugin = folder / "@jupyterlab" / "apputils-extension"
    plugin.mkdir(parents=True)
    (plugin / "notification.jupyterlab-settings").write_text(
        '{"fetchNews":"false","checkForUpdates":false}', encoding="utf-8"
    )


@contextlib.contextmanager
def running_lab(folder: Path, chromium: Path) -> Iterator[Lab]:
    """Start JupyterLab and Chromium; both are gone afterwards."""
    port, token = _free_port(), secrets.token_hex(16)
    work = folder / "work"
    work.mkdir()
    _settings(folder / "settings")
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                f"--port={port}",
                "--ServerApp.ip=127.0.0.1",
                f"--IdentityProvider.token={token}",
                f"--ServerApp.root_dir={work}",
                "--ServerApp.iopub_data_rate_limit=1e12",
                "--LabApp.expose_app_in_browser=True",
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=str(chromium), args=CHROMIUM_FLAGS, headless=True
                )
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                _until_up(server, f"{url}/api?token={token}", folder / "lab.log")
                yield Lab(url, token, page, work)
                browser.close()
        finally:
            _shut_down(f"http://127.0.0.1:{port}", token)
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended at once:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        # The server tells nobody when it is up; asking again is all there is.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text()}")


def _shut_down(url: str, token: str) -> None:
    headers = {"Authorization": f"token {token}"}
    with contextlib.suppress(OSError, ValueError):
        request = urllib.request.Request(f"{url}/api/kernels", headers=headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            kernels = json.load(answer)
        for kernel in kernels:
            stop = urllib.request.Request(
                f"{url}/api/kernels/{kernel['id']}", headers=headers, method="DELETE"
            )
            urllib.request.urlopen(stop, timeout=10).close()
