"""Driving a real Voila in a real Chromium: it runs a notebook for each page, and shows what it displays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.server import PAGE_MS, Server, notebook_text, running_server

__all__ = ["Voila", "running_voila"]


class Voila:
    """A Voila server, and a browser page on it."""

    def __init__(self, server: Server, page: Page) -> None:
        self.server = server
        self.page = page

    def open(self, name: str, cells: list[str], theme: str = "light") -> None:
        """Open a page of a new notebook with these code cells, in Voila's theme ``light`` or ``dark``."""
        (self.server.folder / name).write_text(notebook_text(cells), encoding="utf-8")
        address = f"{self.server.url}/voila/render/{name}?token={self.server.token}&theme={theme}"
        self.page.goto(address, timeout=PAGE_MS)


@contextlib.contextmanager
def running_voila(folder: Path, page: Page) -> Iterator[Voila]:
    """Start Voila, to be shown by a page; it is gone afterwards."""
    arguments = [
        "-m",
        "voila",
        "{work}",
        "--no-browser",
        "--port={port}",
        "--Voila.ip=127.0.0.1",
        "--token={token}",
    ]
    with running_server(folder, arguments, "/") as server:
        yield Voila(server, page)
