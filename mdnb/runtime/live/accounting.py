"""The accounting of trades: each one is in a bar or in a named counter, and the sums must agree."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

from mdnb.records import FrozenDict, Record

__all__ = ["Accounting", "Ledger"]


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
    rejected
        Trades refused by validation, by reason.
    held_back
        Trades kept out as outliers and not confirmed since.
    waiting
        Trades that wait for those an outage cost, and will be in the bars within seconds.
    amended, backfilled
        Late trades that changed a closed bar; trades missed by an outage and fetched from the venue's
        history. Both are in `in_bars` too.
    quotes, depth_updates
        Other market data received.
    frames, control, malformed
        Of the whole connection: frames received, records that carry no market data, records refused.

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
    depth_updates: int = 0
    frames: int = 0
    control: int = 0
    malformed: int = 0
    backfilled: int = 0
    waiting: int = 0

    @property
    def rejected_total(self) -> int:
        """Trades refused by validation, whatever the reason."""
        return sum(self.rejected.values())

    @property
    def explained(self) -> int:
        """Trades that are accounted for: in a bar or in one counter."""
        elsewhere = self.duplicate + self.late_dropped + self.outside_session + self.unsubscribed
        return self.in_bars + elsewhere + self.held_back + self.waiting + self.rejected_total

    @property
    def balanced(self) -> bool:
        """Whether every trade that arrived is accounted for."""
        return self.received == self.explained

    def __str__(self) -> str:
        lines = [f"{self.symbol}: {self.received:,} received = {self.in_bars:,} in bars"]
        elsewhere = ("duplicate", "late_dropped", "outside_session", "unsubscribed", "held_back", "waiting")
        lines += [f"  + {self[name]:,} {name}" for name in elsewhere]
        lines += [f"  + {count:,} rejected:{reason}" for reason, count in sorted(self.rejected.items())]
        lines.append(f"  {'balanced' if self.balanced else f'NOT balanced: {self.explained:,} explained'}")
        lines.append(f"  {self.amended:,} amended a closed bar, {self.backfilled:,} came from the history")
        lines.append(f"  {self.quotes:,} quotes, {self.depth_updates:,} depth updates")
        lines.append(
            f"  connection: {self.frames:,} frames, {self.control:,} control, {self.malformed:,} malformed"
        )
        return "\n".join(lines)


class Ledger:
    """The counters that the pipeline adds to; `freeze` makes an `Accounting` of them.

    Attributes
    ----------
    refused
        Trades rejected for whatever reason.
    """

    __slots__ = (
        "backfilled",
        "depth_updates",
        "duplicate",
        "held_back",
        "in_bars",
        "quotes",
        "received",
        "refused",
        "rejected",
        "unsubscribed",
        "waiting",
    )

    def __init__(self) -> None:
        self.received = 0
        self.in_bars = 0
        self.duplicate = 0
        self.unsubscribed = 0
        self.held_back = 0
        self.quotes = 0
        self.depth_updates = 0
        self.backfilled = 0
        self.waiting = 0
        self.refused = 0
        self.rejected: collections.Counter[str] = collections.Counter()

    def reject(self, reason: str, count: int = 1) -> None:
        """Count trades that were refused, and why."""
        self.rejected[reason] += count
        self.refused += count

    def freeze(
        self,
        symbol: str,
        *,
        late_dropped: int,
        outside_session: int,
        amended: int,
        frames: int,
        control: int,
        malformed: int,
    ) -> Accounting:
        """Return the counters as they are now."""
        return Accounting(
            symbol=symbol,
            received=self.received,
            in_bars=self.in_bars,
            duplicate=self.duplicate,
            late_dropped=late_dropped,
            outside_session=outside_session,
            unsubscribed=self.unsubscribed,
            held_back=self.held_back,
            rejected=FrozenDict(self.rejected),
            amended=amended,
            quotes=self.quotes,
            depth_updates=self.depth_updates,
            frames=frames,
            control=control,
            malformed=malformed,
            backfilled=self.backfilled,
            waiting=self.waiting,
        )
