"""`ChartControls`: what a chart shows, chosen with the mouse or the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets

from mdnb.errors import OptionError, suggest
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.options import KINDS
from mdnb.widgets.controls.chart_actions import ChartActions
from mdnb.widgets.controls.control_parts import (
    choice,
    gap,
    push,
    row,
    rule,
    said,
    segments,
    show,
    toggle,
)
from mdnb.widgets.controls.control_rows import ExportRow, IndicatorRow, LookRow
from mdnb.widgets.controls.marimo_controls import marimo_controls, marimo_row
from mdnb.widgets.figure.layout import short_timeframe
from mdnb.widgets.page.hold import hold, let_go
from mdnb.widgets.page.sender import sender
from mdnb.widgets.page.surface import Surface

__all__ = ["PARTS", "ChartControls"]

PARTS = ("symbol", "timeframe", "kind", "overlays", "pause", "follow", "theme", "export")
"""What controls there are."""

_KINDS = {
    "candles": "Candles",
    "hollow": "Hollow",
    "ohlc": "OHLC",
    "line": "Line",
    "area": "Area",
    "heikin-ashi": "Heikin-Ashi",
}
_PAUSES = {"live": "Pause", "paused": "Resume", "replay": "Back to live"}
_UNSEEN = object()


class ChartControls(Surface):
    """A row of controls for one chart, or for several at once.

    They follow the chart: what is changed from Python or in the page shows here too. Each has a label and is
    reached by the keyboard from left to right; *Indicators*, *Look* and *Export* open a second row below.

    Parameters
    ----------
    charts
        A chart, or several that are to be changed together; the first one is shown.
    parts
        Which controls, of `PARTS`; default all. ``symbol`` is there when there are several.

    Raises
    ------
    OptionError
        When there is no chart, or a part is not known.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
    ...     chart = market.chart("1min")
    ...     ChartControls(chart).timeframe.value = "5min"
    ...     chart.timeframe
    '5min'
    """

    fps = 5.0

    def __init__(self, charts: LiveChart | Sequence[LiveChart], parts: Iterable[str] = PARTS) -> None:
        held = (charts,) if isinstance(charts, LiveChart) else tuple(charts)
        wanted = tuple(parts)
        if not held:
            raise OptionError("controls need a chart, such as ChartControls(live.chart('1min'))")
        for part in wanted:
            if part not in PARTS:
                raise OptionError(f"there are no controls {part!r}. {suggest(str(part), PARTS)}")
        self.parts = wanted
        self.note = said(kind="mdnb-note")
        self._actions = actions = ChartActions(held, self.note)
        self._seen: dict[str, Any] = {}
        self._elements: list[Any] = []
        self._make()
        self.indicators, self.look, self.export = IndicatorRow(actions), LookRow(actions), ExportRow(actions)
        self._rows = {
            "overlays": self.indicators.box,
            "theme": self.look.box,
            "export": self.export.box,
        }
        super().__init__([self._bar(wanted), *self._rows.values()], *self._look())
        let_go(self)
        self._open_only(None)
        self.draw()
        actions.refresh = self._refresh
        sender().add(self)

    # -- what there is ------------------------------------------------------------------------------

    def _make(self) -> None:
        actions, chart = self._actions, self._chart
        self.symbol = choice("Symbol", [(name, name) for name in chart.symbols()], "mdnb-symbol")
        self.timeframe = segments("Timeframe", _timeframes(chart.timeframes()))
        self.kind = choice("Chart type", [(_KINDS[kind], kind) for kind in KINDS])
        self.pause = toggle("Pause", "Let the picture stand still; bars go on being kept")
        self.follow = toggle("Follow", "Go along with the newest bar")
        self.latest = push("»", "Go to the latest bar", lambda: actions.do(lambda one: one.follow()))
        self.openers = {
            "overlays": toggle("Indicators", "Choose what is drawn over and below the bars", opens=True),
            "theme": toggle("Look", "Choose theme and colours", opens=True),
            "export": toggle("Export", "Save what is shown", opens=True),
        }
        actions.on(self.symbol, lambda one, symbol: one.set_symbol(symbol))
        actions.on(self.timeframe, lambda one, timeframe: one.set_timeframe(timeframe))
        actions.on(self.kind, lambda one, kind: one.set_kind(kind))
        actions.on(self.pause, lambda one, paused: one.pause() if paused else one.resume())
        actions.on(self.follow, lambda one, follow: one.follow(follow))
        for name, opener in self.openers.items():
            opener.observe(lambda change, name=name: self._on_open(name, is_open=change["new"]), "value")

    def _bar(self, wanted: tuple[str, ...]) -> ipywidgets.HBox:
        has_symbols = "symbol" in wanted and len(self._chart.symbols()) > 1
        left = [
            [self.symbol] if has_symbols else [],
            [self.timeframe] if "timeframe" in wanted else [],
            [
                *([self.kind] if "kind" in wanted else []),
                *([self.openers["overlays"]] if "overlays" in wanted else []),
            ],
        ]
        groups = [group for group in left if group]
        children: list[ipywidgets.Widget] = []
        for group in groups:
            children += [rule(), *group] if children else group
        return row([*children, self.note, gap(), *self._right(wanted)])

    def _right(self, wanted: tuple[str, ...]) -> list[ipywidgets.Widget]:
        return [
            *([self.pause] if "pause" in wanted else []),
            *([self.follow, self.latest] if "follow" in wanted else []),
            *([rule()] if {"theme", "export"} & set(wanted) else []),
            *(self.openers[name] for name in ("theme", "export") if name in wanted),
        ]

    # -- the rows below -----------------------------------------------------------------------------

    def _on_open(self, name: str, *, is_open: bool) -> None:
        if is_open:
            self._open_only(name)
        else:
            show(self._rows[name], is_shown=False)

    def _open_only(self, name: str | None) -> None:
        for other, opener in self.openers.items():
            if other != name:
                opener.value = False
            show(self._rows[other], is_shown=other == name)

    # -- following the chart ------------------------------------------------------------------------

    @property
    def _chart(self) -> LiveChart:
        return self._actions.charts[0]

    def _look(self) -> tuple[str, str]:
        return self._chart.theme, self._chart.palette

    def draw(self) -> None:
        """Show what the chart is now; the sender's thread calls this."""
        # While the chart is being changed or saved, the sender has others to draw.
        if self._actions.guard.acquire(blocking=False):
            try:
                self._refresh(False)
            finally:
                self._actions.guard.release()

    def _refresh(self, everything: bool) -> None:
        chart = self._chart
        shown: dict[str, tuple[Any, Callable[[Any], None]]] = {
            "symbol": ((chart.symbols(), chart.symbol), self._show_symbol),
            "timeframe": ((chart.timeframes(), chart.timeframe), self._show_timeframe),
            "kind": (chart.kind, lambda kind: setattr(self.kind, "value", kind)),
            "overlays": (chart.overlays, self.indicators.refresh),
            "mode": (chart.mode, self._show_mode),
            "follows": (chart.follows, lambda follows: setattr(self.follow, "value", follows)),
            "look": (self._look(), self._show_look),
        }
        with self._actions.quiet():
            for name, (value, take) in shown.items():
                # Only what the chart changed: what a user chooses just now stays.
                if everything or self._seen.get(name, _UNSEEN) != value:
                    self._seen[name] = value
                    take(value)

    def _show_symbol(self, state: tuple[tuple[str, ...], str]) -> None:
        names, symbol = state
        if tuple(self.symbol.options) != tuple((name, name) for name in names):
            self.symbol.options = [(name, name) for name in names]
        self.symbol.value = symbol if symbol in names else None

    def _show_timeframe(self, state: tuple[tuple[str, ...], str]) -> None:
        names, timeframe = state
        options = _timeframes(names)
        if tuple(self.timeframe.options) != tuple(options):
            self.timeframe.options = options
        self.timeframe.value = timeframe if timeframe in names else None

    def _show_mode(self, mode: str) -> None:
        self.pause.description = _PAUSES[mode]
        self.pause.value = mode != "live"

    def _show_look(self, look: tuple[str, str]) -> None:
        self.look.refresh(look)
        self.set_theme(*look)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        hold(self)
        return super()._repr_mimebundle_(**kwargs)

    def _display_(self) -> Any:
        # Marimo asks for it.
        made = marimo_controls(self)
        self._elements += made
        return marimo_row(made)

    def close(self) -> None:
        """Stop following the chart and leave the page; the chart stays."""
        sender().remove(self)
        let_go(self, shown=True)
        super().close()

    def __repr__(self) -> str:
        return f"<ChartControls of {', '.join(map(repr, self._actions.charts))}>"


def _timeframes(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(short_timeframe(name), name) for name in names]
