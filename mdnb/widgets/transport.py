"""Our own front end (``static/live_chart.js``): a tick is one small binary message, and redraws one bar.

To the page: ``delta`` (rows from an ordinal on), ``bars`` (all of them), ``look`` (colours). From the page:
``hello`` and ``need`` (what it holds), ``visible`` (whether anybody sees it), ``applied`` (an edit is drawn).
"""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

from mdnb.store.columns import BarColumns
from mdnb.widgets.figure import CANDLES, FORMING, FORMING_VOLUME, VOLUME, is_ours, traces
from mdnb.widgets.layout import Look, badge_tone, short_timeframe
from mdnb.widgets.pack import pack_columns, rows_of
from mdnb.widgets.state import VISIBLE_BARS, ChartState

__all__ = ["FastTransport"]

_DATA = ("x", "y", "open", "high", "low", "close")
_MOST_ROWS = 400
_NAN = float("nan")


class FastTransport:
    """Draws a chart by binary messages; the figure's own data is kept current without being sent.

    Parameters
    ----------
    figure
        The chart.
    held
        The bars it begins with.
    """

    def __init__(self, figure: Any, state: ChartState, held: BarColumns) -> None:
        self._figure = figure
        self._state = state
        self._held = held
        self._pages: dict[str, bool] = {}
        self._behind = False

    def make_figure(self, held: BarColumns) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the figure's traces and its layout."""
        look = self._state.look()
        return traces(look, held, hover=False), look.layout(self._state.height)

    # -- to the page ----------------------------------------------------------------------------------

    def wants(self) -> bool:
        """Return whether anybody sees the chart; until a page says otherwise, somebody does.

        While a cell runs, nothing that a page says is read: a chart shown just before it moves too.
        """
        return not self._pages or any(self._pages.values())

    def draw(self, version: tuple[int, int, int]) -> None:
        """Bring the figure's data up to date, and the page if anybody looks."""
        source, name = self._state.source, self._state.timeframe
        before = self._held
        closed = before.first + len(before) - before.forming
        now = source.columns(name, 1) if version[:2] == (before.generation, closed) else None
        if now is None or not now.forming or (now.first, now.generation) != (closed, before.generation):
            self._take(source.columns(name, self._state.bars))
            changed = _first_change(before, self._held)
        else:
            self._take_forming(now)
            changed = closed
        if not self.wants():
            self._behind = True
        elif self._behind:
            self.send_bars()
        else:
            self._send_rows(changed)

    def _send_rows(self, changed: int) -> None:
        held = self._held
        if changed < held.first or held.first + len(held) - changed > _MOST_ROWS:
            self.send_bars()
            return
        source = self._state.source
        quote = source.quote()
        bid, ask = (quote[1], quote[3]) if quote else (_NAN, _NAN)
        left = source.seconds_left(self._state.timeframe)
        header = (changed, held.forming, source.latency_ms(), bid, ask, held.generation, left)
        numbers = np.concatenate([np.array(header, dtype="<f8"), rows_of(held, changed - held.first).ravel()])
        status = source.status()
        content = {"kind": "delta", "status": status, "tone": badge_tone(status)}
        self._figure.send(content, [numbers.tobytes()])

    def send_bars(self) -> None:
        """Send all bars."""
        self._behind = False
        look, packed = self._packed()
        self._figure.send({"kind": "bars", "look": look}, [packed])

    def follow(self) -> None:
        """Let every page go to the newest bar."""
        self._figure.send({"kind": "follow"})

    def show_all(self) -> None:
        """Send everything anew: the timeframe changed."""
        self._take(self._state.source.columns(self._state.timeframe, self._state.bars))
        self.send_bars()

    def recolour(self, old: Look, *, tell: bool) -> None:
        """Change the figure's colours from another look's, except where the user chose others."""
        was, now = _theme_parts(old), _theme_parts(self._state.look())
        _replace(self._figure, self._figure._layout, was["layout"], now["layout"])
        for uid, changes in now["traces"].items():
            for trace in self._own(uid):
                _replace(self._figure, trace, was["traces"][uid], changes)
        if tell:
            self._figure.send({"kind": "look", "look": self._look()})

    def traits(self) -> dict[str, Any]:
        """Return the traits that a page opened now begins with."""
        with self._state.lock:
            self._take(self._state.source.columns(self._state.timeframe, self._state.bars))
            look, packed = self._packed()
            data = [
                {name: value for name, value in trace.items() if name not in _DATA}
                if is_ours(trace.get("uid"))
                else trace
                for trace in self._figure._data
            ]
            return {
                "_look": look,
                "_bars": packed,
                "_widget_data": copy.deepcopy(data),
                "_widget_layout": copy.deepcopy(self._figure._layout),
            }

    def _packed(self) -> tuple[dict[str, Any], bytes]:
        held = self._held
        parts, packed = pack_columns(held, self._state.source.instrument.decimals)
        bars = {"columns": parts, "first": held.first, "forming": held.forming, "generation": held.generation}
        return {**self._look(), **bars}, packed

    def _look(self) -> dict[str, Any]:
        state = self._state
        source, look = state.source, state.look()
        status, latency, left = source.status(), source.latency_ms(), source.seconds_left(state.timeframe)
        return {
            "symbol": source.symbol,
            "timeframe": short_timeframe(state.timeframe),
            "tz": source.tz,
            "decimals": look.decimals,
            "volume_decimals": look.volume_decimals,
            "limit": state.bars,
            "visible": min(VISIBLE_BARS, state.bars),
            "theme": "dark" if state.theme == "dark" else "light",
            "follows_page": state.follows_page,
            "themes": {name: _theme_parts(state.look(name)) for name in ("dark", "light")},
            "status": status,
            "tone": badge_tone(status),
            "latency": latency if np.isfinite(latency) else None,
            "left": left if np.isfinite(left) else None,
            "quotes": state.quotes,
        }

    # -- the figure's own data ------------------------------------------------------------------------

    def _own(self, uid: str) -> list[dict[str, Any]]:
        return [trace for trace in self._figure._data if trace.get("uid") == uid]

    def _take(self, held: BarColumns) -> None:
        self._held = held
        for made in traces(self._state.look(), held, hover=False):
            for trace in self._own(made["uid"]):
                trace.update({name: made[name] for name in _DATA if name in made})
                if "marker" in made and "marker" in trace:
                    trace["marker"]["color"] = made["marker"]["color"]

    def _take_forming(self, row: BarColumns) -> None:
        held = self._held
        for name in ("open", "high", "low", "close", "volume"):
            getattr(held, name)[-1] = getattr(row, name)[0]
        look = self._state.look()
        for made in (look.candles(row, 0, 1, FORMING, hover=False), look.volume(row, 0, 1, FORMING_VOLUME)):
            for trace in self._own(made["uid"]):
                trace.update({name: made[name] for name in _DATA if name in made})

    # -- from the page --------------------------------------------------------------------------------

    def receive(self, message: Any) -> None:
        """Handle what the page says."""
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
            elif kind == "need":
                self.send_bars()
            elif kind == "applied":
                self._applied(message)

    def _bring_up(self, generation: Any, end: Any) -> None:
        """Send a page what it lacks: it was made with the bars of a moment ago."""
        held = self._held
        if self._behind or (generation, end) == (held.generation, held.first + len(held)):
            return
        if generation == held.generation and isinstance(end, int) and held.first < end:
            # Its last bar may have been the one that was being made.
            self._send_rows(end - 1)
        else:
            self.send_bars()

    def number_points(self, points: dict[str, list[Any]]) -> None:
        """Give the points of an event their bars' numbers: the page draws a part of them, or merges them."""
        for i, at in enumerate(points["trace_indexes"]):
            trace = self._figure._data[at]
            if is_ours(trace.get("uid")) and len(trace["x"]):
                points["point_indexes"][i] = int(points["xs"][i]) - int(trace["x"][0])

    def _applied(self, message: dict[str, Any]) -> None:
        figure = self._figure
        if message.get("layout") == figure._last_layout_edit_id:
            figure._layout_edit_in_process = False
        if message.get("trace") in {figure._last_trace_edit_id, -1}:
            figure._trace_edit_in_process = False
        if not figure._layout_edit_in_process and not figure._trace_edit_in_process:
            while figure._waiting_edit_callbacks:
                figure._waiting_edit_callbacks.pop()()


def _first_change(before: BarColumns, now: BarColumns) -> int:
    """Return the ordinal of the first bar that differs, or the one behind the last closed one before."""
    start = before.first + len(before) - before.forming
    if before.generation == now.generation:
        return start
    if now.first < before.first:
        return now.first - 1
    count = min(before.first + len(before), now.first + len(now)) - now.first
    skip = now.first - before.first
    if count <= 0:
        return now.first - 1
    differs = np.zeros(count, dtype=bool)
    for name in ("time_us", "open", "high", "low", "close", "volume"):
        differs |= getattr(before, name)[skip : skip + count] != getattr(now, name)[:count]
    found = np.flatnonzero(differs)
    return min(start, now.first + int(found[0])) if len(found) else start


def _theme_parts(look: Look) -> dict[str, Any]:
    """Return what a theme sets, by path: in the layout, in our traces, in our own drawing."""
    candles, volume = look.candle_colours(), look.volume_colours()
    return {
        "colours": look.drawing_colours(),
        "layout": look.layout_colours(),
        "traces": {CANDLES: candles, FORMING: candles, VOLUME: volume, FORMING_VOLUME: volume},
    }


def _replace(figure: Any, target: dict[str, Any], was: dict[str, Any], now: dict[str, Any]) -> None:
    for path, value in now.items():
        held: Any = target
        for name in path.split("."):
            held = held.get(name) if isinstance(held, dict) else None
        if json.dumps(held, default=str) == json.dumps(was[path]):
            figure._set_in(target, path, value)
