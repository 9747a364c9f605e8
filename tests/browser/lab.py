"""Driving a real JupyterLab or Notebook in a real Chromium by its command registry, not by selectors."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, TimeoutError as LateError

from tests.browser.server import PAGE_MS, Server, notebook_text, running_page, running_server
from tests.limits import LIMIT_SECONDS

__all__ = [
    "JUPYTERLAB",
    "NOTEBOOK",
    "PAGE_MS",
    "WAIT_MS",
    "Host",
    "Lab",
    "blocking_code",
    "running_jupyter",
    "running_lab",
]

WAIT_MS = LIMIT_SECONDS * 1000
_FIND_PANEL = "const panel = window.jupyterapp.shell.currentWidget; const cells = panel.content.widgets;"

_ASK = r"""async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  let error = "";
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") text += content.text;
    if (header.msg_type === "error") error = content.traceback.join("\n");
  };
  await future.done;
  return [text, error];
}"""


_LET_GO = "let_go"


def blocking_code(doing: str = "sum(range(1000))") -> str:
    """Return a cell's code that keeps the kernel busy until `Lab.blocked` lets it go."""
    return (
        "import pathlib, time\n"
        f"let_go, end = pathlib.Path({_LET_GO!r}), time.monotonic() + {LIMIT_SECONDS:g}\n"
        f"while not let_go.exists() and time.monotonic() < end:\n    {doing}"
    )


@dataclasses.dataclass(frozen=True)
class Host:
    """A front end of notebooks: the module that serves it, and where a notebook is opened."""

    module: str
    application: str
    path: str


JUPYTERLAB = Host("jupyterlab", "LabApp", "/doc/tree/")
NOTEBOOK = Host("notebook", "JupyterNotebookApp", "/notebooks/")


class Lab:
    """A server of notebooks, and a browser page on it."""

    def __init__(self, server: Server, page: Page, host: Host) -> None:
        self.server = server
        self.url = server.url
        self.token = server.token
        self.folder = server.folder
        self.page = page
        self.host = host

    def open(self, name: str, cells: list[str], theme: str = "JupyterLab Light") -> None:
        """Open a new notebook with these code cells, its kernel ready."""
        (self.folder / name).write_text(notebook_text(cells), encoding="utf-8")
        self.page.goto(f"{self.url}{self.host.path}{name}?token={self.token}&reset", timeout=PAGE_MS)
        self.wait_for_kernel()
        self.set_theme(theme)

    def wait_for_kernel(self) -> None:
        """Wait until the notebook is connected to a kernel that has nothing to do."""
        self.page.wait_for_function(
            """() => { const panel = window.jupyterapp?.shell?.currentWidget;
               const kernel = panel?.sessionContext?.session?.kernel;
               return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }""",
            timeout=PAGE_MS,
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Execute a command of the front end, without waiting for its end."""
        self.page.evaluate(
            "([name, given]) => { window.jupyterapp.commands.execute(name, given); }", [name, arguments]
        )

    def reload(self, shown: str) -> None:
        """Save the notebook and load its page anew, until an expression is true in it.

        The page gives the kernel four seconds to tell of its widgets: on a busy machine it may show none.
        """
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
        for tries_left in (2, 1, 0):
            self.page.reload(timeout=PAGE_MS)
            try:
                self.page.wait_for_function(
                    f"() => {{ try {{ return Boolean({shown}); }} catch {{ return false; }} }}",
                    timeout=PAGE_MS / 3,
                )
            except LateError:
                if not tries_left:
                    raise
            else:
                return

    def set_theme(self, theme: str) -> None:
        """Change the theme, such as to ``JupyterLab Dark``, and wait until the page has it."""
        # JupyterLab covers the page meanwhile; a cover laid again as it goes is removed twice: an error.
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        self.page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=theme)

    def start(self, cell: int) -> None:
        """Run a cell without waiting for it."""
        self.page.evaluate(
            f"""() => {{ {_FIND_PANEL} cells[{cell}].model.sharedModel.execution_count = null;
                panel.content.activeCellIndex = {cell};
                window.jupyterapp.commands.execute('notebook:run-cell'); }}"""
        )

    def wait(self, cell: int, timeout_ms: float = PAGE_MS) -> None:
        """Wait until a cell is done."""
        self.page.wait_for_function(
            f"""() => {{ {_FIND_PANEL}
                return typeof cells[{cell}].model.sharedModel.execution_count === 'number'
                  && panel.sessionContext.session.kernel.status === 'idle'; }}""",
            timeout=timeout_ms,
        )

    @contextlib.contextmanager
    def blocked(self, cell: int) -> Iterator[None]:
        """Run a cell of `blocking_code` for as long as the body takes, and not one moment less."""
        (self.folder / _LET_GO).unlink(missing_ok=True)
        self.start(cell)
        try:
            yield
            assert self.runs(cell), "the cell was over before what should happen meanwhile"
        finally:
            (self.folder / _LET_GO).touch()
            self.wait(cell)

    def wait_for_output(self, cell: int) -> None:
        """Wait until a cell has printed something, as one that keeps the kernel busy does when it begins."""
        self.page.wait_for_function(
            f"() => {{ {_FIND_PANEL} return cells[{cell}].model.outputs.length > 0; }}", timeout=PAGE_MS
        )

    def runs(self, cell: int) -> bool:
        """Return whether a started cell is not done yet.

        The kernel's status does not tell: it is idle, too, when a comm's message was handled beside the cell.
        """
        running: bool = self.page.evaluate(
            f"() => {{ {_FIND_PANEL} return cells[{cell}].model.sharedModel.execution_count === null; }}"
        )
        return running

    def run(self, cell: int) -> str:
        """Run a cell to its end and return its text output."""
        self.start(cell)
        self.wait(cell)
        return self.text(cell)

    def ask(self, code: str) -> str:
        """Run code in the notebook's kernel without a cell, and return what it printed."""
        text, error = self.page.evaluate(_ASK, code)
        if error:
            raise RuntimeError(error)
        return str(text)

    def wait_for(self, expression: str) -> str:
        """Return an expression's text once it is true in the kernel.

        What the page tells it may be handled after code that was sent later.
        """
        limit = time.monotonic() + WAIT_MS / 1000
        while time.monotonic() < limit:
            text = self.ask(f"if {expression}: print({expression})")
            if text:
                return text.strip()
        raise AssertionError(f"{expression} does not become true in the kernel")

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


def _settings(folder: Path) -> None:
    plugin = folder / "@jupyterlab" / "apputils-extension"
    plugin.mkdir(parents=True)
    (plugin / "notification.jupyterlab-settings").write_text(
        '{"fetchNews":"false","checkForUpdates":false}', encoding="utf-8"
    )


@contextlib.contextmanager
def running_jupyter(folder: Path, host: Host, **given: Any) -> Iterator[Server]:
    """Start JupyterLab, or Notebook; ``given`` goes to `running_server`."""
    _settings(folder / "settings")
    arguments = [
        "-m",
        host.module,
        "--no-browser",
        "--allow-root",
        "--port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token={token}",
        "--ServerApp.root_dir={work}",
        "--ServerApp.iopub_data_rate_limit=1e12",
        f"--{host.application}.expose_app_in_browser=True",
    ]
    with running_server(folder, arguments, "/api", **given) as server:
        yield server


@contextlib.contextmanager
def running_lab(folder: Path, chromium: Path, flags: Sequence[str] = (), **given: Any) -> Iterator[Lab]:
    """Start a JupyterLab and a Chromium of one's own; ``given`` goes to `running_server`."""
    with running_jupyter(folder, JUPYTERLAB, **given) as server, running_page(chromium, flags) as page:
        yield Lab(server, page, JUPYTERLAB)
