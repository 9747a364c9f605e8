"""`LiveChart`: a candlestick chart that moves by itself, and is a plotly ``FigureWidget``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import plotly.graph_objects as go
import traitlets

from mdnb.analysis.indicators import Indicator
from mdnb.errors import OptionError
from mdnb.manager.forward import Forward
from mdnb.widgets.chart.annotations import Annotations
from mdnb.widgets.chart.binary_transport import BinaryTransport
from mdnb.widgets.chart.chart_content import ChartContent
from mdnb.widgets.chart.chart_files import ChartFiles
from mdnb.widgets.chart.drawings import ChartDrawings, DrawnLine, DrawnRectangle, place, taken
from mdnb.widgets.chart.fallback import fall_back, is_cannot
from mdnb.widgets.chart.linking import Linking
from mdnb.widgets.chart.marks import Marks
from mdnb.widgets.chart.modes import ChartModes
from mdnb.widgets.chart.options import checked_state
from mdnb.widgets.chart.plotly_transport import MOST_FPS, PlotlyTransport
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.figure import CONFIG
from mdnb.widgets.figure.silent_figure import SilentFigure
from mdnb.widgets.page.display_policy import WIDGET_VIEW, kept
from mdnb.widgets.page.late_import import wait_imported
from mdnb.widgets.page.page_assets import joined_scripts, plotly_runtime
from mdnb.widgets.page.page_probe import page_probe
from mdnb.widgets.page.sender import sender
from mdnb.widgets.page.theme import theme_of
from mdnb.widgets.static_output.static_output import still

__all__ = ["LiveChart"]


class LiveChart(SilentFigure):
    """Live bars of one symbol and timeframe, with volume and indicators.

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
    kind
        ``candles``, ``ohlc``, ``line``, ``area`` or ``heikin-ashi``.
    overlays
        Indicators, such as ``["ema(20)", "vwap", "rsi(14)"]``; see `set_overlays`.
    volume
        Draw volume in a pane below.
    tz
        Zone of the labels: a name, ``exchange``, ``local`` for that of whoever looks; default the source's.
    sources
        Other symbols' bars, by symbol, for `set_symbol`.
    frontend
        ``fast``: our own, or plotly's where the page says that it cannot run ours; ``stock``: plotly's, at
        most twice a second.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is unknown or outside what is allowed.
    """

    _esm = joined_scripts("shared_module", "live_chart")
    _runtime = traitlets.Unicode("").tag(sync=True)
    _stock = traitlets.Unicode("").tag(sync=True)
    _look = traitlets.Dict().tag(sync=True)
    _bars = traitlets.Bytes(b"").tag(sync=True)
    _signs = traitlets.Dict().tag(sync=True)

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
        kind: str = "candles",
        overlays: Iterable[str | Indicator] | str = (),
        volume: bool = True,
        tz: str | None = None,
        sources: Mapping[str, BarSource] | None = None,
        **unknown: Any,
    ) -> None:
        state = checked_state(
            source,
            timeframe,
            bars=bars,
            fps=fps,
            theme=theme,
            palette=palette,
            height=height,
            static=static,
            quotes=quotes,
            frontend=frontend,
            kind=kind,
            overlays=overlays,
            volume=volume,
            tz=tz,
            sources=sources,
            unknown=unknown,
        )
        stock = frontend == "stock"
        if stock:
            self.__dict__["_esm"] = go.FigureWidget._esm
            said = f"frontend='stock': plotly's own front end, at most {MOST_FPS:g} refreshes a second"
            warnings.warn(said, UserWarning, stacklevel=2)
        runtime = None if stock else plotly_runtime()  # first: it is unpacked while the figure is made
        transport = (PlotlyTransport if stock else BinaryTransport)(self, state)
        self.__dict__["_mdnb_opens"] = False
        wait_imported("pandas")
        data, layout = transport.make_figure()
        super().__init__(data=data, layout=layout)
        for held_trace, made in zip(self._data, data, strict=True):
            # A `FigureWidget` gives its traces ids of its own; ours are found by these.
            held_trace["uid"] = made["uid"]
        # Plotly's own front end knows nothing of marks.
        signs = Annotations(
            self, state, transport.wants if isinstance(transport, BinaryTransport) else lambda: False
        )
        self.__dict__.update(
            fps=float(min(fps, MOST_FPS) if stock else fps),
            _mdnb=state,
            _mdnb_runtime=runtime,
            _mdnb_transport=transport,
            _mdnb_signs=signs,
            _mdnb_marks=signs.marks,
            _mdnb_composition=ChartContent(state, transport),
            _mdnb_files=ChartFiles(self, state, transport),
            _mdnb_modes=ChartModes(self, state),
            _mdnb_drawings=ChartDrawings(self, state),
            _mdnb_linking=Linking(self, state),
            _mdnb_opens=True,
        )
        self._config = dict(CONFIG)
        if runtime is not None:
            self._runtime = runtime.model_id
            self.on_msg(self._on_message)
        self.open()
        state.seen, state.badge = source.version(state.timeframe), source.status()
        self._observe_page()
        state.listener = source.listen(sender().wake.set)
        sender().add(self)

    def open(self) -> None:
        """Open the connection to the page; once everything is there, so that it takes one message."""
        if not self.__dict__.get("_mdnb_opens", False):
            return
        if self.comm is None:
            super().open()
        else:
            # Marimo opened it when the widget was constructed, and nothing was there yet.
            self.get_state()
            self.send_state([name for name in self.keys if name != "_esm"])

    link = Forward("_mdnb_linking", Linking.link)
    unlink = Forward("_mdnb_linking", Linking.unlink)

    # -- what it shows ------------------------------------------------------------------------------

    @property
    def timeframe(self) -> str:
        """The timeframe shown."""
        return str(self._mdnb.timeframe)

    @property
    def symbol(self) -> str:
        """The symbol shown."""
        return str(self._mdnb.source.symbol)

    @property
    def follows(self) -> bool:
        """Whether the page goes along with the newest bar: until somebody pans or zooms there."""
        return bool(self._mdnb.follows)

    def follow(self, on: bool = True) -> None:
        """Go to the newest bar, and along with it again, on every page; or stay where it is with False.

        Raises
        ------
        OptionError
            When ``on`` is neither True nor False.
        """
        if not isinstance(on, bool):
            raise OptionError(f"follow takes True or False; got {on!r}")
        self._mdnb.follows = on
        self._mdnb_transport.follow(on)

    @property
    def kind(self) -> str:
        """How the bars are drawn; see `set_kind`."""
        return str(self._mdnb.kind)

    @property
    def overlays(self) -> tuple[str, ...]:
        """The indicators drawn; see `set_overlays`."""
        return tuple(str(one) for one in self._mdnb.indicators)

    @property
    def theme(self) -> str:
        """The colours: ``dark``, ``light``, or ``auto`` where they follow the page."""
        return "auto" if self._mdnb.follows_page else str(self._mdnb.theme)

    @property
    def palette(self) -> str:
        """The palette: ``default`` or ``colorblind``."""
        return str(self._mdnb.palette)

    set_kind = Forward("_mdnb_composition", ChartContent.set_kind)
    set_overlays = Forward("_mdnb_composition", ChartContent.set_overlays)
    add_overlay = Forward("_mdnb_composition", ChartContent.add_overlay)
    remove_overlay = Forward("_mdnb_composition", ChartContent.remove_overlay)
    set_timeframe = Forward("_mdnb_composition", ChartContent.set_timeframe)
    timeframes = Forward("_mdnb_composition", ChartContent.timeframes)
    set_symbol = Forward("_mdnb_composition", ChartContent.set_symbol)
    symbols = Forward("_mdnb_composition", ChartContent.symbols)

    @property
    def mode(self) -> str:
        """``live``, ``paused`` or ``replay``; also as somebody changed it in the page."""
        return str(self._mdnb.mode.name)

    pause = Forward("_mdnb_modes", ChartModes.pause)
    resume = Forward("_mdnb_modes", ChartModes.resume)
    replay = Forward("_mdnb_modes", ChartModes.replay)
    step = Forward("_mdnb_modes", ChartModes.step)

    @property
    def drawings(self) -> tuple[DrawnLine | DrawnRectangle, ...]:
        """What was drawn on the symbol shown, in the page or from Python, oldest first."""
        drawn: tuple[DrawnLine | DrawnRectangle, ...] = self._mdnb_drawings.drawn()
        return drawn

    draw_line = Forward("_mdnb_drawings", ChartDrawings.draw_line)
    draw_rectangle = Forward("_mdnb_drawings", ChartDrawings.draw_rectangle)
    clear_drawings = Forward("_mdnb_drawings", ChartDrawings.clear_drawings)
    mark = Forward("_mdnb_marks", Marks.mark)
    mark_trades = Forward("_mdnb_marks", Marks.mark_trades)
    clear_marks = Forward("_mdnb_marks", Marks.clear_marks)
    alert = Forward("_mdnb_signs", Annotations.alert)

    picture = Forward("_mdnb_files", ChartFiles.picture)
    snapshot = Forward("_mdnb_files", ChartFiles.snapshot)
    to_html = Forward("_mdnb_files", ChartFiles.to_html)
    shown = Forward("_mdnb_files", ChartFiles.shown)
    export = Forward("_mdnb_files", ChartFiles.export)
    download = Forward("_mdnb_files", ChartFiles.download)

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
        self._take_page_theme(change["new"])

    def _take_page_theme(self, theme: Any) -> None:
        state = self._mdnb
        if state.follows_page and theme in ("dark", "light") and not state.closed:
            with state.lock:
                # Our own front end saw it before the kernel did.
                self._recolour(theme, state.palette, tell=False)

    def _recolour(self, theme: str, palette: str, *, tell: bool) -> None:
        state = self._mdnb
        old = state.look()
        state.theme, state.palette = theme, palette
        self._mdnb_transport.recolour(old, tell=tell)

    # -- drawing ------------------------------------------------------------------------------------

    def draw(self) -> bool:
        """Send what changed since the last time, and return whether anything had; called by the sender."""
        state, transport = self._mdnb, self._mdnb_transport
        with state.lock:
            if state.closed:
                return False
            self._mdnb_signs.draw()
            status = state.source.status()
            version = state.source.version(state.timeframe)
            if version == state.seen and status == state.badge:
                transport.beat()
                return False
            if version[0] != state.seen[0]:
                place(self, state.source.columns(state.timeframe, state.bars))
            state.seen, state.badge = version, status
            transport.draw(version)
            if status == "closed":
                # The market was closed: nothing will come any more, and the badge says so.
                self._stop()
            return True

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

    @traitlets.observe("_js2py_relayout")
    def _handler_js2py_relayout(self, change: dict[str, Any]) -> None:
        with taken(self, change["new"]):
            super()._handler_js2py_relayout(change)

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if is_cannot(message):
            fall_back(self, self._mdnb, message)
        elif isinstance(message, dict) and message.get("kind") == "relayout":
            self._handler_js2py_relayout({"new": message.get("told")})
        elif isinstance(message, dict) and message.get("kind") == "theme":
            self._take_page_theme(message.get("theme"))
        else:
            self._mdnb_transport.receive(message)
            self._mdnb_signs.receive(message)

    # -- state for a page that opens later ------------------------------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the bars as they are now: a reloaded page shows the present."""
        transport = self.__dict__.get("_mdnb_transport")
        if transport is not None and self._mdnb_opens and key is None:
            # First to the pages that are open: what is drawn next is compared with what this one gets.
            self.draw()
            # Written past the traits' notification: setting them would send everything to every page.
            self._trait_values.update(transport.traits() | self._mdnb_signs.traits())
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        # Plotly's own sets its traits here, which would send every bar once more.
        bundle: dict[str, Any] = {
            WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        }
        if self._mdnb.static:
            bundle |= still(self.picture())
        elif self._runtime:
            self._mdnb_runtime.fill()  # a notebook that runs unattended keeps the widget itself
        return kept({**bundle, "text/plain": repr(self)})

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
