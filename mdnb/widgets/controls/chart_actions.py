"""`ChartActions`: applies what is chosen in controls to charts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets

from mdnb.errors import MdnbError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.controls.control_parts import tell

__all__ = ["ChartActions"]


class ChartActions:
    """Applies what is chosen in controls to charts, except while the controls are being refreshed from them.

    Attributes
    ----------
    charts
        What is steered.
    guard
        Held while controls or charts are changed: the sender's thread refreshes controls, the
        kernel's changes charts.
    refresh
        Makes the controls say what the charts are now; with True whether or not anything changed.
    """

    def __init__(self, charts: Sequence[LiveChart], note: ipywidgets.Label) -> None:
        self.charts = tuple(charts)
        self.guard = threading.RLock()
        self.refresh: Callable[[bool], None] = lambda _all: None
        self._note = note
        self._is_quiet = False

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Change controls without changing the charts."""
        with self.guard:
            self._is_quiet = True
            try:
                yield
            finally:
                self._is_quiet = False

    def do(self, action: Callable[[LiveChart], Any], note: ipywidgets.Label | None = None) -> bool:
        """Apply an action to every chart; an error is shown in a note, by default the row's."""
        beside = self._note if note is None else note
        with self.guard:
            if self._is_quiet:
                return False
            try:
                for chart in self.charts:
                    action(chart)
            except MdnbError as error:
                tell(beside, str(error), wrong=True)
                self.refresh(True)
                return False
            tell(beside, "")
            self.refresh(False)
            return True

    def on(self, control: ipywidgets.Widget, action: Callable[[LiveChart, Any], Any]) -> None:
        """Carry out an action with each value that a user gives a control."""
        control.observe(lambda change: self.do(lambda chart: action(chart, change["new"])), "value")
