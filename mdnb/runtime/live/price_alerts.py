"""Alerts on one symbol: fired by trades that cross a price, or by an event (hot path where any is set).

A price is crossed from one trade to the next. With ``a`` before and ``b`` after, it is crossed

* upwards where ``a < price <= b``,
* downwards where ``a > price >= b``.

A trade at the very price has reached it, and leaving it afterwards counts no second time. An alert that is
set while the last trade stands at its price fires with the first trade beyond. Trades count in the order they
came, whatever batch brought them; those that were refused, doubled or held back as outliers do not count, nor
do missed ones that are put back after later ones.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mdnb.arguments import finite_number
from mdnb.errors import ClosedError, OptionError
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from mdnb.rows import BarRow, TradeRow
from mdnb.types import timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Alert", "Fired", "PriceAlerts"]

_DONE_KEPT = 100
_MESSAGE_LENGTH = 500

_ids = itertools.count(1)

Fired = tuple[int, dict[str, Any]]
"""Market time (UTC epoch nanoseconds) and data of the ``ALERT`` event to emit."""


def _stays(cls: type[Alert]) -> type[Alert]:
    """Let alerts say that they stay as they were set: by a price set later none would fire, nor end."""
    cls.__setattr__ = _refuse_setting  # type: ignore[method-assign, assignment]  # that of dataclasses
    cls.__delattr__ = _refuse_deleting  # type: ignore[method-assign, assignment]  # as above
    return cls


def _refuse_setting(self: Alert, name: str, value: object) -> NoReturn:
    raise AttributeError(
        f"{self!r} stays as it was set, and takes no {name!r}; got {value!r}. Set another with"
        " live.alert(...), and cancel() this one."
    )


def _refuse_deleting(self: Alert, name: str) -> NoReturn:
    raise AttributeError(f"{self!r} stays as it was set: {name!r} cannot be deleted. cancel() ends it.")


_set = object.__setattr__


@_stays
@dataclasses.dataclass(frozen=True, eq=False, repr=False, slots=True, weakref_slot=True)
class Alert:
    """An alert that was set; made by ``live.alert(...)``. It cannot be changed, only cancelled.

    Attributes
    ----------
    id
        Unlike any other alert's of this process.
    symbol
        Whose market.
    direction
        ``either``, ``above``, ``below`` or ``event``.
    price
        What has to be crossed; None for an event.
    event
        What has to happen; None for a price.
    message
        What its event says.
    once
        Whether it is over when it has fired.
    fired
        How often it fired.
    active
        Whether it can fire still.
    trade_price
        Price of the trade that fired it last; None before, and for an event.
    fired_ns
        Market time at which it fired last, UTC epoch nanoseconds; None before.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0.1) as live:
    ...     alert = live.alert(above=live.price + 1_000, message="far away")
    ...     alert.cancel()
    >>> alert.direction, alert.active, alert.fired
    ('above', False, 0)
    """

    id: int
    symbol: str
    direction: str
    price: float | None
    event: EventType | None
    message: str
    once: bool
    _book: PriceAlerts
    fired: int = 0
    active: bool = True
    trade_price: float | None = None
    fired_ns: int | None = None
    # The last trade has not left the price that the alert was set at.
    _fresh: bool = True
    _tap: Subscription | None = None

    @property
    def fired_at(self) -> pd.Timestamp | None:
        """Market time at which it fired last, in the session's zone; None where it has not."""
        return None if self.fired_ns is None else timestamp(self.fired_ns, self._book.tz)

    def cancel(self) -> None:
        """Cancel the alert and take it off the list; calling it again does nothing."""
        self._book.remove(self)

    off = cancel

    def __repr__(self) -> str:
        state = "active" if self.active else "over"
        said = f"<Alert {self.id} {self.message!r} on {self.symbol}, {self._when()}: {state}"
        return f"{said}, fired {self.fired} times>"

    def _when(self) -> str:
        if self.event is not None:
            return f"with each {self.event.name}"
        way = {"above": " upwards", "below": " downwards"}.get(self.direction, "")
        return f"when {self.price:,.{self._book._decimals}f} is crossed{way}"


class PriceAlerts:
    """All alerts of one symbol: decides which fire; the publisher emits their events.

    Parameters
    ----------
    symbol
        Whose trades.
    decimals
        Of its prices, for the default message.
    tz
        Zone of times.
    lock
        Held while alerts change or fire: the symbol's own.
    on_change
        Called after an alert was set, cancelled or ended.

    Attributes
    ----------
    watch
        Registers an alert on an event at the event bus; None where there is none.
    prices
        Of the alerts that can fire, ascending: nothing is done for a batch while there are none.
    version
        Rises with each change.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_decimals",
        "_done",
        "_lock",
        "_on_change",
        "_open",
        "prices",
        "symbol",
        "tz",
        "version",
        "watch",
    )

    def __init__(
        self,
        symbol: str,
        decimals: int,
        tz: str,
        lock: threading.RLock,
        on_change: Callable[[], None],
    ) -> None:
        self.symbol = symbol
        self.tz = tz
        self.watch: Callable[[Alert, EventType], Subscription] | None = None
        self.prices: list[float] = []
        self.version = 0
        self._decimals = decimals
        self._lock = lock
        self._on_change = on_change
        self._open: list[Alert] = []
        self._done: collections.deque[Alert] = collections.deque(maxlen=_DONE_KEPT)
        self._closed = False

    # -- setting ------------------------------------------------------------------------------------

    def add(
        self,
        price: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        event: EventType | str | None = None,
        message: str | None = None,
        once: bool = True,
    ) -> Alert:
        """Set an alert; the parameters are those of ``live.alert``.

        Raises
        ------
        OptionError
            When not exactly one thing to wait for is given, or an option is outside what is allowed.
        ClosedError
            When the market was closed.
        """
        kinds = {"either": price, "above": above, "below": below, "event": event}
        given = [(name, value) for name, value in kinds.items() if value is not None]
        if len(given) != 1:
            got = ", ".join(f"{'price' if name == 'either' else name}={value!r}" for name, value in given)
            raise OptionError(
                "give one thing to wait for: a price, above=, below= or event=; "
                f"got {got or 'none'}. Several make several alerts."
            )
        if not isinstance(once, bool):
            raise OptionError(f"once must be True or False; got {once!r}")
        if message is not None and not (isinstance(message, str) and len(message) <= _MESSAGE_LENGTH):
            raise OptionError(f"message must be a text of at most {_MESSAGE_LENGTH} letters; got {message!r}")
        ((direction, value),) = given
        kind = _event(value) if direction == "event" else None
        level = None if kind is not None else _price(direction, value)
        words = message if message is not None else self._words(direction, level, kind)
        with self._lock:
            if self._closed:
                raise ClosedError(f"the market of {self.symbol} was closed: no alert would fire")
            made = Alert(
                id=next(_ids),
                symbol=self.symbol,
                direction=direction,
                price=level,
                event=kind,
                message=words,
                once=once,
                _book=self,
            )
            self._open.append(made)
            if level is not None:
                bisect.insort(self.prices, level)
            elif self.watch is not None and kind is not None:
                _set(made, "_tap", self.watch(made, kind))
            self.version += 1
        self._on_change()
        return made

    def _words(self, direction: str, price: float | None, kind: EventType | None) -> str:
        if price is None:
            return f"{self.symbol}: {kind.name if kind is not None else ''}"
        how = {"either": "crosses", "above": "at or above", "below": "at or below"}[direction]
        return f"{self.symbol} {how} {price:,.{self._decimals}f}"

    def listed(self) -> list[Alert]:
        """Return the active alerts, then the newest 100 that are over; without cancelled ones."""
        with self._lock:
            return [*self._open, *self._done]

    def remove(self, alert: Alert) -> None:
        """Take an alert out of the list."""
        with self._lock:
            if alert in self._done:
                self._done.remove(alert)
            elif alert in self._open:
                self._end(alert)
            else:
                return
            self.version += 1
        self._on_change()

    def close(self) -> None:
        """End all alerts: the market was closed."""
        with self._lock:
            self._closed = True
            for alert in list(self._open):
                self._end(alert)
                self._done.append(alert)
            self.version += 1
        self._on_change()
        # Charts and cells hold alerts longer than their market, which they must not keep.
        self._on_change, self.watch = _tell_nobody, None

    def _end(self, alert: Alert) -> None:
        _set(alert, "active", False)
        self._open.remove(alert)
        if alert.price is not None:
            self.prices.remove(alert.price)
        if alert._tap is not None:
            alert._tap.off()
            _set(alert, "_tap", None)

    # -- firing -------------------------------------------------------------------------------------

    def take(self, rows: Sequence[TradeRow], last: TradeRow | None) -> list[Fired]:
        """Fire what trades cross, from the last one before them on; hold the lock.

        Returns
        -------
        list of Fired
            The events to emit, in the order of the trades.
        """
        if not self.prices or not rows:
            return []
        path = [row[1] for row in rows] if last is None else [last[1], *(row[1] for row in rows)]
        low, high = min(path), max(path)
        nearest = bisect.bisect_left(self.prices, low)
        if nearest == len(self.prices) or self.prices[nearest] > high:
            return []
        shift = int(last is None)
        hits = [
            (at + shift, alert.id, alert, direction)
            for alert in self._open
            if alert.price is not None and low <= alert.price <= high
            for at, direction in _crossings(alert, alert.price, path)
        ]
        return [
            self._fire(alert, direction, rows[at][0], rows[at][1])
            for at, _, alert, direction in sorted(hits, key=lambda hit: hit[:2])
            if alert.active
        ]

    def take_bars(self, rows: Sequence[BarRow], last: TradeRow | None) -> list[Fired]:
        """Fire what bars cross, of a feed that gives no trades; as `take`.

        A bar is taken as four trades at its start: open, low, high and close where it rose, else open, high,
        low and close.
        """
        return self.take([trade for row in rows for trade in _as_trades(row)], last) if self.prices else []

    def happened(self, alert: Alert, event: Event) -> list[Fired]:
        """Fire an alert that waited for an event of its symbol."""
        with self._lock:
            if not alert.active:
                return []
            fired = [self._fire(alert, "event", event.time_ns, None)]
        self._on_change()
        return fired

    def _fire(self, alert: Alert, direction: str, time_ns: int, trade_price: float | None) -> Fired:
        _set(alert, "fired", alert.fired + 1)
        _set(alert, "fired_ns", time_ns)
        _set(alert, "trade_price", trade_price)
        if alert.once:
            self._end(alert)
            self._done.append(alert)
        self.version += 1
        return time_ns, {
            "alert": alert.id,
            "message": alert.message,
            "direction": direction,
            "price": alert.price,
            "trade_price": trade_price,
            "event": alert.event.name if alert.event is not None else None,
        }


def _tell_nobody() -> None:
    pass


def _crossings(alert: Alert, price: float, path: Sequence[float]) -> Iterator[tuple[int, str]]:
    """Yield where the alert fires: the position of the later price of a pair, and to which side it went."""
    for at, (before, after) in enumerate(itertools.pairwise(path)):
        if before < price <= after or (alert._fresh and before == price < after):
            direction = "above"
        elif before > price >= after or (alert._fresh and before == price > after):
            direction = "below"
        else:
            continue
        _set(alert, "_fresh", False)
        if alert.direction in ("either", direction):
            yield at, direction
            if alert.once:
                return


def _as_trades(row: BarRow) -> Iterator[TradeRow]:
    start, open_, high, low, close = row[:5]
    turns = (low, high) if close >= open_ else (high, low)
    for price in (open_, *turns, close):
        yield (start, price, 0.0, 0, 0, -1)


def _price(name: str, value: Any) -> float:
    return finite_number("price" if name == "either" else name, value)


def _event(value: Any) -> EventType:
    kind = EventType.parse(value)
    if kind is EventType.ALERT:
        raise OptionError("an alert cannot wait for alerts; register a handler: live.on('alert', ...)")
    return kind
