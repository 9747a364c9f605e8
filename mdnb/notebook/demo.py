"""``make demo``: the quickstart notebook, run in a real kernel, its results kept as files."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from mdnb.errors import DataImportError, MissingExtraError

__all__ = ["run_demo"]

_NOTEBOOK = Path("notebooks") / "01_quickstart.ipynb"
_CELL_SECONDS = 120


def run_demo(folder: Path, notebook: Path = _NOTEBOOK) -> int:
    """Execute the quickstart notebook and write ``quickstart.html`` and ``mnq.parquet`` into a folder.

    Raises
    ------
    DataImportError
        When the notebook is not here: the demo runs from a checkout.
    MissingExtraError
        When nbclient or ipykernel is not installed.
    """
    if not notebook.is_file():
        raise DataImportError(f"{notebook} is not here: run the demo from the folder of a checkout")
    try:
        import nbformat as _nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise MissingExtraError(
            "the demo runs a notebook and needs: pip install nbclient ipykernel"
        ) from error
    nbformat: Any = _nbformat
    folder.mkdir(parents=True, exist_ok=True)
    book = nbformat.read(notebook, as_version=4)
    count = sum(cell.cell_type == "code" for cell in book.cells)
    began = time.monotonic()
    done = 0

    def told(cell: Any, **_: Any) -> None:
        nonlocal done
        if cell.cell_type == "code":
            done += 1
            what = cell.source.splitlines()[0] if done <= count else "the results"
            _say(f"[{time.monotonic() - began:5.1f} s] cell {min(done, count)}/{count}: {what}")

    book.cells.append(nbformat.v4.new_code_cell(_closing(folder.resolve())))
    client = NotebookClient(
        book,
        timeout=_CELL_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=told,
        kernel_name="",
    )
    try:
        client.execute()
    except CellExecutionError as error:
        _say(str(error))
        return 1
    for output in book.cells[-1].outputs:
        _say("".join(output.get("text", "")).rstrip())
    _say(
        f"wrote {folder / 'quickstart.html'} and {folder / 'mnq.parquet'} in {time.monotonic() - began:.0f} s"
    )
    _say("the notebooks, with charts that move: make lab")
    return 0


def _closing(folder: Path) -> str:
    # Runs in the notebook's own kernel, on what its cells made.
    return f"""\
# the demo's results
from pathlib import Path
for name in live.data.get_timeframes():
    print(f"\\n{{name}}:")
    print(live.data.get_data(name, count=3).to_string())
print()
print(live.accounting())
assert live.accounting().balanced
Path({str(folder / "quickstart.html")!r}).write_text(chart.to_html(), encoding="utf-8")
live.export({str(folder / "mnq.parquet")!r})
live.close()
"""


def _say(text: str) -> None:
    print(text, flush=True, file=sys.stdout)  # noqa: T201  # this is a command line
