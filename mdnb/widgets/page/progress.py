"""Progress of loading, in a notebook: one line that disappears when done."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable, Iterator

from mdnb.widgets.page.display_policy import attended, in_notebook

__all__ = ["progress_line"]

_Tell = Callable[[int, int, str], None]


@contextlib.contextmanager
def progress_line(*, enabled: bool = True) -> Iterator[_Tell | None]:
    """Yield a function that shows ``done`` of ``total`` and a text; None where nobody would see it."""
    if not enabled or not in_notebook() or not attended():
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
