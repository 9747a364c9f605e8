"""Rows that decoders produce, grouped by symbol.

Rows are tuples because the live path touches each of them once, in Python, and a tuple is the cheapest
thing that ``msgspec`` can decode into. All times are UTC epoch nanoseconds.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

__all__ = [
    "LOST_LINE",
    "MARKS",
    "NOT_LAST",
    "NOT_RANGE",
    "NOT_VOLUME",
    "BarRow",
    "Batch",
    "BookSum",
    "ContractChange",
    "Decoder",
    "DepthUpdate",
    "GonePiece",
    "Levels",
    "MarkedTrade",
    "QuoteRow",
    "Reply",
    "SeamPrices",
    "TradeChange",
    "TradeRow",
    "each_its_own",
    "marks_of",
    "shortened",
    "time_of",
    "trades_of_quotes",
]

_NO_LIMIT = 2**63 - 1

TradeRow = tuple[int, float, float, int, int, int]
"""``(ts_ns, price, size, count, side, trade_id)``.

``count`` is the number of raw trades the row stands for (1, or more for a venue's aggregated trades),
``side`` is +1 where the taker bought, -1 where the taker sold, 0 where the venue does not say,
``trade_id`` is -1 where the venue gives none.
"""

NOT_LAST, NOT_RANGE, NOT_VOLUME = 16, 32, 64
"""What a trade does not count for, by its venue's rule: open and close, high and low, volume and count."""

MARKS = NOT_LAST | NOT_RANGE | NOT_VOLUME


class MarkedTrade(tuple[int, float, float, int, int, int]):  # noqa: SLOT001  # a tuple has no place for marks
    """A `TradeRow` that does not count for all of its bar, such as an odd lot; it is equal to the plain one.

    Trades that count in full are plain tuples, which cost nothing more where no venue marks any.

    Attributes
    ----------
    marks
        `NOT_LAST`, `NOT_RANGE` and `NOT_VOLUME`, added up.

    Examples
    --------
    >>> odd_lot = MarkedTrade.of((5, 211.25, 40.0, 1, 0, 7), NOT_LAST | NOT_RANGE)
    >>> odd_lot == (5, 211.25, 40.0, 1, 0, 7), odd_lot.marks, marks_of((5, 211.25, 40.0, 1, 0, 7))
    (True, 48, 0)
    """

    marks: int

    @classmethod
    def of(cls, row: TradeRow, marks: int) -> MarkedTrade:
        """Return a trade with marks."""
        made = cls(row)
        made.marks = marks
        return made


def each_its_own(rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
    """Return the same trades, of which none is the very object that another one is: each counts by itself.

    Examples
    --------
    >>> trade = (5, 211.25, 40.0, 1, 0, 7)
    >>> first, second = each_its_own([trade, trade])
    >>> first == second, first is second
    (True, False)
    """
    if len(set(map(id, rows))) == len(rows):
        return rows
    seen: set[int] = set()
    made: list[TradeRow] = []
    for row in rows:
        own = row
        if id(row) in seen:
            ts_ns, price, size, count, side, number = row
            own = (ts_ns, price, size, count, side, number)
            own = MarkedTrade.of(own, marks) if (marks := marks_of(row)) else own
        seen.add(id(own))
        made.append(own)
    return made


class TradeChange(NamedTuple):
    """What a venue says later of a trade: it was busted, or it was another one.

    Attributes
    ----------
    ts_ns
        The venue's time of the message, UTC epoch nanoseconds.
    trade_id, price, size
        The trade as it was told; the id is -1 where the venue gives none.
    row
        What it is instead, its own time left as it was; None where it was cancelled.
    trade_ns
        When the trade was made, UTC epoch nanoseconds; 0 where that is not said.
    """

    ts_ns: int
    trade_id: int
    price: float
    size: float
    row: TradeRow | None = None
    trade_ns: int = 0


class ContractChange(NamedTuple):
    """A continuous symbol stands for another contract from an instant on (UTC epoch nanoseconds)."""

    symbol: str
    at_ns: int
    old: str
    new: str


class SeamPrices(NamedTuple):
    """What both contracts of a continuous symbol were worth just before its seam of an instant."""

    symbol: str
    at_ns: int
    old_price: float
    new_price: float


QuoteRow = tuple[int, float, float, float, float]
"""``(ts_ns, bid, bid_size, ask, ask_size)``; ``nan`` where a side is missing, ``ts_ns`` 0 where the venue
gives no time."""


def marks_of(row: TradeRow | QuoteRow) -> int:
    """Return what a trade does not count for; 0 where it counts in full."""
    return row.marks if isinstance(row, MarkedTrade) else 0


BarRow = tuple[int, float, float, float, float, float, int, float]
"""``(start_ns, open, high, low, close, volume, tick_count, turnover)``; turnover is the sum of price x size,
``nan`` where unknown."""


Levels = Sequence[tuple[float, float]]
"""Levels of one side of an order book, ``(price, size)``, best first."""

BookSum = Callable[[Levels, Levels], int]
"""What a venue's checksum is of bids and asks."""


class GonePiece(NamedTuple):
    """What is new in a closed bar that has left memory.

    Attributes
    ----------
    row
        The new trades alone, as a bar that starts when the bar does.
    open, close
        What the bar opens and closes with now; None as before.
    is_all
        Whether no other trade of its interval came.
    whole
        The bar made of the trades held; it counts where these are as many as the bar and the piece have. None
        where not all are held.
    """

    row: BarRow
    open: float | None
    close: float | None
    is_all: bool
    whole: BarRow | None


class DepthUpdate(msgspec.Struct, frozen=True, gc=False):
    """A change of an order book: levels as ``(price, size)``; size 0 removes the level.

    Attributes
    ----------
    previous_id, last_id
        The venue's number of the update that this one follows, and of this one; -1 where it has none. Of a
        snapshot the first is -1.
    checksum
        What the venue says that the book adds up to once this is applied; -1 where it says nothing.
    is_torn
        Whether it stands for one that could not be read.
    """

    ts_ns: int
    snapshot: bool
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    previous_id: int = -1
    last_id: int = -1
    checksum: int = -1
    is_torn: bool = False


class Reply(msgspec.Struct):
    """The reply to a request."""

    id: int
    ok: bool
    error: str = ""
    payload: dict[str, Any] = {}


LOST_LINE = '{"mdnb_line":"lost"}'
"""A frame of a recording's own, which no venue sends: the connection was lost here."""

_NO_CHANGES: Mapping[str, list[TradeChange]] = MappingProxyType({})


class _Rare:
    __slots__ = ("changes", "has_lost_line", "is_marked", "rolls", "seam_prices")

    def __init__(self) -> None:
        self.changes: dict[str, list[TradeChange]] = {}
        self.is_marked = False
        self.rolls: Sequence[ContractChange] = ()
        self.seam_prices: Sequence[SeamPrices] = ()
        self.has_lost_line = False


class Batch:
    """Everything read from the socket at once, decoded.

    Attributes
    ----------
    trades, quotes, depth
        Rows in arrival order, by symbol.
    bars
        The feed's own bars, by ``(symbol, timeframe name)``: ``(row, closed)``.
    rare
        What few venues send, and costs nothing where they do not: changes, marked trades, rolls, losses of
        the line; else None.
    replies
        Answers to our requests.
    frames
        Frames handed to the decoder.
    control
        Records understood that carry no market data: heartbeats, acknowledgements.
    malformed
        A short reason for each frame or record that was refused.
    last_malformed
        The newest of those frames or records, as it came.
    clock_ns
        The newest venue time seen, 0 if none.
    speed
        Market seconds a wall second, where the feed said so in this batch, else 0.
    ended
        True once a recording said that it is at its end.
    """

    __slots__ = (
        "bars",
        "clock_ns",
        "control",
        "depth",
        "ended",
        "frames",
        "last_malformed",
        "malformed",
        "quotes",
        "rare",
        "replies",
        "speed",
        "trades",
    )

    def __init__(self) -> None:
        self.trades: dict[str, list[TradeRow]] = {}
        self.quotes: dict[str, list[QuoteRow]] = {}
        self.depth: dict[str, list[DepthUpdate]] = {}
        self.bars: dict[tuple[str, str], list[tuple[BarRow, bool]]] = {}
        self.rare: _Rare | None = None
        self.replies: list[Reply] = []
        self.frames = 0
        self.control = 0
        self.malformed: list[str] = []
        self.last_malformed: object = ""
        self.clock_ns = 0
        self.speed = 0.0
        self.ended = False

    @property
    def changes(self) -> Mapping[str, Sequence[TradeChange]]:
        """Trades that were corrected or cancelled, by symbol; they count after the trades. See `change`."""
        return _NO_CHANGES if self.rare is None else self.rare.changes

    @changes.setter
    def changes(self, changes: Mapping[str, Sequence[TradeChange]]) -> None:
        self._with_rare().changes = {symbol: list(held) for symbol, held in changes.items()}

    @property
    def is_marked(self) -> bool:
        """Whether a `MarkedTrade` may be among the trades."""
        return self.rare is not None and self.rare.is_marked

    @is_marked.setter
    def is_marked(self, is_marked: bool) -> None:
        if is_marked or self.rare is not None:
            self._with_rare().is_marked = is_marked

    @property
    def rolls(self) -> Sequence[ContractChange]:
        """Of a recording: symbols that stand for another contract behind this, see `ContractChange`."""
        return () if self.rare is None else self.rare.rolls

    @rolls.setter
    def rolls(self, rolls: Sequence[ContractChange]) -> None:
        self._with_rare().rolls = rolls

    @property
    def seam_prices(self) -> Sequence[SeamPrices]:
        """Of a recording: what the contracts of seams before this were worth, which is known from here on."""
        return () if self.rare is None else self.rare.seam_prices

    @seam_prices.setter
    def seam_prices(self, prices: Sequence[SeamPrices]) -> None:
        self._with_rare().seam_prices = prices

    @property
    def has_lost_line(self) -> bool:
        """Of a recording: whether the connection was lost here; nothing else is in such a batch."""
        return self.rare is not None and self.rare.has_lost_line

    @has_lost_line.setter
    def has_lost_line(self, has_lost_line: bool) -> None:
        self._with_rare().has_lost_line = has_lost_line

    def _with_rare(self) -> _Rare:
        if self.rare is None:
            self.rare = _Rare()
        return self.rare

    def change(self, symbol: str, change: TradeChange) -> None:
        """Append a correction or a cancellation."""
        rare = self._with_rare()
        rare.changes.setdefault(symbol, []).append(change)
        rare.is_marked |= isinstance(change.row, MarkedTrade)

    def refuse(self, reason: str, frame: object) -> None:
        """Count a frame or record that was refused, and keep it."""
        self.malformed.append(reason)
        self.last_malformed = frame


def shortened(frame: object, most: int = 120) -> str:
    """Return the beginning of a frame, for people.

    Examples
    --------
    >>> shortened(b'{"e":"trades"}'), shortened("ab" * 200, 4), shortened({"e": "trades"})
    ('{"e":"trades"}', 'abab…', "{'e': 'trades'}")
    """
    if isinstance(frame, (bytes, bytearray)):
        frame = bytes(frame[: 4 * (most + 1)]).decode("utf-8", "replace")
    text = frame if isinstance(frame, str) else reprlib.repr(frame)
    return text if len(text) <= most else text[:most] + "…"


class Decoder(Protocol):
    """Turns a venue's frames into rows. Pure: no clock, no I/O, and it never raises on bad input."""

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        ...


def time_of(row: Any, else_ns: int) -> int:
    """Return the time of a row that may have been decoded wrong, UTC epoch nanoseconds.

    Parameters
    ----------
    else_ns
        What it is for one that has none, or no such time.

    Examples
    --------
    >>> time_of((5, 9.0, 1.0, 1, 0, -1), 7), time_of((float("nan"), 9.0), 7), time_of(None, 7)
    (5, 7, 7)
    """
    try:
        ts_ns = int(row[0])
    except (TypeError, ValueError, LookupError, OverflowError):
        return else_ns
    return ts_ns if 0 < ts_ns < _NO_LIMIT else else_ns


def trades_of_quotes(rows: Sequence[QuoteRow], price: Literal["mid", "bid", "ask"]) -> list[TradeRow]:
    """Return quotes as trades of size 0 at their mid, bid or ask, where bars are built from quotes.

    Examples
    --------
    >>> trades_of_quotes([(5, 9.0, 1.0, 10.0, 2.0)], "mid")
    [(5, 9.5, 0.0, 1, 0, -1)]
    """
    if price == "bid":
        return [(row[0], row[1], 0.0, 1, 0, -1) for row in rows]
    if price == "ask":
        return [(row[0], row[3], 0.0, 1, 0, -1) for row in rows]
    return [(row[0], (row[1] + row[3]) / 2, 0.0, 1, 0, -1) for row in rows]
