"""`LiveChart`: a candlestick chart that moves by itself, and is a plotly ``FigureWidget``."""

from __future__ import annotations

import copy
from typing import Any

import plotly.graph_objects as go

from mdnb.errors import OptionError, suggest
from mdnb.store.bars import BarColumns
from mdnb.widgets.compose import ChartState, compose_layout, compose_traces, moving_numbers
from mdnb.widgets.layout import short_timeframe
from mdnb.widgets.page import page_probe
from mdnb.widgets.picture import svg_picture
from mdnb.widgets.sender import sender
from mdnb.widgets.source import BarSource
from mdnb.widgets.theme import PALETTES, THEMES, theme_of
from mdnb.widgets.transport import LayerTransport, StockTransport, users_own

__all__ = ["LiveChart"]

_CONFIG = {"showSendToCloud": False, "displaylogo": False, "scrollZoom": True, "responsive": True}
_MAX_PICTURE_BARS = 200
_STOCK_FPS = 8.0
_FRONTENDS = ("live", "stock")


class LiveChart(go.FigureWidget):  # type: ignore[misc]  # plotly has no type information
    """Live candles and volume of one symbol and timeframe.

    Everything people do to a ``FigureWidget`` works: add traces, shapes and annotations, change the layout,
    attach handlers. It is drawn from a thread of its own, so it moves while a cell runs.

    Parameters
    ----------
    source
        Where the bars come from: an engine, such as ``suite.data.engine``.
    timeframe
        One that is kept.
    bars
        How many bars are shown, 2..5000. Plotly draws all of them anew when a bar closes.
    fps
        Redraws a second at the most, above 0.
    theme
        ``auto`` follows the page; ``dark`` or ``light``.
    palette
        ``default`` or ``colorblind``.
    height
        Pixels.
    static
        Add a picture for pages without a kernel (GitHub, nbviewer).
    frontend
        ``live`` draws what moves in a layer over the figure; ``stock`` leaves everything to plotly, at most
        8 redraws a second, for pages that cannot run the layer. ``fast``, given to ``live.chart``, is the
        chart of `mdnb.widgets.fast`: up to 50,000 bars, not the default yet.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is unknown or outside what is allowed.
    """

    def __init__(
        self,
        source: BarSource,
        timeframe: str,
        *,
        bars: int = 240,
        fps: float = 20.0,
        theme: str = "auto",
        palette: str = "default",
        height: int = 460,
        static: bool = True,
        frontend: str = "live",
        **unknown: Any,
    ) -> None:
        _check(bars, fps, theme, palette, height, frontend, unknown)
        name = source.canonical(timeframe)
        live = frontend == "live"
        state = ChartState(source, name, bars, theme, palette, height, static, live)
        held = source.columns(name, bars)
        super().__init__(data=compose_traces(state, held), layout=compose_layout(state, held))
        self.__dict__["fps"] = float(fps) if live else min(float(fps), _STOCK_FPS)
        self.__dict__["_mdnb"] = state
        state.transport = LayerTransport(self) if live else StockTransport(self)
        state.seen = source.version(name)
        state.last_badge = source.status()
        self._config = dict(_CONFIG)
        if theme == "auto":
            probe = page_probe()
            probe.observe(self._on_page_theme, "theme")
            if probe.theme:
                self.set_theme(probe.theme, keep_auto=True)
        state.listener = source.listen(sender().wake.set)
        sender().add(self)

    # -- what it shows ------------------------------------------------------------------------------

    @property
    def timeframe(self) -> str:
        """The timeframe shown."""
        name: str = self._mdnb.timeframe
        return name

    @property
    def symbol(self) -> str:
        """The symbol shown."""
        name: str = self._mdnb.source.symbol
        return name

    @property
    def follows(self) -> bool:
        """Whether the chart goes along with the last bar: until it is panned or zoomed."""
        return self._is_at_the_end()

    def follow(self) -> None:
        """Go to the last bar and along with it again."""
        state = self._mdnb
        with state.lock:
            state.follows = True
            state.y_range = None
            self._redraw_all()

    def _is_at_the_end(self) -> bool:
        # The page tells of each pan and zoom by changing the layout: it differs from what was set here then.
        state, axis = self._mdnb, self.layout.xaxis
        if state.x_range is None or axis.range is None or axis.autorange is True:
            return True
        width = state.x_range[1] - state.x_range[0]
        return all(abs(a - b) < 1e-3 * width for a, b in zip(axis.range, state.x_range, strict=True))

    def set_timeframe(self, timeframe: str) -> None:
        """Show another timeframe that is kept.

        Raises
        ------
        TimeframeError
            When it is not kept.
        """
        state = self._mdnb
        with state.lock:
            state.timeframe = state.source.canonical(timeframe)
            state.follows = True
            state.y_range = None
            self._redraw_all()

    def set_theme(self, theme: str, palette: str | None = None, *, keep_auto: bool = False) -> None:
        """Change colours: ``dark``, ``light`` or ``auto``, and the palette if one is given."""
        state = self._mdnb
        with state.lock:
            theme_of(theme, palette or state.palette)
            state.theme = theme if not (theme == "auto" and page_probe().theme) else page_probe().theme
            state.palette = palette or state.palette
            state.follows_page = keep_auto or theme == "auto"
            self._redraw_all()

    def _on_page_theme(self, change: dict[str, Any]) -> None:
        if self._mdnb.follows_page and change["new"] in ("dark", "light"):
            self.set_theme(change["new"], keep_auto=True)

    # -- drawing ------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Send what changed since the last time; the sender's thread calls this."""
        state = self._mdnb
        with state.lock:
            if state.closed:
                return
            status = state.source.status()
            version = state.source.version(state.timeframe)
            if version == state.seen and status == state.last_badge:
                return
            # Nobody looks at a chart whose last view was closed; the one that opens next gets the state.
            if self._view_count == 0 and state.had_view:
                return
            state.had_view = state.had_view or self._view_count > 0
            held = state.source.columns(state.timeframe, state.bars)
            state.follows = self._is_at_the_end()
            same_bars = version[:2] == state.seen[:2]
            state.seen, state.last_badge = version, status
            if not len(held):
                return
            if same_bars and held.forming and state.shows_forming:
                state.transport.update_forming(state, held)
            else:
                self._redraw_bars(held)
            if status == "closed":
                # The market was closed: nothing will come any more, and the badge says so.
                state.closed = True
                sender().remove(self)
                state.listener.close()

    def _redraw_bars(self, held: BarColumns) -> None:
        state = self._mdnb
        state.transport.replace_bars(
            state, held, compose_traces(state, held), compose_layout(state, held, moving=True)
        )

    def _redraw_all(self) -> None:
        state = self._mdnb
        held = state.source.columns(state.timeframe, state.bars)
        state.transport.replace_bars(state, held, compose_traces(state, held), compose_layout(state, held))

    # -- state for a page that opens later ------------------------------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the bars as they are now: a reloaded page shows the present."""
        if "_mdnb" in self.__dict__:
            # Written past the traits' notification: setting them would send everything to every page.
            self._trait_values["_widget_data"] = copy.deepcopy(self._data)
            layout = copy.deepcopy(self._layout_obj._props)
            state = self._mdnb
            if state.drawn_by_layer and "meta" in layout:
                held = state.source.columns(state.timeframe, 2)
                layout["meta"]["mdnb"]["now"] = moving_numbers(state, held)
            self._trait_values["_widget_layout"] = layout
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(*args, **kwargs)
        if self._mdnb.static:
            bundle["image/svg+xml"] = self.picture()
        bundle["text/plain"] = repr(self)
        return bundle

    def picture(self) -> str:
        """Return the chart as it is now as a small stand-alone SVG."""
        state = self._mdnb
        held = state.source.columns(state.timeframe, min(state.bars, _MAX_PICTURE_BARS))
        title = f"{state.source.symbol} · {short_timeframe(state.timeframe)}"
        decimals = state.source.instrument.decimals
        return svg_picture(held, title, decimals, state.source.tz, state.colours, height=state.height)

    def snapshot(self) -> go.Figure:
        """Return the chart as it is now as a plain figure: yours, and still."""
        state = self._mdnb
        held = state.source.columns(state.timeframe, state.bars)
        ours = compose_traces(state, held, whole=True)
        theirs = [trace.to_plotly_json() for trace in self.data[len(ours) :]]
        layout = self.layout.to_plotly_json()
        whole = compose_layout(state, held, whole=True)
        for kind in ("shapes", "annotations"):
            layout[kind] = [*whole[kind], *users_own(self, kind)]
        return go.Figure(data=[*ours, *theirs], layout=layout)

    def to_html(self, *args: Any, **kwargs: Any) -> str:
        """Return a stand-alone page of the chart as it is now; plotly's options."""
        kwargs.setdefault("config", dict(_CONFIG))
        text: str = self.snapshot().to_html(*args, **kwargs)
        return text

    def close(self) -> None:
        """Stop moving; the last state stays to be seen."""
        state = self.__dict__.get("_mdnb")
        if state is not None and not state.closed:
            state.closed = True
            sender().remove(self)
            if state.listener is not None:
                state.listener.close()
            if state.follows_page or state.theme == "auto":
                page_probe().unobserve(self._on_page_theme, "theme")
        super().close()

    def __repr__(self) -> str:
        if "_mdnb" not in self.__dict__:
            return f"<{type(self).__name__}>"
        return f"<LiveChart {self.symbol} {self.timeframe}: {self._mdnb.source.status()}>"


def _check(
    bars: int, fps: float, theme: str, palette: str, height: int, frontend: str, unknown: dict[str, Any]
) -> None:
    allowed = ("bars", "fps", "theme", "palette", "height", "static", "frontend")
    for name in unknown:
        raise OptionError(f"a chart has no option {name!r}. {suggest(name, allowed)}")
    if isinstance(bars, bool) or not isinstance(bars, int) or not 2 <= bars <= 5000:
        raise OptionError(f"bars must be a whole number from 2 to 5000; got {bars!r}")
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 120:
        raise OptionError(f"fps must be above 0 and at most 120; got {fps!r}")
    if isinstance(height, bool) or not isinstance(height, int) or not 120 <= height <= 4000:
        raise OptionError(f"height must be a whole number of pixels from 120 to 4000; got {height!r}")
    if theme not in THEMES:
        raise OptionError(f"there is no theme {theme!r}. {suggest(str(theme), THEMES)}")
    if palette not in PALETTES:
        raise OptionError(f"there is no palette {palette!r}. {suggest(str(palette), PALETTES)}")
    if frontend not in _FRONTENDS:
        raise OptionError(f"there is no front end {frontend!r}. {suggest(str(frontend), _FRONTENDS)}")
