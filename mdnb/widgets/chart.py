"""`LiveChart`: a candlestick chart that moves by itself, and is a plotly ``FigureWidget``."""

from __future__ import annotations

import pathlib
import warnings
from typing import Any

import plotly.graph_objects as go
import traitlets

from mdnb.errors import OptionError
from mdnb.widgets.figure import HELD, is_ours, moving_parts, traces, view
from mdnb.widgets.layout import short_timeframe
from mdnb.widgets.page import page_probe
from mdnb.widgets.picture import svg_picture
from mdnb.widgets.runtime import plotly_runtime
from mdnb.widgets.sender import sender
from mdnb.widgets.source import BarSource
from mdnb.widgets.state import ChartState, check_options
from mdnb.widgets.stock import MOST_FPS, StockTransport
from mdnb.widgets.theme import theme_of
from mdnb.widgets.transport import FastTransport

__all__ = ["LiveChart"]

_CONFIG = {
    "showSendToCloud": False,
    "displaylogo": False,
    "displayModeBar": False,
    "scrollZoom": True,
    "responsive": False,
}
_MAX_PICTURE_BARS = 200
_WIDGET = "application/vnd.jupyter.widget-view+json"


class LiveChart(go.FigureWidget):  # type: ignore[misc]  # plotly has no type information
    """Live candles and volume of one symbol and timeframe.

    Everything people do to a ``FigureWidget`` works: add traces, shapes and annotations, change the layout,
    attach handlers. It is drawn from a thread of its own, so it moves while a cell runs. Bars stand side by
    side: ``x`` is a bar's ordinal, as in ``chart.data[0].x``.

    Parameters
    ----------
    source
        Where the bars come from: an engine, such as ``suite.data.engine``.
    timeframe
        One that is kept.
    bars
        How many bars are held to be shown, 2..50,000 (``frontend="stock"``: ..5,000); about the newest 180
        are in view at first.
    fps
        Redraws a second at the most, above 0, up to 120.
    theme
        ``auto`` follows the page; ``dark`` or ``light``.
    palette
        ``default`` or ``colorblind``.
    height
        Pixels.
    static
        Add a picture for pages without a kernel (GitHub, nbviewer).
    quotes
        Draw lines at bid and ask.
    frontend
        ``fast``: our own; ``stock``: plotly's, for a page that cannot run ours, at most twice a second.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is unknown or outside what is allowed.
    """

    _esm = pathlib.Path(__file__).parent / "static" / "live_chart.js"
    _runtime = traitlets.Unicode("").tag(sync=True)
    _look = traitlets.Dict().tag(sync=True)
    _bars = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        source: BarSource,
        timeframe: str,
        *,
        bars: int = 1000,
        fps: float = 20.0,
        theme: str = "auto",
        palette: str = "default",
        height: int = 460,
        static: bool = True,
        quotes: bool = False,
        frontend: str = "fast",
        **unknown: Any,
    ) -> None:
        check_options(bars, fps, theme, palette, height, frontend, unknown)
        if not isinstance(quotes, bool):
            raise OptionError(f"quotes must be True or False; got {quotes!r}")
        name = source.canonical(timeframe)
        state = ChartState(source, name, bars, theme, palette, height, static, theme == "auto", quotes)
        if theme == "auto":
            state.theme = page_probe().theme or "light"
        held = source.columns(name, bars)
        stock = frontend == "stock"
        if stock:
            fps = min(fps, MOST_FPS)
            self.__dict__["_esm"] = go.FigureWidget._esm
            warnings.warn(
                f"frontend='stock': plotly's own front end, at most {MOST_FPS:g} refreshes a second",
                UserWarning,
                stacklevel=2,
            )
        transport = (StockTransport if stock else FastTransport)(self, state, held)
        self.__dict__["_mdnb_opens"] = False
        data, layout = transport.make_figure(held)
        super().__init__(data=data, layout=layout)
        for held_trace, made in zip(self._data, data, strict=True):
            # A `FigureWidget` gives its traces ids of its own; ours are found by these.
            held_trace["uid"] = made["uid"]
        self.__dict__.update(fps=float(fps), _mdnb=state, _mdnb_transport=transport, _mdnb_opens=True)
        self._config = dict(_CONFIG)
        if not stock:
            self._runtime = plotly_runtime().model_id
            self.on_msg(self._on_message)
        self.open()
        state.seen, state.badge = source.version(name), source.status()
        self._observe_page()
        state.listener = source.listen(sender().wake.set)
        sender().add(self)

    def open(self) -> None:
        """Open the connection to the page; once everything is there, so that it takes one message."""
        if self.__dict__.get("_mdnb_opens", False):
            super().open()

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
        """Whether the page goes along with the newest bar: until somebody pans or zooms there."""
        return bool(self._mdnb.follows)

    def follow(self) -> None:
        """Go to the newest bar, and along with it again, on every page."""
        self._mdnb.follows = True
        self._mdnb_transport.follow()

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
            self._mdnb_transport.show_all()
            state.seen = (-1, -1, -1)

    def set_theme(self, theme: str, palette: str | None = None) -> None:
        """Change colours: ``dark``, ``light`` or ``auto``, and the palette if one is given.

        Raises
        ------
        OptionError
            When there is no such theme or palette.
        """
        state = self._mdnb
        theme_of(theme, palette or state.palette)
        with state.lock:
            state.follows_page = theme == "auto"
            self._observe_page()
            named = (page_probe().theme or "light") if theme == "auto" else theme
            self._recolour(named, palette or state.palette, tell=True)

    def _observe_page(self) -> None:
        state = self._mdnb
        if state.follows_page and not state.observes_page:
            state.observes_page = True
            page_probe().observe(self._on_page_theme, "theme")

    def _on_page_theme(self, change: dict[str, Any]) -> None:
        state = self._mdnb
        if state.follows_page and change["new"] in {"dark", "light"} and not state.closed:
            with state.lock:
                # Our own front end saw it before the kernel did.
                self._recolour(change["new"], state.palette, tell=False)

    def _recolour(self, theme: str, palette: str, *, tell: bool) -> None:
        state = self._mdnb
        old = state.look()
        state.theme, state.palette = theme, palette
        self._mdnb_transport.recolour(old, tell=tell)

    # -- drawing ------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Send what changed since the last time; the sender's thread calls this."""
        state, transport = self._mdnb, self._mdnb_transport
        with state.lock:
            if state.closed:
                return
            status = state.source.status()
            version = state.source.version(state.timeframe)
            if version == state.seen and status == state.badge:
                return
            state.seen, state.badge = version, status
            transport.draw(version)
            if status == "closed":
                # The market was closed: nothing will come any more, and the badge says so.
                self._stop()

    def _stop(self) -> None:
        state = self._mdnb
        state.closed = True
        sender().remove(self)
        state.listener.close()
        if state.observes_page:
            page_probe().unobserve(self._on_page_theme, "theme")
            state.observes_page = False

    @traitlets.observe("_js2py_pointsCallback")
    def _handler_js2py_pointsCallback(self, change: dict[str, Any]) -> None:  # noqa: N802  # plotly's name
        told = change["new"]
        if told and "_mdnb_transport" in self.__dict__:
            self._mdnb_transport.number_points(told["points"])
        super()._handler_js2py_pointsCallback(change)

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        self._mdnb_transport.receive(message)

    # -- state for a page that opens later ------------------------------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the bars as they are now: a reloaded page shows the present."""
        transport = self.__dict__.get("_mdnb_transport")
        if transport is not None and self._mdnb_opens and key is None:
            # Written past the traits' notification: setting them would send everything to every page.
            self._trait_values.update(transport.traits())
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        # Plotly's own sets its traits here, which would send every bar once more.
        bundle: dict[str, Any] = {
            _WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        }
        if self._mdnb.static:
            bundle["image/svg+xml"] = self.picture()
        return {**bundle, "text/plain": repr(self)}

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
        with state.lock:
            held, look = state.source.columns(state.timeframe, state.bars), state.look()
            ours = {trace["uid"]: trace for trace in traces(look, held, hover=True)}
            around = {**view(look, held), **moving_parts(state.source, look, held)}
            figure = go.Figure(self.to_dict())
        for trace in figure.data:
            made = ours.get(trace.uid, {})
            trace.update({name: made[name] for name in HELD if name in made}, overwrite=True)
        for kind in ("shapes", "annotations"):
            theirs = [item.to_plotly_json() for item in figure.layout[kind] if not is_ours(item.name)]
            around[kind] = [*around.get(kind, ()), *theirs]
        return figure.update_layout(around)

    def to_html(self, *args: Any, **kwargs: Any) -> str:
        """Return a stand-alone page of the chart as it is now; plotly's options."""
        kwargs.setdefault("config", {**_CONFIG, "responsive": True})
        text: str = self.snapshot().to_html(*args, **kwargs)
        return text

    def close(self) -> None:
        """Stop moving and leave the page."""
        state = self.__dict__.get("_mdnb")
        if state is not None and not state.closed:
            self._stop()
        super().close()

    def __repr__(self) -> str:
        if "_mdnb" not in self.__dict__:
            return f"<{type(self).__name__}>"
        return f"<LiveChart {self.symbol} {self.timeframe}: {self._mdnb.source.status()}>"
