"""``python -m tests.refresh_notebooks``: run every notebook, save its results, a picture for each widget.

What is saved can be seen on a page without a kernel, and holds neither widget state nor links to widgets that
are gone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat as _nbformat
from nbclient import NotebookClient

nbformat: Any = _nbformat
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def refresh(path: Path) -> None:
    """Run one notebook and write it back with its results."""
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=120,
        store_widget_state=False,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_still, cell.outputs) if output is not None]
            cell.metadata.pop("execution", None)
    book.metadata.pop("widgets", None)
    book.metadata.language_info = {"name": "python"}
    nbformat.write(book, path)


def _still(output: Any) -> Any:
    if output.output_type in ("display_data", "execute_result"):
        output.data.pop(WIDGET, None)
        if output.data.get("text/html") == "":
            return None  # a progress line that went away
    return output


if __name__ == "__main__":
    for found in sorted(NOTEBOOKS.glob("*.ipynb")):
        refresh(found)
        size = found.stat().st_size
        sys.stdout.write(f"{found.name}: {size:,} bytes\n")
