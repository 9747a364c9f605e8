"""Brings the notebooks beside the pages: Sphinx reads what is below its own folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config


def _copy(app: Sphinx, _config: Config) -> None:
    pages = Path(app.srcdir)
    shutil.rmtree(pages / "notebooks", ignore_errors=True)
    (pages / "notebooks").mkdir()
    for path in sorted((pages.parent / "notebooks").glob("*.ipynb")):
        shutil.copy2(path, pages / "notebooks")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the copying."""
    app.connect("config-inited", _copy)
    return {"parallel_read_safe": True}
