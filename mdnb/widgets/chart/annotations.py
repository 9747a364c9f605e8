"""Annotations of a chart: its marks, its position, and the alerts of its symbol; sent when they change.

To the page: ``signs``, all of them or the marks that were added. From the page: ``signs``, the version that
it has. A version is ``[symbol, epoch of the marks, their number, version of the alerts, of the positions]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mdnb.errors import OptionError
from mdnb.events.types import EventType
from mdnb.runtime.live.contracts import Contracts
from mdnb.runtime.live.price_alerts import Alert, PriceAlerts
from mdnb.stores.columns import BarColumns
from mdnb.types import Roll
from mdnb.widgets.chart.look import look_of
from mdnb.widgets.chart.marks import Marks
from mdnb.widgets.chart.positions import Positions
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.mark import Mark
from mdnb.widgets.figure.position import Position
from mdnb.widgets.page.sender import sender
from mdnb.widgets.static_output.static_annotations import add_annotations

__all__ = ["Annotations"]


class Annotations:
    """The marks, positions and alerts of one chart.

    Parameters
    ----------
    figure
        The chart.
    state
        Of the chart; its lock is held while something is sent.
    wants
        Whether anybody sees the chart: nothing is sent to what nobody sees.
    """

    def __init__(self, figure: Any, state: ChartState, wants: Callable[[], bool]) -> None:
        self.marks = Marks(lambda: state.source.symbol, state.zone, self._changed, self._rolls)
        self.positions = Positions(lambda: state.source, self._source_of, self._changed)
        self._figure = figure
        self._state = state
        self._wants = wants
        self._sent = self._version()

    def _source_of(self, symbol: str) -> BarSource | None:
        source = self._state.source
        return source if source.symbol == symbol else self._state.sources.get(symbol)

    def _rolls(self) -> Sequence[Roll]:
        held = getattr(self._state.source, "contracts", None)
        return held.rolls if isinstance(held, Contracts) else ()

    def _book(self) -> PriceAlerts | None:
        held = getattr(self._state.source, "alerts", None)
        return held if isinstance(held, PriceAlerts) else None

    def alert(
        self,
        price: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        event: EventType | str | None = None,
        message: str | None = None,
        once: bool = True,
    ) -> Alert:
        """Set an alert on the chart's symbol: as ``live.alert(...)`` does, and drawn on all its charts.

        Raises
        ------
        OptionError
            When not exactly one of ``price``, ``above``, ``below`` and ``event`` is given, an option is
            outside what is allowed, or the chart's source has no alerts.
        ClosedError
            When the market was closed.
        """
        book = self._book()
        if book is None:
            raise OptionError(
                f"the source of this chart, a {type(self._state.source).__name__}, has no alerts; "
                "those of a live market have: live.chart()"
            )
        return book.add(price, above=above, below=below, event=event, message=message, once=once)

    # -- to the page ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Send what changed, if a page shows the chart; hold the state's lock."""
        if self._sent != self._version() and self._wants():
            self._send(whole=False)

    def receive(self, message: Any) -> None:
        """Handle a message from the page: a page that lacks something gets everything."""
        kind = message.get("kind") if isinstance(message, dict) else None
        with self._state.lock:
            if kind == "signs" and message.get("version") != self._version():
                self._send(whole=True)
            elif kind in {"visible", "hello"}:
                self.draw()

    def traits(self) -> dict[str, Any]:
        """Return the initial value of the synced trait, for a page opened now."""
        return {"_signs": self._message(whole=True)}

    def _changed(self) -> None:
        # A chart whose market was closed is drawn no more, and can be marked still.
        if self._state.closed:
            with self._state.lock:
                self.draw()
        else:
            sender().wake.set()

    def _version(self) -> list[Any]:
        book = self._book()
        told = book.version if book is not None else 0
        return [*self.marks.version(), told, self.positions.version]

    def _send(self, *, whole: bool) -> None:
        message = self._message(whole=whole)
        self._figure.send({"kind": "signs", **message})
        self._sent = message["version"]

    def _message(self, *, whole: bool) -> dict[str, Any]:
        # The alerts' version is read before the alerts: one that fires meanwhile is sent once more.
        book = self._book()
        told = book.version if book is not None else 0
        alerts = book.listed() if book is not None else []
        shown = self.positions.version
        version, marks = self.marks.held()
        position = self.positions.of(version[0])
        before = None if whole or [*version[:2]] != self._sent[:2] else self._sent
        return {
            "before": before,
            "version": [*version, told, shown],
            "marks": _columns(marks if before is None else marks[before[2] :]),
            "alerts": [_alert(alert) for alert in alerts],
            "position": None if position is None else _position(position),
        }

    # -- a still --------------------------------------------------------------------------------------

    def held(self) -> tuple[list[Mark], list[Alert], Position | None]:
        """Return the marks, the alerts and the position of the symbol shown."""
        book = self._book()
        (symbol, *_), marks = self.marks.held()
        return marks, book.listed() if book is not None else [], self.positions.of(symbol)

    def add_to(self, figure: Any, held: BarColumns) -> Any:
        """Add marks, alerts and the position to a plain figure of the chart's bars, and return it."""
        return add_annotations(figure, *self.held(), held, look_of(self._state))


def _columns(marks: Sequence[Mark]) -> dict[str, list[Any]]:
    return {
        "time": [mark.time_ns / 1e6 for mark in marks],
        "side": [mark.side for mark in marks],
        "price": [mark.price for mark in marks],
        "text": [mark.text for mark in marks],
    }


def _position(position: Position) -> dict[str, float]:
    return {"entry": position.entry, "size": position.size, "worth": position.point_value}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "price": alert.price,
        "message": alert.message,
        "active": alert.active,
        "fired": alert.fired,
        "at": None if alert.fired_ns is None else alert.fired_ns / 1e6,
        "trade": alert.trade_price,
    }
