"""The types of events, and what data each carries."""

from __future__ import annotations

import builtins
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from mdnb.errors import OptionError, suggest
from mdnb.types import Bar, Quote, Record, Tick, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Event", "EventType"]

_R = TypeVar("_R", bound=Record)
_NAMED: dict[str, type[Record]] = {"bar": Bar, "tick": Tick, "quote": Quote}


class EventType(enum.StrEnum):
    """Types of events; a handler may be registered with the member or with its name.

    ``event.data`` is what the table says, and its fields are read on the event itself: ``event.close``,
    ``event.status``. ``event.symbol`` and ``event.time`` are those of every event.

    =========================  ============  ===========================  ==================================
    type                       event.data    event.time                   fields
    =========================  ============  ===========================  ==================================
    NEW_BAR, BAR_CONSTRUCTED   `Bar`         START of the bar             timeframe, open, high, low, close,
                                                                          volume, tick_count, vwap, end,
                                                                          closed_at, partial, ...
    BAR_AMENDED, BAR_UPDATED   `Bar`         START of the bar             as NEW_BAR, but end and closed_at
                                                                          are None
    BARS_CLOSED                mapping       END of the bars              bars (name: `Bar`), end, closed_at,
                                                                          end_ns, closed_ns
    TICK_DATA                  `Tick`        of the trade                 price, size, side, trade_id, flag
    TRADE_CHANGED              mapping       of the trade                 action, was, now, found
    QUOTE_UPDATE               `Quote`       of the quote                 bid, bid_size, ask, ask_size, mid
    MARKET_DEPTH_UPDATE        mapping       of the book                  best_bid, best_ask, spread, ...
    DATA_GAP                   mapping       end of the gap               gap_start, gap_end, state, ...
    DATA_QUALITY_ALERT         mapping       when it was found            alert_type, description, count,
                                                                          values
    CONNECTION_STATUS_CHANGED  mapping       when it changed              status, detail
    ROLL                       mapping       from when on it holds        old, new, roll
    ALERT                      mapping       of the trade, or the event   alert, message, direction, price,
                                                                          trade_price, event
    =========================  ============  ===========================  ==================================

    Mind the times: a NEW_BAR bears the START of its bar, a whole bar before anybody could know its close.
    What takes ``event.time`` of a NEW_BAR for the time of a decision looks ahead. ``event.end`` is when the
    bar was over, ``event.closed_at`` when that was known; BARS_CLOSED bears the end as its ``time``. Both
    carry ``event.view``, what was known then.

    Examples
    --------
    >>> EventType.parse("new_bar") is EventType.NEW_BAR
    True
    >>> import mdnb
    >>> feed = "replay:dataset:gold-ticks?speed=max"
    >>> with mdnb.live("GC", ["1min", "5min"], feed=feed, initial_days=0) as live:
    ...     bar = live.wait_for("new_bar", timeout=60)
    >>> bar.timeframe, str(bar.time), str(bar.end)
    ('1min', '2013-10-07 00:00:00+00:00', '2013-10-07 00:01:00+00:00')
    >>> bar.time < bar.end <= bar.closed_at
    True
    """

    BARS_CLOSED = "bars_closed"
    """All bars that ended at one instant are closed and can be read.

    Its ``time`` is that end; ``bars``: the `Bar` of each timeframe that ended then, by name, fine to coarse;
    ``end`` and ``closed_at``: the end, and when the last of them was closed; ``end_ns`` and ``closed_ns``:
    the same as UTC epoch nanoseconds. A bar of trades or volume ends with its last trade.
    """
    NEW_BAR = "new_bar"
    """A bar is complete; it will not change but by `BAR_AMENDED`.

    Its ``time`` is the START of the bar; ``end``: when it was over; ``closed_at``: when it was closed here.
    """
    BAR_CONSTRUCTED = "bar_constructed"
    """The same bar, with how it was built."""
    BAR_UPDATED = "bar_updated"
    """The forming bar moved; at most once a batch."""
    BAR_AMENDED = "bar_amended"
    """A closed bar changed: a late trade, an outlier that turned out to be a jump, or a trade that the venue
    has cancelled or corrected. A bar that has lost its last trade is gone: its prices are ``nan`` here, and
    its ``tick_count`` 0.
    """
    TICK_DATA = "tick_data"
    """A trade."""
    TRADE_CHANGED = "trade_changed"
    """The venue has taken a trade back, or corrected it: the bars are as if it had come so.

    ``action``: ``cancelled`` or ``corrected``; ``was``: the `Tick` as it came; ``now``: as it is now, None of
    a cancelled one; ``found``: whether it was in memory. Where it was not its bar is asked for anew, if the
    feed has a history, or marked ``partial``, and `DATA_QUALITY_ALERT` tells.
    """
    QUOTE_UPDATE = "quote_update"
    """Best bid or ask changed."""
    MARKET_DEPTH_UPDATE = "market_depth_update"
    """The order book changed; at most once a batch.

    ``best_bid``, ``best_ask``: prices, ``nan`` where a side is missing; ``best_bid_size``, ``best_ask_size``:
    0.0 there; ``spread``; ``imbalance`` of the best ten levels, -1 to 1; ``updates`` in this batch, and
    ``snapshot``, whether one was among them; ``ready``, whether the book is whole; ``crossed_removed``: stale
    levels removed so far.
    """
    DATA_GAP = "data_gap"
    """An interval that was not delivered: ``gap_start``, ``gap_end``, ``gap_duration`` (s), ``repaired``.

    It is told twice with one ``gap_id``: when it is found (``state`` is ``repairing``, ``repaired`` False),
    and when it is settled: ``repaired`` (True), or ``lost`` (False). ``trades``: how many were put back;
    ``refused``: how many of what the history has were refused, as ever; ``reason``: ``reconnect`` or
    ``missing_ids``.
    """
    DATA_QUALITY_ALERT = "data_quality_alert"
    """Something is wrong with the data.

    ``alert_type``, ``description``; ``count`` of those since the last one; ``values``: figures of the newest.
    """
    CONNECTION_STATUS_CHANGED = "connection_status_changed"
    """``status``: connecting, connected, disconnected, reconnecting, reconnected, stale or closed.

    ``detail``: the address, or why.
    """
    ROLL = "roll"
    """A continuous symbol, such as ``MNQ``, stands for another contract from now on.

    ``old``, ``new``: the contracts; ``roll``: the `mdnb.Roll`, whose prices may not be known yet. Prices are
    not adjusted: the jump is no trade's, and neither misprint nor alert. Book and quote begin anew.
    """
    ALERT = "alert"
    """An alert fired, one that was set with ``live.alert(...)``.

    ``alert``: its id; ``message``; ``direction``: ``above`` or ``below``, to which the price went, or
    ``event``; ``price`` of the alert, and ``trade_price`` of the trade that crossed it, both None for an
    event; ``event``: the name of the event, None for a price.
    """

    @classmethod
    def parse(cls, given: EventType | str) -> EventType:
        """Return the member of a name in any case.

        Raises
        ------
        OptionError
            When there is no such event.
        """
        try:
            return cls(given.lower())
        except (ValueError, AttributeError) as error:
            names = [member.name for member in cls]
            raise OptionError(f"there is no event {given!r}. {suggest(str(given).upper(), names)}") from error


class Event:
    """One event of a market.

    Attributes
    ----------
    type
        Which `EventType`.
    symbol
        Whose market.
    time_ns
        Market time, UTC epoch nanoseconds: of a bar its START, of BARS_CLOSED the END of the bars.
    data
        What it is about: a `Bar`, `Tick`, `Quote`, or a mapping, read-only: every handler is given the same
        event. ``dict(event.data)`` is one of your own. Its fields can also be read on the
        event itself, as ``event.timeframe`` or ``event.status``; a record by its name, too: ``event.bar``.
    view
        Of bars that closed: what was known then, as ``event.view["5min"]``; None of all others.

    Examples
    --------
    >>> event = Event(EventType.CONNECTION_STATUS_CHANGED, "MNQ", 0, {"status": "connected"})
    >>> event.status, event.type == "connection_status_changed"
    ('connected', True)
    """

    __slots__ = ("_payload", "_queued", "_symbol", "_time_ns", "_type", "_tz", "_view")

    def __init__(
        self, type: EventType, symbol: str, time_ns: int, data: Any, tz: str = "UTC", view: Any = None
    ) -> None:
        # One event is every handler's: what one of them does to it must not reach the others.
        self._type = type
        self._symbol = symbol
        self._time_ns = time_ns
        self._payload: Any = MappingProxyType(data) if isinstance(data, dict) else data
        self._tz = tz
        self._view = view
        # When it was put into queues, by the monotonic clock: how long it waits tells that a handler is slow.
        self._queued = 0.0

    @property
    def type(self) -> EventType:
        """Which `EventType`."""
        return self._type

    @property
    def symbol(self) -> str:
        """Whose market."""
        return self._symbol

    @property
    def time_ns(self) -> int:
        """Market time, UTC epoch nanoseconds: of a bar its START, of BARS_CLOSED the END of the bars."""
        return self._time_ns

    @property
    def data(self) -> Any:
        """What it is about: a `Bar`, `Tick`, `Quote`, or a mapping, read-only."""
        return self._payload

    @property
    def view(self) -> Any:
        """Of bars that closed: what was known then; None of all others."""
        return self._view

    @property
    def time(self) -> pd.Timestamp:
        """Market time in the suite's zone: of a bar its START, of BARS_CLOSED the END of the bars."""
        return timestamp(self.time_ns, self._tz)

    @property
    def bar(self) -> Bar:
        """The bar of `NEW_BAR`, `BAR_CONSTRUCTED`, `BAR_UPDATED` and `BAR_AMENDED`; same as ``data``."""
        return self._record(Bar)

    @property
    def tick(self) -> Tick:
        """The trade of `TICK_DATA`; same as ``data``."""
        return self._record(Tick)

    @property
    def quote(self) -> Quote:
        """The quote of `QUOTE_UPDATE`; same as ``data``."""
        return self._record(Quote)

    def _record(self, kind: builtins.type[_R]) -> _R:
        if isinstance(self.data, kind):
            return self.data
        # Looked up among the fields of what is there instead; that says what there is.
        raise AttributeError

    def _fields(self) -> list[str]:
        data = self.data
        return [*map(str, data)] if isinstance(data, (Mapping, Record)) else []

    def __dir__(self) -> list[str]:
        other = {name for name, kind in _NAMED.items() if not isinstance(self.data, kind)}
        return sorted({*super().__dir__(), *self._fields()} - other)

    def __getattr__(self, name: str) -> Any:
        # Only reached for names that are no attribute of the event itself.
        if name.startswith("_"):
            raise AttributeError(name)
        data = self.data
        try:
            return data[name] if isinstance(data, Mapping) else getattr(data, name)
        except (KeyError, AttributeError):
            named = [each for each, kind in _NAMED.items() if isinstance(data, kind)]
            there = dict.fromkeys(["type", "symbol", "time", "data", *named, "view", *self._fields()])
            raise AttributeError(
                f"a {self.type.name} event has no field {name!r}. {suggest(name, there)}"
            ) from None

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def __repr__(self) -> str:
        data = dict(self.data) if isinstance(self.data, Mapping) else self.data
        return f"Event({self.type.name}, {self.symbol}, {data!r})"
