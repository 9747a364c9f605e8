"""Driving a real marimo in a real Chromium: a notebook as an app (``run``), and in the editor (``edit``)."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.server import PAGE_MS, Server, running_server

__all__ = ["Marimo", "running_marimo"]

_SETTINGS = """\
[runtime]
auto_instantiate = true

[display]
theme = "{theme}"
"""


class Marimo:
    """A marimo server of one notebook, and a browser page on it."""

    def __init__(self, server: Server, page: Page) -> None:
        self.server = server
        self.page = page

    def open(self) -> None:
        """Open the notebook, of which marimo runs all cells."""
        self.page.goto(self.server.url, timeout=PAGE_MS)


@contextlib.contextmanager
def running_marimo(
    mode: str, folder: Path, page: Page, cells: Sequence[str], theme: str = "light"
) -> Iterator[Marimo]:
    """Start marimo on a notebook of these cells, to be shown by a page; it is gone afterwards.

    Parameters
    ----------
    mode
        ``run`` or ``edit``.
    theme
        Marimo's, ``light`` or ``dark``.
    """
    home = folder / "home"
    (home / "marimo").mkdir(parents=True)
    (home / "marimo" / "marimo.toml").write_text(_SETTINGS.format(theme=theme), encoding="utf-8")
    notebook = folder / "notebook.py"
    notebook.write_text(_notebook(cells), encoding="utf-8")
    arguments = [
        *("-m", "marimo", "-y", mode, str(notebook)),
        *("--headless", "--no-token", "--host", "127.0.0.1", "--port", "{port}"),
    ]
    # Not the settings of whoever runs the tests.
    own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "MARIMO_SKIP_UPDATE_CHECK": "1"}
    with running_server(folder, arguments, "/health", variables=own) as server:
        yield Marimo(server, page)


def _notebook(cells: Sequence[str]) -> str:
    """Return a notebook as marimo reads it; which names a cell takes and gives, marimo finds by itself."""
    made = (f"@app.cell\ndef _():\n{textwrap.indent(cell, '    ')}\n    return\n" for cell in cells)
    return "\n\n".join(["import marimo\n\napp = marimo.App()\n", *made])
