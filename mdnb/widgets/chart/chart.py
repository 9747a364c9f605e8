"""`LiveChart`: a live candlestick chart that is a plotly ``FigureWidget``."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

import traitlets

from mdnb.analysis.indicators import Indicator
from mdnb.arguments import When
from mdnb.errors import OptionError, TimeframeError
from mdnb.widgets.chart.anchors import place, taking
from mdnb.widgets.chart.annotations import Annotations
from mdnb.widgets.chart.binary_transport import BinaryTransport
from mdnb.widgets.chart.chart_content import ChartContent
from mdnb.widgets.chart.chart_files import ChartFiles
from mdnb.widgets.chart.core import ChartCore, part_method
from mdnb.widgets.chart.drawings import ChartDrawings
from mdnb.widgets.chart.ending import let_market_go
from mdnb.widgets.chart.fallback import fall_back, is_cannot
from mdnb.widgets.chart.going_to import place_in, shown_bars
from mdnb.widgets.chart.linking import Linking
from mdnb.widgets.chart.look import look_of
from mdnb.widgets.chart.marks import Marks
from mdnb.widgets.chart.modes import ChartModes
from mdnb.widgets.chart.options import ChartOptions, ChartOptionsDict, lists_options
from mdnb.widgets.chart.plotly_transport import MOST_FPS, PlotlyTransport
from mdnb.widgets.chart.positions import Positions
from mdnb.widgets.chart.removal import show_removed, take_back
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.drawn import Drawing
from mdnb.widgets.figure.figure import CONFIG
from mdnb.widgets.figure.plotly_private import (
    SilentFigure,
    plotly_module,
    set_config,
    set_ids,
    take_relayout,
)
from mdnb.widgets.page.display_policy import WIDGET_VIEW, kept
from mdnb.widgets.page.hold import end, hold, let_go, weakly
from mdnb.widgets.page.join_modules import join_modules
from mdnb.widgets.page.known_attributes import MadeWhole, check_attribute
from mdnb.widgets.page.late_import import wait_imported
from mdnb.widgets.page.page_assets import plotly_runtime
from mdnb.widgets.page.page_probe import page_probe
from mdnb.widgets.page.sender import sender
from mdnb.widgets.static_output.static_output import picture_bundle
from mdnb.wrong_names import missing_chart_name

__all__ = ["LiveChart"]


def _annotations_of(core: ChartCore) -> Annotations:
    return core.annotations


def _marks_of(core: ChartCore) -> Marks:
    return core.annotations.marks


def _positions_of(core: ChartCore) -> Positions:
    return core.annotations.positions


class LiveChart(SilentFigure, metaclass=MadeWhole):
    """Live bars of one symbol and timeframe, with volume and indicators.

    Everything people do to a ``FigureWidget`` works: add traces, shapes and annotations, change the layout,
    attach handlers. It is drawn from a thread of its own, so it moves while a cell runs.

    Bars stand side by side: a place on their axis is a bar's ordinal, as in ``chart.data[0].x``. Times are
    given these places: as ``x`` of traces (`plotly.express`'s, too), of lines, rectangles, annotations and
    images, and as a range of the axis. They keep them while bars arrive, and in other timeframes. Text and
    numpy's datetime64 without a zone are in the chart's; a naive datetime is the machine's local time.

    Parameters
    ----------
    source
        Where the bars come from: an engine, such as ``suite.data.engine``.
    timeframe
        One that is kept.
    sources
        Other symbols' bars, by symbol, for `set_symbol`.
    **options
        Those of `mdnb.widgets.chart.options.ChartOptions`.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is unknown or outside what is allowed.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as live:
    ...     chart = live.chart("5min", kind="ohlc", overlays=["ema(20)"])
    ...     chart.set_timeframe("1min")
    ...     chart.shown().columns[-1], chart.kind
    ('ema(20)', 'ohlc')
    """

    _esm = join_modules("live_chart.js")
    _runtime = traitlets.Unicode("").tag(sync=True)
    _stock = traitlets.Unicode("").tag(sync=True)
    _look = traitlets.Dict().tag(sync=True)
    _bars = traitlets.Bytes(b"").tag(sync=True)
    _signs = traitlets.Dict().tag(sync=True)
    _mdnb: ChartCore
    fps: float = 0.0

    @lists_options
    def __init__(
        self,
        source: BarSource,
        timeframe: str,
        *,
        sources: Mapping[str, BarSource] | None = None,
        **options: Unpack[ChartOptionsDict],
    ) -> None:
        chosen = ChartOptions.of(**options)
        name = source.canonical(timeframe)
        state = ChartState(
            source=source,
            timeframe=name,
            options=chosen,
            theme=(page_probe().theme or "light") if chosen.theme == "auto" else chosen.theme,
            sources=sources or {},
            # Before the bars are taken: what changes after it is drawn.
            seen=source.version(name),
            badge=source.status(),
        )
        stock = chosen.frontend == "stock"
        if stock:
            self.__dict__["_esm"] = plotly_module()
            said = f"frontend='stock': plotly's own front end, at most {MOST_FPS:g} refreshes a second"
            warnings.warn(said, UserWarning, stacklevel=2)
        runtime = None if stock else plotly_runtime()  # first: it is unpacked while the figure is made
        transport = (PlotlyTransport if stock else BinaryTransport)(self, state)
        wait_imported("pandas")
        data, layout = transport.make_figure()
        super().__init__(data=data, layout=layout)
        set_ids(self, [trace["uid"] for trace in data])
        set_config(self, CONFIG)
        self.fps = float(min(chosen.fps, MOST_FPS) if stock else chosen.fps)
        self._mdnb_runtime = runtime
        self._mdnb = ChartCore(self, state, transport)
        if runtime is not None:
            self._runtime = runtime.model_id
            self.on_msg(self._on_message)
        # One whose market is at its end shows what is held, and nothing more will come.
        state.closed = state.badge == "closed"
        if state.closed:
            let_market_go(self._mdnb)
        else:
            state.listener = source.listen(sender().wake.set)
        self.open()
        let_go(self)
        self._observe_page()
        if not state.closed:
            sender().add(self)

    def open(self) -> None:
        """Open the connection to the page, once the state is complete, so that one message is enough."""
        if "_mdnb" not in self.__dict__:
            return
        if self.comm is None:
            super().open()
        else:
            # Marimo opened it when the widget was constructed, and nothing was there yet.
            self.get_state()
            self.send_state([name for name in self.keys if name != "_esm"])

    link = part_method(Linking, Linking.link)
    unlink = part_method(Linking, Linking.unlink)

    # -- what it shows ------------------------------------------------------------------------------

    @property
    def timeframe(self) -> str:
        """The timeframe shown; setting it is `set_timeframe`."""
        return self._mdnb.state.timeframe

    @timeframe.setter
    def timeframe(self, timeframe: str) -> None:
        self.set_timeframe(timeframe)

    @property
    def symbol(self) -> str:
        """The symbol shown; setting it is `set_symbol`."""
        return self._mdnb.state.source.symbol

    @symbol.setter
    def symbol(self, symbol: str) -> None:
        self.set_symbol(symbol)

    @property
    def follows(self) -> bool:
        """Whether the page follows the newest bar: until somebody pans or zooms there."""
        return self._mdnb.state.follows

    def follow(self, on: bool = True) -> None:
        """Follow the newest bar on every page; with False stay at the current range.

        Raises
        ------
        OptionError
            When ``on`` is neither True nor False.
        """
        if not isinstance(on, bool):
            raise OptionError(f"follow takes True or False; got {on!r}")
        self._mdnb.state.follows = on
        self._mdnb.transport.follow(on)

    def go_to(self, time: When) -> None:
        """Show the bar of an instant in the middle, on every page, as far zoomed as the chart is.

        Parameters
        ----------
        time
            A datetime (a naive one means the machine's local time), an ISO string (without a zone: the
            chart's), or epoch seconds. ``"2026-11-05"`` is that day's begin.

        Raises
        ------
        OptionError
            When it is no instant, or before the oldest or after the newest bar that the chart holds.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.5) as live:
        ...     chart = live.chart("1min")
        ...     chart.go_to(live["1min"].index[-300])
        ...     chart.follows
        False
        """
        state = self._mdnb.state
        with state.lock:
            middle = place_in(time, state)
            wide = shown_bars(state)
            state.follows = False
            self.update_xaxes(range=[middle - wide / 2, middle + wide / 2])

    @property
    def kind(self) -> str:
        """The kind of chart; setting it is `set_kind`."""
        return self._mdnb.state.options.kind

    @kind.setter
    def kind(self, kind: str) -> None:
        self.set_kind(kind)

    @property
    def overlays(self) -> tuple[str, ...]:
        """The indicators drawn; setting them is `set_overlays`."""
        return tuple(str(one) for one in self._mdnb.state.options.indicators)

    @overlays.setter
    def overlays(self, overlays: Iterable[str | Indicator] | str) -> None:
        self.set_overlays(overlays)

    @property
    def theme(self) -> str:
        """The colours: ``dark``, ``light``, or ``auto`` where they follow the page; see `set_theme`."""
        return self._mdnb.state.options.theme

    @theme.setter
    def theme(self, theme: str) -> None:
        self.set_theme(theme)

    @property
    def palette(self) -> str:
        """The palette: ``default`` or ``colorblind``."""
        return self._mdnb.state.options.palette

    set_kind = part_method(ChartContent, ChartContent.set_kind)
    set_overlays = part_method(ChartContent, ChartContent.set_overlays)
    add_overlay = part_method(ChartContent, ChartContent.add_overlay)
    add_live = part_method(ChartContent, ChartContent.add_live)
    remove_overlay = part_method(ChartContent, ChartContent.remove_overlay)
    set_timeframe = part_method(ChartContent, ChartContent.set_timeframe)
    timeframes = part_method(ChartContent, ChartContent.timeframes)
    set_symbol = part_method(ChartContent, ChartContent.set_symbol)
    symbols = part_method(ChartContent, ChartContent.symbols)

    @property
    def mode(self) -> str:
        """``live``, ``paused`` or ``replay``; also as somebody changed it in the page."""
        return self._mdnb.state.mode.name

    pause = part_method(ChartModes, ChartModes.pause)
    resume = part_method(ChartModes, ChartModes.resume)
    replay = part_method(ChartModes, ChartModes.replay)
    step = part_method(ChartModes, ChartModes.step)

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """The drawings on the symbol shown, made in the page or from Python, oldest first.

        They can be set, too: to those of another chart, or to fewer of them. Lines, rectangles, trend lines,
        rays, Fibonacci levels, measures and texts are values with a name, times and prices.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as live:
        ...     chart, other = live.chart("1min"), live.chart("5min")
        ...     times, price = live["1min"].index, live.price
        ...     measured = chart.draw_measure(times[-30], price, times[-10], price + 5)
        ...     other.drawings = chart.drawings
        ...     measured.ticks, measured.money, measured.bars, other.drawings[0].bars
        (20.0, 10.0, 20.0, 4.0)
        """
        return ChartDrawings(self._mdnb).drawn()

    @drawings.setter
    def drawings(self, drawings: Iterable[Drawing]) -> None:
        ChartDrawings(self._mdnb).set_drawn(drawings)

    draw_line = part_method(ChartDrawings, ChartDrawings.draw_line)
    draw_vertical = part_method(ChartDrawings, ChartDrawings.draw_vertical)
    draw_rectangle = part_method(ChartDrawings, ChartDrawings.draw_rectangle)
    draw_trend = part_method(ChartDrawings, ChartDrawings.draw_trend)
    draw_ray = part_method(ChartDrawings, ChartDrawings.draw_ray)
    draw_fibonacci = part_method(ChartDrawings, ChartDrawings.draw_fibonacci)
    draw_measure = part_method(ChartDrawings, ChartDrawings.draw_measure)
    draw_text = part_method(ChartDrawings, ChartDrawings.draw_text)
    clear_drawings = part_method(ChartDrawings, ChartDrawings.clear_drawings)
    mark = part_method(_marks_of, Marks.mark)
    mark_trades = part_method(_marks_of, Marks.mark_trades)
    clear_marks = part_method(_marks_of, Marks.clear_marks)
    alert = part_method(_annotations_of, Annotations.alert)
    position = part_method(_positions_of, Positions.show)

    picture = part_method(ChartFiles, ChartFiles.picture)
    snapshot = part_method(ChartFiles, ChartFiles.snapshot)
    to_html = part_method(ChartFiles, ChartFiles.to_html)
    shown = part_method(ChartFiles, ChartFiles.shown)
    export = part_method(ChartFiles, ChartFiles.export)
    download = part_method(ChartFiles, ChartFiles.download)

    def set_theme(self, theme: str, palette: str | None = None) -> None:
        """Change colours: ``dark``, ``light`` or ``auto``, and the palette if one is given.

        Raises
        ------
        OptionError
            When there is no such theme or palette.
        """
        state = self._mdnb.state
        changed = dataclasses.replace(state.options, theme=theme, palette=palette or state.options.palette)
        with state.lock:
            old, state.options = look_of(state), changed
            self._observe_page()
            state.theme = (page_probe().theme or "light") if theme == "auto" else theme
            self._mdnb.transport.recolour(old, tell=True)

    def _observe_page(self) -> None:
        state = self._mdnb.state
        if state.follows_page and state.page_theme is None and not state.closed:
            state.page_theme = weakly(self._on_page_theme)
            page_probe().observe(state.page_theme, "theme")

    def _on_page_theme(self, change: dict[str, Any]) -> None:
        self._take_page_theme(change["new"])

    def _take_page_theme(self, theme: Any) -> None:
        state = self._mdnb.state
        if state.follows_page and theme in ("dark", "light") and not state.closed:
            with state.lock:
                old, state.theme = look_of(state), theme
                # Our own front end saw it before the kernel did.
                self._mdnb.transport.recolour(old, tell=False)

    # -- drawing ------------------------------------------------------------------------------------

    def draw(self) -> bool:
        """Send what changed since the last time, and return whether anything had; called by the sender."""
        state = self._mdnb.state
        with state.lock:
            if state.closed:
                return False
            try:
                take_back(self._mdnb)
                return self._draw()
            except TimeframeError:
                show_removed(self._mdnb)
                return True

    def _draw(self) -> bool:
        state, transport = self._mdnb.state, self._mdnb.transport
        with state.lock:
            self._mdnb.annotations.draw()
            status = state.source.status()
            version = state.source.version(state.timeframe)
            if version == state.seen and status == state.badge:
                transport.beat()
                return False
            if version[0] != state.seen[0]:
                place(self, state, state.source.columns(state.timeframe, state.options.bars))
                self._mdnb.places.move()
            elif version[1] != state.seen[1]:
                self._mdnb.places.go_along()
            state.seen, state.badge = version, status
            transport.draw(version)
            if status == "closed":
                # The market was closed: nothing will come any more, and the badge says so.
                self._stop()
                let_market_go(self._mdnb)
            return True

    def _stop(self) -> None:
        state = self._mdnb.state
        state.closed = True
        sender().remove(self)
        if state.listener is not None:
            state.listener.close()
        if state.page_theme is not None:
            page_probe().unobserve(state.page_theme, "theme")
            state.page_theme = None

    def _mdnb_number_points(self, points: dict[str, list[Any]]) -> None:
        if "_mdnb" in self.__dict__:
            self._mdnb.transport.number_points(points)

    def _mdnb_check_traces(self, traces: Sequence[Mapping[str, Any]]) -> None:
        if "_mdnb" in self.__dict__:
            self._mdnb.places.check(traces)

    def _mdnb_take_traces(self, traces: Sequence[dict[str, Any]]) -> None:
        if "_mdnb" in self.__dict__:
            self._mdnb.places.take_traces(traces)

    def _mdnb_restyled(self, changes: Mapping[str, Any], indexes: Sequence[int]) -> Mapping[str, Any]:
        return self._mdnb.places.restyled(changes, indexes) if "_mdnb" in self.__dict__ else changes

    def _mdnb_relaid(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._mdnb.places.relaid(changes) if "_mdnb" in self.__dict__ else changes

    def _mdnb_move(self) -> None:
        if "_mdnb" in self.__dict__:
            self._mdnb.places.move()

    def _mdnb_taking(self, told: dict[str, Any] | None) -> contextlib.AbstractContextManager[None]:
        return taking(self, self._mdnb.state, told)

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if is_cannot(message):
            fall_back(self._mdnb, message)
        elif isinstance(message, dict) and message.get("kind") == "relayout":
            take_relayout(self, message.get("told"))
        elif isinstance(message, dict) and message.get("kind") == "theme":
            self._take_page_theme(message.get("theme"))
        else:
            self._mdnb.transport.receive(message)
            self._mdnb.annotations.receive(message)

    # -- state for a page that opens later ------------------------------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the bars as they are now: a reloaded page shows the present."""
        core = self.__dict__.get("_mdnb")
        if core is not None and key is None:
            # First to the pages that are open: what is drawn next is compared with what this one gets.
            self.draw()
            # Written past the traits' notification: setting them would send everything to every page.
            self._trait_values.update(core.transport.traits() | core.annotations.traits())
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        hold(self)
        # Plotly's own sets its traits here, which would send every bar once more.
        bundle: dict[str, Any] = {
            WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        }
        if self._mdnb.state.options.static:
            bundle |= picture_bundle(self.picture())
        elif self._mdnb_runtime is not None:
            self._mdnb_runtime.fill()  # a notebook that runs unattended keeps the widget itself
        return kept({**bundle, "text/plain": repr(self)})

    def close(self) -> None:
        """Stop updating and leave the page."""
        core = self.__dict__.get("_mdnb")
        if core is not None and not core.state.closed:
            self._stop()
            with core.state.lock:
                let_market_go(core)
        super().close()

    def _leave(self) -> None:
        core = self.__dict__.get("_mdnb")
        if core is not None and not core.state.closed:
            self._stop()
        super().close()

    def __del__(self, end: Callable[..., None] = end) -> None:
        # Wherever memory is reclaimed: no lock of the market is waited for, and nobody asks for its bars.
        end(self._leave)

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            check_attribute(self, name, value)
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> NoReturn:
        # Only reached for names that are not there.
        raise AttributeError(name if name.startswith("_") else missing_chart_name(self, name))

    def __repr__(self) -> str:
        if "_mdnb" not in self.__dict__:
            return f"<{type(self).__name__}>"
        return f"<LiveChart {self.symbol} {self.timeframe}: {self._mdnb.state.source.status()}>"
