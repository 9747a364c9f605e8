"""Our own front end (``static/live_chart.js``): a tick is one small binary message, and redraws one bar.

To the page: ``delta`` (rows from an ordinal on), ``bars`` (all of them), ``look`` (colours), ``mode`` (pause,
replay). From the page: ``hello`` and ``need`` (what it holds), ``visible`` (whether anybody sees it),
``mode`` (as somebody changed it there), ``applied`` (an edit is drawn).
"""

from __future__ import annotations

import json
import math
import struct
import time
from typing import Any

import numpy as np

from mdnb.sessions import DAY_NS
from mdnb.widgets.chart.anchors import carry
from mdnb.widgets.chart.look import VISIBLE_BARS, held_bars, look_of, note_prices
from mdnb.widgets.chart.mode import Mode
from mdnb.widgets.chart.packed_columns import pack_columns
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.drawn_shapes import recolour_drawn
from mdnb.widgets.figure.figure import (
    CANDLES,
    FORMING,
    FORMING_VOLUME,
    VOLUME,
    begin_of_forming,
    drawn_prices,
    is_ours,
    line_traces,
    restructure,
    traces,
)
from mdnb.widgets.figure.layout import Look, short_timeframe
from mdnb.widgets.figure.plotly_private import (
    DATA_TRAIT,
    LAYOUT_TRAIT,
    edits_were_drawn,
    layout_of,
    put,
    traces_of,
    whole_figure,
)
from mdnb.widgets.figure.series import Line
from mdnb.widgets.figure.trace_parts import bars_trace, trace_colours, volume_trace
from mdnb.widgets.page.theme import badge_tone, theme_of

__all__ = ["BinaryTransport"]

_DATA = ("x", "y", "open", "high", "low", "close")
_STATE = [DATA_TRAIT, LAYOUT_TRAIT, "_look", "_bars"]
_KINDS = {CANDLES: "bars", FORMING: "bars", VOLUME: "volume", FORMING_VOLUME: "volume"}
_MOST_ROWS = 400
_JUST_NOW = 3  # bars, of which one may have a price with more decimals than any before
_AHEAD_NS = 30 * 86_400 * 1_000_000_000
_BEAT_SECONDS = 2.0
_NAN = float("nan")
_HEADER = struct.Struct("<7d")


class BinaryTransport:
    """Draws a chart by binary messages; the figure's own data is kept current without being sent.

    Parameters
    ----------
    figure
        The chart.
    """

    replays = links = True

    def __init__(self, figure: Any, state: ChartState) -> None:
        self._figure = figure
        self._state = state
        self._held = held_bars(self._state)
        note_prices(state, self._held)
        self._symbol = state.source.symbol
        self._pages: dict[str, bool] = {}
        self._behind = False
        self._said = time.monotonic()
        # The connection's state as every page knows it, which begins with this one; None where one may not.
        self._told: str | None = state.badge
        # Ordinal of the first bar that the figure's own data does not have as it is now.
        self._unread: int | None = None
        figure.read_through(self._catch_up)

    @property
    def held(self) -> ChartBars:
        """The bars as the figure has them."""
        return self._held

    def make_figure(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the figure's traces and its layout."""
        look = look_of(self._state)
        return traces(look, self._held, hover=False), look.layout(self._state.options.height)

    # -- to the page ----------------------------------------------------------------------------------

    def wants(self) -> bool:
        """Return whether a page shows the chart; assumed until a page says otherwise.

        While a cell runs, nothing that a page says is read: a chart shown just before it moves too.
        """
        return not self._pages or any(self._pages.values())

    def draw(self, version: tuple[int, int, int]) -> None:
        """Update the figure's data, and the page if one shows the chart."""
        changed = self._held.refresh(version)
        self._unread = changed if self._unread is None else min(changed, self._unread)
        if not self._state.source.instrument.tick_size and note_prices(self._state, self._held, _JUST_NOW):
            self.recompose()
        elif not self.wants():
            self._behind = True
        elif self._behind:
            self.send_bars()
        else:
            self._send_rows(changed)

    def beat(self) -> None:
        """Send a heartbeat while nothing changes; the sender calls this."""
        if self.wants() and not self._behind and time.monotonic() - self._said >= _BEAT_SECONDS:
            self._send_rows(self._held.end)

    def _send_rows(self, changed: int) -> None:
        held = self._held
        if changed < held.first or held.end - changed > _MOST_ROWS:
            self.send_bars()
            return
        self._said = time.monotonic()
        source = self._state.source
        quote = source.quote()
        bid, ask = (quote[1], quote[3]) if quote else (_NAN, _NAN)
        left = source.seconds_left(self._state.timeframe)
        header = (changed, held.forming, source.latency_ms(), bid, ask, held.generation, left)
        content: dict[str, str | float] = {"kind": "delta"}
        ahead = source.price_ahead()
        if not math.isnan(ahead):
            content["ahead"] = ahead
        status = self._state.badge
        if status != self._told:
            self._told = status
            content |= {"status": status, "tone": badge_tone(status)}
        self._figure.send(content, [_HEADER.pack(*header) + held.packed(changed)])

    def send_bars(self) -> None:
        """Send all bars."""
        self._behind, self._told = False, None
        self._said = time.monotonic()
        look, packed = self._packed()
        self._figure.send({"kind": "bars", "look": look}, [packed])

    def follow(self, on: bool) -> None:
        """Have every page follow the newest bar, or stay where it is."""
        self._figure.send({"kind": "follow", "on": on})

    def recompose(self) -> None:
        """Send everything again: kind, overlays, timeframe or symbol changed."""
        figure, before = self._figure, self._held.columns
        self._held, self._unread = held_bars(self._state), None
        note_prices(self._state, self._held)
        with figure.quiet():
            carry(figure, self._state, before, self._held.columns, self._symbol)
            restructure(figure, traces(look_of(self._state), self._held, hover=False))
            figure._mdnb_move()
            figure.update_layout(look_of(self._state).axes())
        self._show(self._held.first)
        figure._trait_values.update(self.traits())
        self._symbol = self._state.source.symbol
        self._behind, self._told = False, None
        figure.send_state(_STATE)
        figure.send({"kind": "figure"})

    def recolour(self, old: Look, *, tell: bool) -> None:
        """Change the figure's colours from another look's, except where the user chose others."""
        was, now = _theme_parts(old), _theme_parts(look_of(self._state))
        _replace(self._figure, layout_of(self._figure), was["layout"], now["layout"])
        for uid, changes in now["traces"].items():
            for trace in self._own(uid):
                _replace(self._figure, trace, was["traces"][uid], changes)
        recolour_drawn(self._figure, theme_of(self._state.theme, self._state.options.palette))
        if tell:
            self._figure.send({"kind": "look", "look": self._look()})

    def traits(self) -> dict[str, Any]:
        """Return the initial values of the synced traits, for a page opened now."""
        with self._state.lock:
            look, packed = self._packed()
            data = [
                {name: value for name, value in trace.items() if name not in _DATA}
                if is_ours(trace.get("uid"))
                else trace
                for trace in traces_of(self._figure)
            ]
            return {"_look": look, "_bars": packed, **whole_figure(self._figure, data)}

    def _packed(self) -> tuple[dict[str, Any], bytes]:
        held, columns = self._held, self._held.columns
        parts, packed = pack_columns(columns, look_of(self._state).decimals, held.derived)
        bars = {"columns": parts, "first": columns.first, "forming": columns.forming}
        return {**self._look(), **bars, "generation": columns.generation}, packed

    def _look(self) -> dict[str, Any]:
        state = self._state
        source, options, look = state.source, state.options, look_of(state)
        status, latency, left = source.status(), source.latency_ms(), source.seconds_left(state.timeframe)
        return {
            "symbol": source.symbol,
            "venue": source.venue,
            "timeframe": short_timeframe(state.timeframe),
            "tz": "" if options.tz == "local" else look.tz,
            "kind": options.kind,
            "series": [self._series(look, line) for line in look.lines],
            "panes": [
                {"axis": pane.axis, "label": pane.label, "guides": pane.guides, "range": pane.range}
                for pane in look.panes
            ],
            "sessions": self._session_opens(),
            "resets": self._resets(),
            "decimals": look.decimals,
            "volume_decimals": look.volume_decimals,
            "limit": options.bars,
            "visible": min(VISIBLE_BARS, options.bars),
            "theme": "dark" if state.theme == "dark" else "light",
            "follows_page": state.follows_page,
            "themes": {name: _theme_parts(look_of(state, name)) for name in ("dark", "light")},
            "status": status,
            "tone": badge_tone(status),
            "latency": latency if np.isfinite(latency) else None,
            "left": left if np.isfinite(left) else None,
            "quotes": options.quotes,
            "mode": state.mode.wire(),
            "tick": source.instrument.tick_size,
            "worth": source.instrument.point_value,
            "link": state.link,
        }

    def _series(self, look: Look, line: Line) -> dict[str, Any]:
        """Return what the page must know of a line; ``column`` counts behind the bars' own."""
        return {
            "uid": line.uid,
            "column": self._held.names.index(f"{line.indicator} {line.line}"),
            "axis": line.axis,
            "style": line.style,
            "accent": line.accent,
            "width": line.width,
            "label": line.indicator.label,
            "decimals": look.decimals_of(line.indicator),
            "breaks": line.indicator.name == "vwap",
        }

    def _session_opens(self) -> list[float]:
        """Return the trading days' first opens that may be drawn, UTC epoch milliseconds."""
        columns = self._held.columns
        if not len(columns):
            return []
        opens, _, _ = self._state.source.sessions.trading_days()
        shown = opens[
            (opens >= columns.time_us[0] * 1000) & (opens <= columns.time_us[-1] * 1000 + _AHEAD_NS)
        ]
        found: list[float] = (shown / 1e6).tolist()
        return found

    def _resets(self) -> list[float]:
        """Return when ``vwap`` begins anew, UTC epoch milliseconds; nothing where it is not drawn."""
        columns = self._held.columns
        if not len(columns) or all(one.name != "vwap" for one in self._state.options.indicators):
            return []
        if not self._state.source.sessions.always_open:
            return self._session_opens()
        first, last = (int(columns.time_us[at]) * 1000 // DAY_NS for at in (0, -1))
        return [day * DAY_NS / 1e6 for day in range(first + 1, last + 1 + _AHEAD_NS // DAY_NS)]

    # -- the figure's own data ------------------------------------------------------------------------

    def _own(self, uid: str) -> list[dict[str, Any]]:
        return [trace for trace in traces_of(self._figure) if trace.get("uid") == uid]

    def _catch_up(self) -> None:
        """Bring the figure's data up to date: it is about to be read. A tick leaves it as it is."""
        if self._unread is None:
            return
        with self._state.lock:
            changed, self._unread = self._unread, None
            if changed is not None:
                self._show(changed)

    def _show(self, changed: int) -> None:
        """Put the bars from an ordinal on into the figure's data."""
        held = self._held
        look = look_of(self._state)
        if changed >= held.closed_end and held.forming:
            shown, end = drawn_prices(look, held), len(held.columns)
            made = [bars_trace(look, shown, begin_of_forming(look, end - 1), end, FORMING, hover=False)]
            made.append(volume_trace(look, held.columns, end - 1, end, FORMING_VOLUME))
            made += line_traces(look, held)
        else:
            made = traces(look, held, hover=False)
        for trace_made in made:
            for trace in self._own(trace_made["uid"]):
                trace.update({name: trace_made[name] for name in _DATA if name in trace_made})
                if "marker" in trace_made and "marker" in trace:
                    trace["marker"]["color"] = trace_made["marker"]["color"]

    # -- from the page --------------------------------------------------------------------------------

    def receive(self, message: Any) -> None:
        """Handle a message from the page."""
        kind = message.get("kind") if isinstance(message, dict) else None
        with self._state.lock:
            if kind == "visible":
                self._pages[str(message.get("page"))] = bool(message.get("visible"))
                if self.wants() and self._behind:
                    self.send_bars()
            elif kind == "hello":
                self._pages[str(message.get("page"))] = True
                self._bring_up(message.get("generation"), message.get("end"))
            elif kind == "follows":
                self._state.follows = bool(message.get("follows"))
                self._state.view = _edges(message.get("view"))
            elif kind == "mode":
                self._receive_mode(message)
            elif kind == "need":
                self.send_bars()
            elif kind == "applied":
                edits_were_drawn(self._figure, message.get("layout"), message.get("trace"))

    def _bring_up(self, generation: Any, end: Any) -> None:
        """Send a page what it lacks: it was made with the bars of a moment ago."""
        held = self._held
        known = isinstance(end, int) and held.first < end <= held.end
        if known and generation == held.generation:
            # Its last bar may have been the one that was being made, and its state that of before.
            self._told = None
            self._send_rows(end - 1)
        else:
            self.send_bars()

    def number_points(self, points: dict[str, list[Any]]) -> None:
        """Set the point numbers of an event to those of the bars: the page may draw a part, or merge bars."""
        for i, at in enumerate(points["trace_indexes"]):
            trace = traces_of(self._figure)[at]
            if is_ours(trace.get("uid")) and len(trace["x"]):
                points["point_indexes"][i] = int(points["xs"][i]) - int(trace["x"][0])

    def _receive_mode(self, message: dict[str, Any]) -> None:
        """Take the mode that a page reports, and send the other pages what a user did in this one."""
        mode = Mode.told(message.get("state"))
        if mode is None:
            return
        self._state.mode = mode
        if message.get("own"):
            become = {"kind": "mode", "act": "become", "page": message.get("page"), "state": mode.wire()}
            self._figure.send(become)


def _edges(given: Any) -> tuple[float, float] | None:
    if not isinstance(given, list) or len(given) != 2:
        return None
    if not all(isinstance(edge, (int, float)) and math.isfinite(edge) for edge in given):
        return None
    return float(given[0]), float(given[1])


def _theme_parts(look: Look) -> dict[str, Any]:
    """Return what a theme sets, by path: in the layout, in our traces, in our own drawing."""
    return {
        "colours": look.drawing_colours(),
        "layout": look.layout_colours(),
        "traces": trace_colours(look, _KINDS),
    }


def _replace(figure: Any, target: dict[str, Any], was: dict[str, Any], now: dict[str, Any]) -> None:
    for path, value in now.items():
        held: Any = target
        for name in path.split("."):
            held = held.get(name) if isinstance(held, dict) else None
        if json.dumps(held, default=str) == json.dumps(was[path]):
            put(figure, target, path, value)
