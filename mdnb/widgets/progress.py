"""Telling what is being loaded, in a notebook, on one line that goes away again."""

from __future__ import annotations

import contextlib
import html
import sys
from collections.abc import Callable, Iterator

__all__ = ["in_notebook", "progress_line"]

_Tell = Callable[[int, int, str], None]


def in_notebook() -> bool:
    """Return whether this runs in a Jupyter kernel; imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


@contextlib.contextmanager
def progress_line(*, enabled: bool = True) -> Iterator[_Tell | None]:
    """Give a function that shows ``done`` of ``total`` and a text; None outside a notebook."""
    if not enabled or not in_notebook():
        yield None
        return
    from IPython.display import HTML, display

    handle = display(HTML("<small>connecting …</small>"), display_id=True)

    def tell(done: int, total: int, text: str) -> None:
        # Sent from the background loop: an update names its display, so it reaches the right cell.
        handle.update(HTML(f"<small>{html.escape(text)} … {done}/{total}</small>"))

    try:
        yield tell
    finally:
        handle.update(HTML(""))
