"""What callers get: frozen records, readable by attribute and by key.

Times are kept as UTC epoch nanoseconds (``time_ns``); `timestamp` shows the same instant as a
``pandas.Timestamp`` in the record's zone.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mdnb.config import DataManagerConfig

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
    "Tick",
    "timestamp",
]


def timestamp(time_ns: int, tz: str) -> pd.Timestamp:
    """Return an instant as a zone-aware ``pandas.Timestamp``.

    Examples
    --------
    >>> print(timestamp(0, "America/Chicago"))
    1969-12-31 18:00:00-06:00
    """
    import pandas as pd

    return pd.Timestamp(time_ns, unit="ns", tz="UTC").tz_convert(tz)


class Record:
    """A frozen record whose fields can be read as attributes and as keys.

    Examples
    --------
    >>> price = Tick("MNQ", 0, 100.25, 2.0)
    >>> price.price == price["price"]
    True
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if not str(name).startswith("_"):
            try:
                return getattr(self, name)
            except AttributeError:
                pass
        raise KeyError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self.keys())}")

    def keys(self) -> list[str]:
        """Return the names of the fields."""
        fields = [field.name for field in dataclasses.fields(self) if field.repr]  # type: ignore[arg-type]  # every subclass is a dataclass
        return fields + [name for name, value in vars(type(self)).items() if isinstance(value, property)]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or ``default`` where there is none of that name."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(_shown(self[name]))}</td></tr>"
            for name in self.keys()
        )
        return f"<div><strong>{html.escape(type(self).__name__)}</strong><table>{rows}</table></div>"

    def asdict(self) -> dict[str, Any]:
        """Return all fields as a plain dictionary."""
        return {name: self[name] for name in self.keys()}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@dataclasses.dataclass(frozen=True, slots=True)
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
        ``ok``, or why it was kept out of the bars (``outlier``).
    """

    symbol: str
    time_ns: int
    price: float
    size: float
    side: str | None = None
    trade_id: int = -1
    count: int = 1
    flag: str = "ok"
    tz: str = dataclasses.field(default="UTC", repr=False)

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


@dataclasses.dataclass(frozen=True, slots=True)
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
    """

    symbol: str
    time_ns: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    age: float = 0.0
    tz: str = dataclasses.field(default="UTC", repr=False)

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


@dataclasses.dataclass(frozen=True, slots=True)
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
        True where the feed did not cover the whole interval.
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
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def timestamp(self) -> pd.Timestamp:
        """Opening time in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True)
class MarketSnapshot(Record):
    """The current session at a glance.

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
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def timestamp(self) -> pd.Timestamp:
        """Time of the newest trade in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True)
class Gap(Record):
    """A stretch that the feed did not deliver.

    Attributes
    ----------
    start_ns, end_ns
        From the last trade before it to the first moment after it, UTC epoch nanoseconds.
    repaired
        Whether the venue's history filled it.
    reason
        ``reconnect``, or ``missing_ids`` where trade ids were jumped over.
    trades
        Trades that were put back.
    """

    symbol: str
    start_ns: int
    end_ns: int
    repaired: bool
    reason: str
    trades: int = 0

    def as_event(self, tz: str) -> dict[str, Any]:
        """Return the data of its ``DATA_GAP`` event."""
        return {
            "gap_start": timestamp(self.start_ns, tz),
            "gap_end": timestamp(self.end_ns, tz),
            "gap_duration": (self.end_ns - self.start_ns) / 1e9,
            "repaired": self.repaired,
            "reason": self.reason,
            "trades": self.trades,
        }


class Price(float):
    """A price that knows when it was made: a ``float`` with `time_ns`, `age` and `symbol`.

    Examples
    --------
    >>> f"{Price(21589.25, symbol='MNQ', time_ns=0, age=0.5):,.2f}"
    '21,589.25'
    """

    __slots__ = ("age", "symbol", "time_ns", "tz")
    symbol: str
    time_ns: int
    age: float
    tz: str

    def __new__(
        cls, value: float, symbol: str = "", time_ns: int = 0, age: float = 0.0, tz: str = "UTC"
    ) -> Price:
        """Make a price of a number."""
        made = super().__new__(cls, value)
        made.symbol = symbol
        made.time_ns = time_ns
        made.age = age
        made.tz = tz
        return made

    @property
    def timestamp(self) -> pd.Timestamp:
        """The venue's time of the price in the suite's zone."""
        return timestamp(self.time_ns, self.tz)
