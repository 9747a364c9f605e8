"""One JupyterLab and one Chromium for all browser tests; a page and a kernel of its own for each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.bench import Bench, Chart
from tests.browser.lab import JUPYTERLAB, Lab, running_jupyter
from tests.browser.server import VIEWPORT, Server, running_browser


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[BrowserContext]:
    """Return the browser, which keeps between pages what it has loaded."""
    with running_browser(chromium) as made:
        yield made


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the address of JupyterLab."""
    with running_jupyter(tmp_path_factory.mktemp("lab"), JUPYTERLAB) as server:
        yield server


@pytest.fixture(scope="module")
def page(browser: BrowserContext) -> Iterator[Page]:
    """Return a new page; it and those opened beside it are gone after the module."""
    made = browser.new_page()
    made.set_viewport_size(VIEWPORT)
    yield made
    for one in browser.pages:
        one.close()


@pytest.fixture(scope="module")
def lab(jupyterlab: Server, page: Page) -> Iterator[Lab]:
    """Return JupyterLab with a page on it; its kernels are gone after the module."""
    yield Lab(jupyterlab, page, JUPYTERLAB)
    jupyterlab.end_kernels()


@pytest.fixture
def chart(bench: Bench) -> Iterator[Chart]:
    """Return a chart in a cell of the module's notebook; nothing may fail in the page meanwhile."""
    made = Chart(bench)
    yield made
    bench.do("chart.close()")
    assert not bench.errors
