"""Market records: tick, quote, bar, snapshot, gap and price; frozen, readable by attribute and by key.

Times are kept as UTC epoch nanoseconds (``time_ns``); `timestamp` shows the same instant as a
``pandas.Timestamp`` in the record's zone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from mdnb.config import DataManagerConfig
from mdnb.errors import did_you_mean
from mdnb.number_format import decimals_needed, price_text
from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Bar",
    "DataManagerConfig",
    "Gap",
    "MarketSnapshot",
    "Price",
    "Quote",
    "Record",
    "Roll",
    "Tick",
    "timestamp",
]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Tick(Record):
    """One trade.

    Attributes
    ----------
    symbol
        As the feed writes it.
    time_ns
        The venue's time, UTC epoch nanoseconds.
    price, size
        Price units; base units or contracts.
    side
        ``buy`` or ``sell`` as the taker did, None where the venue does not say.
    trade_id
        The venue's id, -1 where it gives none.
    count
        Raw trades it stands for.
    flag
        ``ok``, or why it is in no bar: ``refused`` (too late, or outside the sessions), ``outlier``,
        ``waiting`` (for those before it, which an outage cost: seconds at most), or ``cancelled`` by the
        venue. ``corrected`` was another one when it came. By its sale conditions it may count in part:
        ``volume_only`` (an odd lot, an average price), ``not_last`` (reported late: for high, low and volume,
        and not for open and close), ``not_counted`` at all; see `mdnb.sale_conditions`. Rarer are
        ``not_range``, ``no_volume``, ``range_only`` and ``last_only``.
    contract
        Which one of a continuous symbol it is of; empty where the symbol is none.
    tz, decimals
        How times and prices are shown; None takes as many decimals as the prices need.

    Examples
    --------
    >>> tick = Tick("MNQ", 1_700_000_000_000_000_000, 15_900.25, 2, side="buy")
    >>> tick.price, tick["price"], tick.time
    (15900.25, 15900.25, Timestamp('2023-11-14 22:13:20+0000', tz='UTC'))
    """

    symbol: str
    time_ns: int
    price: float
    size: float
    side: str | None = None
    trade_id: int = -1
    count: int = 1
    flag: str = "ok"
    contract: str = dataclasses.field(default="", repr=False, kw_only=True)
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def timestamp(self) -> pd.Timestamp:
        """The venue's time in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    @property
    def volume(self) -> float:
        """Same as `size`."""
        return self.size


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Quote(Record):
    """Best bid and ask.

    Attributes
    ----------
    bid, ask
        Prices; ``nan`` where a side is missing.
    bid_size, ask_size
        Sizes at those prices.
    age
        Seconds between its arrival and the moment it was asked for.
    tz, decimals
        As in `Tick`.

    Examples
    --------
    >>> quote = Quote("MNQ", 1_700_000_000_000_000_000, bid=15_900.0, bid_size=3, ask=15_900.5, ask_size=1)
    >>> quote.spread, quote.mid
    (0.5, 15900.25)
    """

    symbol: str
    time_ns: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    age: float = 0.0
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def spread(self) -> float:
        """Ask minus bid, in price units."""
        return self.ask - self.bid

    @property
    def mid(self) -> float:
        """Middle of bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def timestamp(self) -> pd.Timestamp:
        """The venue's time in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Bar(Record):
    """One bar, left-closed and labelled by its opening time.

    Attributes
    ----------
    open, high, low, close
        Prices.
    volume
        Sum of sizes; an ``int`` where the instrument trades whole lots.
    tick_count
        Number of trades.
    vwap
        Volume-weighted price, ``nan`` where there was no volume or no trades to weigh.
    closed
        False for the forming bar.
    filled
        True for a flat bar that stands for an interval without a trade.
    amended
        True once a late or released trade changed it after it had closed.
    partial
        True where the feed did not cover the whole interval, or is not known to: what an outage may have cost
        it is still looked for.
    end_ns
        End of its interval, UTC epoch nanoseconds; of a bar of trades or volume the time of its last trade.
        0 where that is not known.
    closed_ns
        Market time at which it was closed here, UTC epoch nanoseconds: from then on it could be acted upon. 0
        for the forming bar, and where that was not noted.
    contract
        Of a continuous symbol the one that its start is of; empty where the symbol is none.
    tz, decimals
        As in `Tick`.

    Examples
    --------
    >>> bar = Bar("MNQ", "1min", 1_700_000_040_000_000_000, 15_900, 15_903, 15_899, 15_902, 41, 17)
    >>> bar.close - bar.open, str(bar.time)
    (2, '2023-11-14 22:14:00+00:00')
    """

    symbol: str
    timeframe: str
    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    tick_count: int
    vwap: float = float("nan")
    closed: bool = True
    filled: bool = False
    amended: bool = False
    partial: bool = False
    end_ns: int = dataclasses.field(default=0, repr=False, kw_only=True)
    closed_ns: int = dataclasses.field(default=0, repr=False, kw_only=True)
    contract: str = dataclasses.field(default="", repr=False, kw_only=True)
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def end(self) -> pd.Timestamp | None:
        """End of its interval in the suite's zone; None where that is not known."""
        return timestamp(self.end_ns, self.tz) if self.end_ns else None

    @property
    def closed_at(self) -> pd.Timestamp | None:
        """Market time at which it was closed, in the suite's zone; None for the forming bar."""
        return timestamp(self.closed_ns, self.tz) if self.closed_ns else None

    @property
    def timestamp(self) -> pd.Timestamp:
        """Opening time in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MarketSnapshot(Record):
    """The current trading session: open, high, low, close, volume and newest values.

    Attributes
    ----------
    open, high, low, close, last
        Prices of the session so far; `close` and `last` are the newest.
    volume
        Sum of sizes since the session opened; an ``int`` for whole lots.
    bid, ask
        Newest quote, ``nan`` where the feed has none.
    session_start_ns
        When the session opened, UTC epoch nanoseconds.
    since_ns
        From when on open, high, low and volume are: the start of the first bar of the session that is known.
    tz, decimals
        As in `Tick`.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0.1) as live:
    ...     now = live.data.get_market_snapshot()
    >>> now.low <= now.last <= now.high
    True
    """

    symbol: str
    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    last: float
    bid: float
    ask: float
    session_start_ns: int
    age: float = 0.0
    since_ns: int = dataclasses.field(default=0, kw_only=True)
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def timestamp(self) -> pd.Timestamp:
        """Time of the newest trade in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    @property
    def session_start(self) -> pd.Timestamp:
        """When the session opened, in the suite's zone."""
        return timestamp(self.session_start_ns, self.tz)

    @property
    def since(self) -> pd.Timestamp:
        """`since_ns` in the suite's zone."""
        return timestamp(self.since_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Gap(Record):
    """An interval that the feed did not deliver.

    Attributes
    ----------
    start_ns, end_ns
        From the last trade before it to the first moment after it, UTC epoch nanoseconds.
    repaired
        Whether the venue's history filled it, and every bar is as if nothing had been missed.
    reason
        ``reconnect``, ``missing_ids`` where trade ids were jumped over, or ``store`` where the history does
        not reach back to the last bar that a store held.
    trades
        Trades that were put back.
    gap_id
        Which stretch: the same from when it is found until it is settled.
    state
        ``repairing`` while the history is asked, then ``repaired`` or ``lost``. Its bars are partial until
        then, and those of a lost one stay so; its start and end are those of what is lacking still: the
        trades next to it.
    not_rebuilt
        Timeframes of which bars could not be made anew with what was put back, since the ticks in memory do
        not reach so far. They are marked as partial; `state` is ``repaired`` then, and `repaired` False.
    refused
        Trades that the history has of it and that were refused, as they would have been without an outage:
        the bars lack these, and nothing else, where it is repaired.

    Examples
    --------
    >>> gap = Gap("MNQ", 0, 7_000_000_000, False, "reconnect", gap_id="MNQ-1", state="lost")
    >>> gap.gap_id, gap.state, gap.as_event("UTC")["gap_duration"]
    ('MNQ-1', 'lost', 7.0)
    """

    symbol: str
    start_ns: int
    end_ns: int
    repaired: bool
    reason: str
    trades: int = 0
    tz: str = dataclasses.field(default="UTC", repr=False)
    gap_id: str = dataclasses.field(default="", kw_only=True)
    state: Literal["repairing", "repaired", "lost"] = dataclasses.field(default="lost", kw_only=True)
    not_rebuilt: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    refused: int = dataclasses.field(default=0, kw_only=True)

    @property
    def start(self) -> pd.Timestamp:
        """`start_ns` in the gap's zone."""
        return timestamp(self.start_ns, self.tz)

    @property
    def end(self) -> pd.Timestamp:
        """`end_ns` in the gap's zone."""
        return timestamp(self.end_ns, self.tz)

    def as_event(self, tz: str) -> dict[str, Any]:
        """Return the data of its ``DATA_GAP`` event."""
        return {
            "gap_id": self.gap_id,
            "state": self.state,
            "gap_start": timestamp(self.start_ns, tz),
            "gap_end": timestamp(self.end_ns, tz),
            "gap_duration": (self.end_ns - self.start_ns) / 1e9,
            "repaired": self.repaired,
            "reason": self.reason,
            "trades": self.trades,
            "not_rebuilt": self.not_rebuilt,
            "refused": self.refused,
        }


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Roll(Record):
    """The seam at which a continuous symbol went from one contract to the next.

    Prices are as they were traded, on both sides.

    Attributes
    ----------
    time_ns
        From when on the new contract counts, UTC epoch nanoseconds. The bar in which that lies, if it is no
        start of one, has prices of both, and is marked as partial.
    old, new
        The contracts, as the venue calls them.
    old_price, new_price
        What both were worth at one time just before, by the venue's history; where it does not tell, the
        last price of the one and the first of the other. ``nan`` where not even these are known.

    Examples
    --------
    >>> roll = Roll("MNQ", 1_765_000_000_000_000_000, "MNQZ5", "MNQH6", 25_000.0, 25_250.0)
    >>> roll.difference, roll.ratio
    (250.0, 1.01)
    """

    symbol: str
    time_ns: int
    old: str
    new: str
    old_price: float = float("nan")
    new_price: float = float("nan")
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def difference(self) -> float:
        """How much the new contract was worth more than the old one, in price units."""
        return self.new_price - self.old_price

    @property
    def ratio(self) -> float:
        """How many times as much the new contract was worth."""
        return self.new_price / self.old_price if self.old_price else float("nan")

    @property
    def timestamp(self) -> pd.Timestamp:
        """`time_ns` in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def priced(self, old_price: float, new_price: float) -> Roll:
        """Return it with what both contracts were worth."""
        return dataclasses.replace(self, old_price=old_price, new_price=new_price)


_AS_IT_IS = "A price stays as it is: keep what is yours in a variable."
_PRICE_FIELDS = ("symbol", "time_ns", "age", "tz", "decimals")


class Price(float):
    """A price that knows when it was made: a ``float`` with ``time_ns``, ``age`` and ``symbol``.

    It is shown with ``decimals``, those of its instrument; None shows as many as it needs.

    Examples
    --------
    >>> price = Price(75888.1, symbol="BTC-USD", time_ns=0, age=0.5, decimals=2)
    >>> price, price + 1
    (75888.10, 75889.1)
    >>> f"{price:,.1f}"
    '75,888.1'
    """

    __slots__ = ("age", "decimals", "symbol", "time_ns", "tz")
    symbol: str
    time_ns: int
    age: float
    tz: str
    decimals: int | None

    def __new__(
        cls,
        value: float,
        symbol: str = "",
        time_ns: int = 0,
        age: float = 0.0,
        tz: str = "UTC",
        decimals: int | None = None,
    ) -> Price:
        """Make a price of a number."""
        made = super().__new__(cls, value)
        put = object.__setattr__
        put(made, "symbol", symbol)
        put(made, "time_ns", time_ns)
        put(made, "age", age)
        put(made, "tz", tz)
        put(made, "decimals", decimals)
        return made

    def __setattr__(self, name: str, value: object) -> NoReturn:
        if name in self.__slots__:
            raise AttributeError(f"Price.{name} is of the moment of the price; got {value!r}. {_AS_IT_IS}")
        near = did_you_mean(name, [*self.__slots__, "timestamp", "time"])
        raise AttributeError(f"Price has no {name!r}; got {value!r}. {near}{_AS_IT_IS}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Price.{name} cannot be deleted. {_AS_IT_IS}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Price, (float(self), *(getattr(self, name) for name in _PRICE_FIELDS))

    def __repr__(self) -> str:
        if not math.isfinite(self):
            return float.__repr__(self)
        # Without thousands apart, so that it reads back as the number it is.
        return price_text(self, max(self.decimals or 0, decimals_needed((self,))), thousands=False)

    def _repr_html_(self) -> str:
        return price_text(self, max(self.decimals or 0, decimals_needed((self,))))

    @property
    def timestamp(self) -> pd.Timestamp:
        """The venue's time of the price in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)
