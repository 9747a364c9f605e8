"""`Panel`: a chart with its controls."""

from __future__ import annotations

from typing import Any

from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.controls.controls import ChartControls
from mdnb.widgets.page.display_policy import kept
from mdnb.widgets.page.hold import hold, let_go
from mdnb.widgets.page.marimo_host import marimo_box
from mdnb.widgets.page.surface import Surface

__all__ = ["Panel"]


class Panel(Surface):
    """A chart with its controls above, in one box.

    Parameters
    ----------
    chart
        A chart, which is closed with the panel.

    Attributes
    ----------
    chart, controls
        What is in it.
    """

    def __init__(self, chart: LiveChart) -> None:
        self.chart = chart
        self.controls = ChartControls(chart)
        super().__init__([self.controls, chart], chart.theme, chart.palette)
        let_go(self)
        self.controls.observe(lambda _change: self.set_theme(chart.theme, chart.palette), "_dom_classes")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        hold(self)
        # The chart's picture, where a page has no kernel.
        shown: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return kept({**self.chart._repr_mimebundle_(), **shown, "text/plain": repr(self)})

    def _display_(self) -> Any:
        # Marimo asks for it.
        return marimo_box("display:grid;gap:8px", [("", self.controls), ("", self.chart)])

    def close(self) -> None:
        """Close the chart, its controls, and the box."""
        if "controls" in self.__dict__:
            let_go(self, shown=True)
            self.controls.close()
            self.chart.close()
        super().close()

    def __repr__(self) -> str:
        return f"<Panel of {self.chart!r}>" if "controls" in self.__dict__ else f"<{type(self).__name__}>"
