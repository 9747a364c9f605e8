"""`Dashboard`: one market in several timeframes, linked, with alignment and status."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from mdnb.errors import OptionError
from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.controls.controls import ChartControls
from mdnb.widgets.dashboard.alignment_strip import AlignmentStrip
from mdnb.widgets.dashboard.dashboard_picture import dashboard_page, dashboard_picture
from mdnb.widgets.dashboard.live_strip import LiveStrip
from mdnb.widgets.dashboard.status_strip import StatusStrip
from mdnb.widgets.page.display_policy import kept
from mdnb.widgets.page.hold import hold, let_go
from mdnb.widgets.page.marimo_host import marimo_box
from mdnb.widgets.page.page_assets import plotly_runtime
from mdnb.widgets.page.sender import sender
from mdnb.widgets.page.surface import Surface
from mdnb.widgets.static_output.static_output import picture_bundle

__all__ = ["CONTROLS", "MOST_CHARTS", "Dashboard", "check_dashboard", "in_order"]

CONTROLS = ("symbol", "kind", "overlays", "pause", "follow", "theme")
"""The controls that act on all charts of a dashboard."""
MOST_CHARTS = 12
_LEAST_WIDTH = 440
_NUMBERS = itertools.count(1)


class Dashboard(Surface):
    """Charts of several timeframes side by side; above them controls for all, alignment and status.

    Two columns need about 900 pixels; in narrower pages there are fewer. Where one chart would be left over,
    the coarsest is as wide as the page.

    Parameters
    ----------
    charts
        In the order of the page; closed with the dashboard.
    data
        Where alignment and status come from, of each symbol.
    columns
        Charts side by side at the most, 1..4.
    link
        Share crosshair and zoom among the charts.
    controls, alignment, status
        Whether they are there.

    Attributes
    ----------
    charts
        As they stand on the page.
    controls, alignment, status
        None where they were not wanted.
    """

    fps = 2.0

    def __init__(
        self,
        charts: Sequence[LiveChart],
        data: Sequence[SyncDataManager],
        *,
        columns: int = 2,
        link: bool = True,
        controls: bool = True,
        alignment: bool = True,
        status: bool = True,
    ) -> None:
        flags = {"link": link, "controls": controls, "alignment": alignment, "status": status}
        check_dashboard(columns, flags)
        self.charts = tuple(charts)
        self._data = {held.engine.symbol: held for held in data}
        self._columns = columns
        first = self.charts[0]
        held = self._data[first.symbol]
        self.controls = ChartControls(self.charts, CONTROLS) if controls else None
        self.alignment = AlignmentStrip(held, _clock_timeframes(held, self.charts)) if alignment else None
        self.status = StatusStrip(held) if status else None
        if link and len(self.charts) > 1:
            group = f"mdnb-dashboard-{next(_NUMBERS)}"
            for chart in self.charts:
                chart.link(group)
        super().__init__(self._rows(), first.theme, first.palette)
        self._is_whole = True
        let_go(self)
        if self.controls is not None:
            self.controls.observe(lambda _change: self.set_theme(first.theme, first.palette), "_dom_classes")
        sender().add(self)

    def _rows(self) -> list[ipywidgets.Widget]:
        rows: list[ipywidgets.Widget] = [self.controls] if self.controls is not None else []
        if self.strips:
            strips = ipywidgets.HBox(self.strips)
            strips.add_class("mdnb-strips")
            rows.append(strips)
        grid = ipywidgets.GridBox(self.charts, layout={"grid_template_columns": self._template()})
        grid.add_class("mdnb-grid")
        if self.has_wide:
            self.charts[0].add_class("mdnb-wide")
        return [*rows, grid]

    def _template(self) -> str:
        """Return the columns of the charts: as many as fit, and no more than wanted."""
        least = f"max({_LEAST_WIDTH}px, {100 / (self._columns + 1):.2f}% + 2px)"
        return f"repeat(auto-fit, minmax(min(100%, {least}), 1fr))" if self._columns > 1 else "100%"

    @property
    def strips(self) -> tuple[LiveStrip, ...]:
        """Alignment and status, as far as they are there."""
        return tuple(strip for strip in (self.alignment, self.status) if strip is not None)

    @property
    def has_wide(self) -> bool:
        """Whether the first chart is as wide as the page."""
        return self._columns > 1 and len(self.charts) > 1 and len(self.charts) % self._columns == 1

    @property
    def symbol(self) -> str:
        """The symbol of the first chart."""
        return self.charts[0].symbol

    def draw(self) -> None:
        """Show alignment and status of the charts' symbol; the sender's thread calls this."""
        if self.charts[0]._mdnb.state.closed:
            # The strips show another symbol no more, and what the market has had is not to be kept for them.
            self._data = {}
            sender().remove(self)
            return
        held = self._data[self.symbol]
        for strip in self.strips:
            if strip.symbol != self.symbol:
                strip.show(held)

    # -- pages without a kernel -----------------------------------------------------------------------

    def picture(self) -> str:
        """Return the dashboard as it is now as a small stand-alone SVG."""
        return dashboard_picture(self.charts, [strip.state() for strip in self.strips], self._columns)

    def to_html(self) -> str:
        """Return a stand-alone page of the dashboard as it is now: pictures below tables."""
        return dashboard_page(self.charts, [strip.state() for strip in self.strips], self._columns)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        hold(self)
        shown: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        for strip in self.strips:
            strip.note_shown()
        if any(chart._mdnb.state.options.static for chart in self.charts):
            shown |= picture_bundle(self.picture())
        else:
            plotly_runtime().fill()  # a notebook that runs unattended keeps the widgets themselves
        return kept({**shown, "text/plain": repr(self)})

    def _display_(self) -> Any:
        # Marimo asks for it.
        for strip in self.strips:
            strip.note_shown()
        rows = [("grid-column:1/-1", part) for part in (self.controls, *self.strips) if part is not None]
        wide = "grid-column:1/-1" if self.has_wide else ""
        charts = [(wide if chart is self.charts[0] else "", chart) for chart in self.charts]
        return marimo_box(f"display:grid;gap:8px;grid-template-columns:{self._template()}", [*rows, *charts])

    def close(self) -> None:
        """Close the charts and all that is around them."""
        # Closed also by the interpreter's end, and after a constructor that failed half way.
        if "_is_whole" in self.__dict__:
            sender().remove(self)
            self._data = {}
            let_go(self, shown=True)
            for part in (self.controls, *self.strips, *self.charts):
                if part is not None:
                    part.close()
        super().close()

    def __repr__(self) -> str:
        if "_is_whole" not in self.__dict__:
            return f"<{type(self).__name__}>"
        return f"<Dashboard {self.symbol}: {', '.join(chart.timeframe for chart in self.charts)}>"


def check_dashboard(columns: int, flags: Mapping[str, Any]) -> None:
    """Raise `OptionError` for options that a dashboard does not have."""
    if isinstance(columns, bool) or not isinstance(columns, int) or not 1 <= columns <= 4:
        raise OptionError(f"columns must be a whole number from 1 to 4; got {columns!r}")
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise OptionError(f"{name} must be True or False; got {flag!r}")


def in_order(timeframes: Sequence[str], columns: int) -> list[str]:
    """Return timeframes, given fine to coarse, in chart order: the coarsest first if it would stand alone.

    Examples
    --------
    >>> in_order(["1min", "5min", "15min"], 2), in_order(["1min", "5min"], 2)
    (['15min', '1min', '5min'], ['1min', '5min'])
    """
    names = list(timeframes)
    if columns > 1 and len(names) > 1 and len(names) % columns == 1:
        return [names[-1], *names[:-1]]
    return names


def _clock_timeframes(data: SyncDataManager, charts: Sequence[LiveChart]) -> list[str] | None:
    """Return the timeframes of charts that alignment is computed for; None means all kept."""
    engine = data.engine
    shown = {chart.timeframe for chart in charts} - set(engine.activity)
    return [name for name in engine.timeframes() if name in shown] or None
