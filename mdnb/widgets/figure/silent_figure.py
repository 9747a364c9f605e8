"""A plotly ``FigureWidget`` that can be changed without a word to the page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mdnb.widgets.page.late_import import imported_late

__all__ = ["SilentFigure"]

# Plotly needs them only when it displays a figure by itself, or makes a PNG of one. Beside JupyterLab
# nbformat takes longer to import than all the rest, for it makes ready to check addresses; kaleido looks for
# browsers.
with imported_late("nbformat"), imported_late("kaleido"):
    from plotly.graph_objs import FigureWidget


class SilentFigure(FigureWidget):  # type: ignore[misc]  # plotly has no type information
    """A figure whose owner may change it and tell the page in words of its own."""

    def read_through(self, catch_up: Callable[[], None] | None) -> None:
        """Have a function called before the traces are read: it may change them in place, without a word."""
        self.__dict__["_mdnb_catch_up"] = catch_up

    @property
    def _data(self) -> list[dict[str, Any]]:
        """Plotly's own name of its traces, from which it answers everybody who reads the figure."""
        catch_up = self.__dict__.get("_mdnb_catch_up")
        if catch_up is not None:
            catch_up()
        held: list[dict[str, Any]] = self.__dict__["_mdnb_data"]
        return held

    @_data.setter
    def _data(self, traces: list[dict[str, Any]]) -> None:
        self.__dict__["_mdnb_data"] = traces

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Change the figure and send nothing of it."""
        self.__dict__["_mdnb_is_quiet"] = True
        try:
            yield
        finally:
            self.__dict__["_mdnb_is_quiet"] = False

    def _is_quiet(self) -> bool:
        return bool(self.__dict__.get("_mdnb_is_quiet"))

    # Plotly's names: each counts an edit, and waits until the page says that it was made.

    def _send_addTraces_msg(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if not self._is_quiet():
            super()._send_addTraces_msg(*args, **kwargs)

    def _send_deleteTraces_msg(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if not self._is_quiet():
            super()._send_deleteTraces_msg(*args, **kwargs)

    def _send_moveTraces_msg(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if not self._is_quiet():
            super()._send_moveTraces_msg(*args, **kwargs)

    def _send_relayout_msg(self, *args: Any, **kwargs: Any) -> None:
        if not self._is_quiet():
            super()._send_relayout_msg(*args, **kwargs)

    def _send_restyle_msg(self, *args: Any, **kwargs: Any) -> None:
        if not self._is_quiet():
            super()._send_restyle_msg(*args, **kwargs)

    def _send_update_msg(self, *args: Any, **kwargs: Any) -> None:
        if not self._is_quiet():
            super()._send_update_msg(*args, **kwargs)
