"""``python -m tests.refresh_notebooks``: run every notebook and save its results, without widgets' state."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat as _nbformat
from nbclient import NotebookClient

nbformat: Any = _nbformat
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


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
            cell.metadata.pop("execution", None)
    book.metadata.pop("widgets", None)
    book.metadata.language_info = {"name": "python"}
    nbformat.write(book, path)


if __name__ == "__main__":
    for found in sorted(NOTEBOOKS.glob("*.ipynb")):
        refresh(found)
        size = found.stat().st_size
        sys.stdout.write(f"{found.name}: {size:,} bytes\n")
