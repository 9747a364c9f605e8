"""The accounting of trades: each one is in a bar or in a named counter, and the sums must agree."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from mdnb.records import FrozenDict, Record
from mdnb.rows import shortened

__all__ = ["Accounting", "ConnectionCounts", "Ledger", "counted"]

_MOST_NAMES = 100
_MOST_LETTERS = 64
_THE_REST = "…"


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Accounting(Record):
    """Counters of one symbol at one moment.

    Attributes
    ----------
    received
        Trades that arrived for the symbol (quotes, where bars are built from quotes; the feed's own bars,
        where they are built from those).
    in_bars
        Those that are in a bar.
    duplicate, late_dropped, outside_session, unsubscribed
        Those that are not, and why.
    cancelled
        Trades that the venue has taken back since they came.
    left_out
        Trades that are in no bar by their sale conditions: they count for nothing, or for the volume of an
        interval in which no trade had a price that counts.
    rejected
        Trades refused by validation, by reason.
    held_back
        Trades kept out as outliers and not confirmed since.
    waiting
        Trades that wait for those an outage cost, and will be in the bars within seconds.
    failed
        Trades that came in a batch at which mdnb itself failed, which is a trouble of the symbol: they are
        lost, and the bars of their time are marked partial.
    amended, backfilled
        Late trades that changed a closed bar; trades missed by an outage and fetched from the venue's
        history. Both are in `in_bars` too.
    corrected, in_part
        Trades that the venue has corrected since they came; trades that count by their sale conditions for a
        part of their bars only, or for nothing.
    unmatched
        Corrections and cancellations of trades that are not in memory. Each is told of, and its bar asked for
        anew or marked partial.
    quotes, depth_updates
        Other market data received.
    quotes_rejected
        Quotes that cannot be and were refused, by reason. Where bars are built from quotes they are in
        `rejected`, too.
    quotes_crossed
        Quotes whose bid is above the ask: they are taken as they came.
    depth_left_out
        Changes of the order book that were of before what was held, or came after one was missed and before
        the book came anew.
    depth_refused
        Levels of the order book that cannot be, and are in no book: with a price that is not above zero where
        it must be, a negative size, or no number.
    frames, control, malformed
        Of the whole connection: frames received, records that carry no market data, records refused.
    malformed_reasons
        Those refused, by reason; what is of an unknown kind is among them (``unknown message``).
    last_malformed
        The beginning of the last one, as it came.
    unused_bars
        The feed's own closed bars that came and make none of the bars here, by timeframe: those are made of
        trades or quotes, or of the feed's bars of another timeframe. They are no part of `received`.
    other_symbols
        Of the whole connection: trades, quotes, changes of the book and bars of symbols that nobody follows,
        by symbol. They are no part of `received`.

    Examples
    --------
    >>> Accounting(symbol="MNQ", received=3, in_bars=2, duplicate=1).balanced
    True
    """

    symbol: str
    received: int = 0
    in_bars: int = 0
    duplicate: int = 0
    late_dropped: int = 0
    outside_session: int = 0
    unsubscribed: int = 0
    held_back: int = 0
    rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    amended: int = 0
    quotes: int = 0
    quotes_rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    quotes_crossed: int = 0
    depth_updates: int = 0
    depth_left_out: int = 0
    depth_refused: int = 0
    frames: int = 0
    control: int = 0
    malformed: int = 0
    backfilled: int = 0
    waiting: int = 0
    failed: int = 0
    cancelled: int = 0
    corrected: int = 0
    in_part: int = 0
    left_out: int = 0
    unmatched: int = 0
    malformed_reasons: Mapping[str, int] = dataclasses.field(default_factory=dict)
    last_malformed: str = ""
    unused_bars: Mapping[str, int] = dataclasses.field(default_factory=dict)
    other_symbols: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def rejected_total(self) -> int:
        """Trades refused by validation, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def other_symbols_total(self) -> int:
        """Records of symbols that nobody follows."""
        return sum(self.other_symbols.values())

    @property
    def explained(self) -> int:
        """Trades that are accounted for: in a bar or in one counter."""
        elsewhere = (
            self.duplicate + self.late_dropped + self.outside_session + self.unsubscribed + self.failed
        )
        elsewhere += self.cancelled + self.left_out
        return self.in_bars + elsewhere + self.held_back + self.waiting + self.rejected_total

    @property
    def balanced(self) -> bool:
        """Whether every trade that arrived is accounted for."""
        return self.received == self.explained

    def __str__(self) -> str:
        lines = [f"{self.symbol}: {self.received:,} received = {self.in_bars:,} in bars"]
        elsewhere = ("duplicate", "late_dropped", "outside_session", "unsubscribed", "held_back", "waiting")
        lines += [f"  + {self[name]:,} {name}" for name in elsewhere]
        seldom = ("failed", "cancelled", "left_out")
        lines += [f"  + {self[name]:,} {name}" for name in seldom if self[name]]
        lines += [f"  + {count:,} rejected:{reason}" for reason, count in sorted(self.rejected.items())]
        lines.append(f"  {'balanced' if self.balanced else f'NOT balanced: {self.explained:,} explained'}")
        lines.append(f"  {self.amended:,} amended a closed bar, {self.backfilled:,} came from the history")
        if self.corrected or self.in_part or self.unmatched:
            lines.append(
                f"  {self.corrected:,} corrected, {self.in_part:,} count in part by their sale conditions, "
                f"{self.unmatched:,} changes of trades not in memory"
            )
        left_out = f", {self.depth_left_out:,} left out" if self.depth_left_out else ""
        lines.append(f"  {self.quotes:,} quotes, {self.depth_updates:,} depth updates{left_out}")
        if self.depth_refused:
            lines.append(f"  {self.depth_refused:,} levels of the order book refused")
        if self.quotes_crossed:
            lines.append(f"  {self.quotes_crossed:,} quotes with the bid above the ask")
        lines += [f"  {count:,} quotes refused:{why}" for why, count in sorted(self.quotes_rejected.items())]
        lines.append(
            f"  connection: {self.frames:,} frames, {self.control:,} control, {self.malformed:,} malformed"
        )
        if self.malformed:
            lines.append(
                f"  malformed: {counted(self.malformed_reasons)}; the last one: {self.last_malformed}"
            )
        if self.unused_bars:
            lines.append(f"  the feed's own bars, of which none is made: {counted(self.unused_bars)}")
        if self.other_symbols:
            lines.append(f"  of symbols that nobody follows: {counted(self.other_symbols)}")
        return "\n".join(lines)


class ConnectionCounts:
    """What came over a connection and is no symbol's: counters that the batcher adds to.

    Attributes
    ----------
    reasons
        Records that were refused, by reason.
    last_malformed
        The last one of them.
    others
        Records of symbols that nobody follows, by symbol.
    """

    __slots__ = ("last_malformed", "others", "reasons")

    def __init__(self) -> None:
        self.reasons: collections.Counter[str] = collections.Counter()
        self.last_malformed: object = ""
        self.others: collections.Counter[str] = collections.Counter()

    def refuse(self, reasons: Iterable[str], last: object) -> None:
        """Count records that were not understood."""
        for reason in reasons:
            _count(self.reasons, reason)
        self.last_malformed = last

    def leave_out(self, symbol: str, count: int) -> None:
        """Count records of a symbol that nobody follows."""
        _count(self.others, symbol[:_MOST_LETTERS], count)


def _count(counter: collections.Counter[str], name: str, count: int = 1) -> None:
    """Add to a counter whose names are a feed's: there may be no end of them."""
    known = name in counter or len(counter) < _MOST_NAMES
    counter[name if known else _THE_REST] += count


def counted(counts: Mapping[str, int], most: int = 5) -> str:
    """Return the largest counts in words.

    Examples
    --------
    >>> counted({"MES": 2, "ES": 1_000})
    "1,000 'ES', 2 'MES'"
    """
    largest = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = [f"{count:,} {name!r}" for name, count in largest[:most]]
    return ", ".join([*shown, *([f"and {len(largest) - most} more"] if len(largest) > most else [])])


class Ledger:
    """The counters that the pipeline adds to; `freeze` makes an `Accounting` of them.

    Attributes
    ----------
    in_bars
        Those that were put into bars, also where their sale conditions keep them out of it.
    refused
        Trades rejected for whatever reason.
    """

    __slots__ = (
        "backfilled",
        "cancelled",
        "corrected",
        "depth_left_out",
        "depth_updates",
        "duplicate",
        "failed",
        "held_back",
        "in_bars",
        "in_part",
        "quotes",
        "quotes_crossed",
        "quotes_rejected",
        "received",
        "refused",
        "rejected",
        "unmatched",
        "unsubscribed",
        "unused_bars",
        "waiting",
    )

    def __init__(self) -> None:
        self.received = 0
        self.in_bars = 0
        self.duplicate = 0
        self.unsubscribed = 0
        self.held_back = 0
        self.quotes = self.quotes_crossed = 0
        self.quotes_rejected: collections.Counter[str] = collections.Counter()
        self.depth_updates = 0
        self.depth_left_out = 0
        self.backfilled = 0
        self.waiting = 0
        self.failed = 0
        self.refused = 0
        self.cancelled = self.corrected = self.in_part = self.unmatched = 0
        self.rejected: collections.Counter[str] = collections.Counter()
        self.unused_bars: collections.Counter[str] = collections.Counter()

    def reject(self, reason: str, count: int = 1) -> None:
        """Count trades that were refused, and why."""
        self.rejected[reason] += count
        self.refused += count

    def leave_bars(self, timeframe: str, count: int) -> None:
        """Count bars of the feed of which none is made here."""
        _count(self.unused_bars, timeframe[:_MOST_LETTERS], count)

    def freeze(
        self,
        symbol: str,
        *,
        late_dropped: int,
        outside_session: int,
        amended: int,
        left_out: int = 0,
        depth_refused: int = 0,
        frames: int,
        control: int,
        malformed: int,
        connection: ConnectionCounts | None = None,
    ) -> Accounting:
        """Return the counters as they are now."""
        connection = connection or ConnectionCounts()
        return Accounting(
            symbol=symbol,
            received=self.received,
            in_bars=self.in_bars - left_out,
            duplicate=self.duplicate,
            late_dropped=late_dropped,
            outside_session=outside_session,
            unsubscribed=self.unsubscribed,
            held_back=self.held_back,
            rejected=FrozenDict(self.rejected),
            amended=amended,
            quotes=self.quotes,
            quotes_rejected=FrozenDict(self.quotes_rejected),
            quotes_crossed=self.quotes_crossed,
            depth_updates=self.depth_updates,
            depth_left_out=self.depth_left_out,
            depth_refused=depth_refused,
            frames=frames,
            control=control,
            malformed=malformed,
            backfilled=self.backfilled,
            waiting=self.waiting,
            failed=self.failed,
            cancelled=self.cancelled,
            corrected=self.corrected,
            in_part=self.in_part,
            left_out=left_out,
            unmatched=self.unmatched,
            malformed_reasons=FrozenDict(connection.reasons),
            last_malformed=shortened(connection.last_malformed),
            unused_bars=FrozenDict(self.unused_bars),
            other_symbols=FrozenDict(connection.others),
        )
