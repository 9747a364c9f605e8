"""Opening charts: ``live.chart()``, ``live.panel()``, ``live.dashboard()``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from mdnb.errors import OptionError, TimeframeError
from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.chart.options import ChartOptionsDict, EachChartOptionsDict, lists_options
from mdnb.widgets.market_charts import MarketCharts

if TYPE_CHECKING:
    from mdnb.widgets.chart.chart import LiveChart
    from mdnb.widgets.controls.panel import Panel
    from mdnb.widgets.dashboard.dashboard import Dashboard

__all__ = ["ChartOpener"]


class ChartOpener:
    """Opens charts of a session; every face of a market has its methods.

    Parameters
    ----------
    data
        The data of every symbol followed.
    symbol
        The one shown at first.
    charts
        Those of the market that are open, and those that were saved with it.
    """

    def __init__(
        self, data: Mapping[str, SyncDataManager], symbol: str, charts: MarketCharts | None = None
    ) -> None:
        self._data = data
        self._symbol = symbol
        self._charts = charts or MarketCharts()

    @lists_options
    def chart(self, /, timeframe: str | None = None, **options: Unpack[ChartOptionsDict]) -> LiveChart:
        """Return a live chart.

        It moves by itself, also while a cell runs, and is a plotly ``FigureWidget``: add traces, shapes and
        annotations, change the layout, attach handlers. Of a market that was saved with charts it shows what
        these did: their timeframe, kind and indicators where none are given, drawings and marks.

        Parameters
        ----------
        timeframe
            The one shown at first; default the finest kept.
        **options
            Those of `mdnb.widgets.chart.options.ChartOptions`: ``bars``, ``fps``, ``theme``, ``palette``,
            ``height``, ``static``, ``quotes``, ``frontend``, ``kind``, ``overlays``, ``volume``, ``tz``.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        OptionError
            When an option is unknown or outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
        ...     chart = market.chart("5min", kind="line", overlays="vwap")
        >>> chart.timeframe, chart.kind, chart.overlays
        ('5min', 'line', ('vwap',))
        """
        from mdnb.widgets.chart.chart import LiveChart

        engine = self._data[self._symbol].engine
        sources = {symbol: data.engine for symbol, data in self._data.items()}
        name = self._charts.first(engine) or engine.finest() if timeframe is None else timeframe
        if name in self._data:
            raise TimeframeError(f"{name} is a symbol, no timeframe; its chart: live[{name!r}].chart()")
        saved = self._charts.saved_for(engine, name)
        chart = LiveChart(engine, name, sources=sources, **self._charts.options(engine, name, saved, options))
        self._charts.take(chart, saved)
        return chart

    @lists_options
    def panel(self, /, timeframe: str | None = None, **options: Unpack[ChartOptionsDict]) -> Panel:
        """Return a live chart with its controls above.

        Timeframe, symbol, kind of chart, indicators, pause, follow, theme, export: by mouse or keyboard.

        Parameters
        ----------
        timeframe
            The one shown at first; default the finest kept.
        **options
            As for `chart`.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        OptionError
            When an option is unknown or outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
        ...     panel = market.panel("1min", overlays=["ema(20)"])
        ...     panel.controls.kind.value = "line"
        ...     panel.chart.kind, panel.chart.overlays
        ('line', ('ema(20)',))
        """
        from mdnb.widgets.controls.panel import Panel

        return Panel(self.chart(timeframe, **options))

    @lists_options
    def dashboard(
        self,
        /,
        timeframes: Sequence[str] | str | None = None,
        *,
        columns: int = 2,
        height: int = 320,
        link: bool = True,
        controls: bool = True,
        alignment: bool = True,
        status: bool = True,
        **options: Unpack[EachChartOptionsDict],
    ) -> Dashboard:
        """Return live charts of several timeframes side by side, with alignment, status and controls above.

        Parameters
        ----------
        timeframes
            At most 12 that are kept; default all.
        columns
            Charts side by side at the most, 1..4; fewer in narrow pages. Where one is left over, the coarsest
            is as wide as the page.
        height
            Of a chart, pixels.
        link
            Share crosshair and zoom among the charts, by time.
        controls
            Symbol, kind of chart, indicators, pause, follow and theme of all charts.
        alignment
            The trend of each timeframe and how far they agree, analysed anew whenever a bar closes.
        status
            Connection, latency, quality, trades a second, bars, gaps.
        **options
            As for `chart`, for each chart.

        Raises
        ------
        TimeframeError
            When a timeframe is not kept.
        OptionError
            When an option is unknown or outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min", "5min", "15min"], initial_days=1) as market:
        ...     board = market.dashboard()
        ...     [chart.timeframe for chart in board.charts]
        ['15min', '1min', '5min']
        """
        from mdnb.widgets.dashboard.dashboard import MOST_CHARTS, Dashboard, check_dashboard, in_order

        flags = {"link": link, "controls": controls, "alignment": alignment, "status": status}
        check_dashboard(columns, flags)
        engine = self._data[self._symbol].engine
        asked = [timeframes] if isinstance(timeframes, str) else timeframes
        wanted = {engine.canonical(name) for name in (engine.timeframes() if asked is None else asked)}
        names = [name for name in engine.timeframes() if name in wanted]
        if not 1 <= len(names) <= MOST_CHARTS:
            raise OptionError(f"a dashboard has 1 to {MOST_CHARTS} timeframes; got {len(names)}")
        charts: list[LiveChart] = []
        try:
            # One by one, so that those made are closed where a later one cannot be.
            charts.extend(self.chart(name, height=height, **options) for name in in_order(names, columns))
            return Dashboard(charts, list(self._data.values()), columns=columns, **flags)
        except Exception:
            for chart in charts:
                chart.close()
            raise
