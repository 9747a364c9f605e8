"""An order book kept from a venue's snapshots and changes: never crossed, cheap at the top (hot path).

Each side is a dictionary and a sorted list of its prices with the best one last: most changes happen
near the top, where a list is cheapest to change, and the best levels are its end. Of a book of very many
levels that is so for the best ones alone: the others stay columns until they are wanted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence

from mdnb.depth import imbalance, microprice
from mdnb.errors import OptionError
from mdnb.rows import DepthUpdate
from mdnb.stores.book_tail import BookTail

__all__ = ["OrderBook"]

_NAN = float("nan")
_COUNTABLE_TICKS = 2.0**52
_OFF_GRID = 1e-6
_MANY = 4_096
"""Of more levels a side a snapshot is unfolded for its best ones alone, and a change sorted in at once."""
_NEAR = 2_048
"""How many levels are unfolded at once."""
_FEW = 256
"""When fewer are left the next ones are unfolded."""


class _Side:
    """The levels of one side, by a key that grows towards the best price."""

    __slots__ = ("_between", "_per_key", "_sign", "_tail", "held", "keys")

    def __init__(self, sign: float, tick_size: float | None, *, positive_prices: bool) -> None:
        self.held: dict[float, tuple[float, float, int]] = {}
        self.keys: list[float] = []
        self._tail: BookTail | None = None
        self._sign = sign
        self._per_key = tick_size
        top = math.inf if tick_size is None else tick_size * _COUNTABLE_TICKS
        self._between = (0.0 if positive_prices else -top), top

    def key_of(self, price: float) -> float:
        """Return the key of a price: in ticks where they are known, so that 0.1 + 0.2 is where 0.3 is."""
        if self._per_key is None:
            return price * self._sign
        ticks = price / self._per_key
        whole = round(ticks)
        return (whole if abs(ticks - whole) < _OFF_GRID else ticks) * self._sign

    def __len__(self) -> int:
        tail = self._tail
        return len(self.keys) + (0 if tail is None else len(tail))

    def change(self, levels: Sequence[tuple[float, float]], stamp: int) -> int:
        """Set and remove levels; return how many were refused."""
        if len(levels) > _MANY:
            return self._change_many(levels, stamp)
        held, keys, (bottom, top) = self.held, self.keys, self._between
        sign, per_key, tail = self._sign, self._per_key, self._tail
        edge = -math.inf if tail is None else tail.edge
        refused = 0
        for price, size in levels:
            if not (bottom < price < top and 0.0 <= size < math.inf):
                refused += 1
                continue
            key = price * sign if per_key is None else self.key_of(price)
            if key <= edge and tail is not None:
                tail.put(key, (price, size, stamp))
            elif size:
                if key not in held:
                    insort(keys, key)
                held[key] = (price, size, stamp)
            elif key in held:
                del held[key]
                del keys[bisect_left(keys, key)]
        if tail is not None and len(keys) < _FEW:
            self.reach(_FEW)
        return refused

    def _change_many(self, levels: Sequence[tuple[float, float]], stamp: int) -> int:
        # Put into a long list one by one they would take minutes, in which nobody reads.
        held, tail, (bottom, top) = self.held, self._tail, self._between
        edge = -math.inf if tail is None else tail.edge
        refused = 0
        for price, size in levels:
            if not (bottom < price < top and 0.0 <= size < math.inf):
                refused += 1
                continue
            key = self.key_of(price)
            if key <= edge and tail is not None:
                tail.put(key, (price, size, stamp))
            elif size:
                held[key] = (price, size, stamp)
            else:
                held.pop(key, None)
        self.keys = sorted(held)
        if tail is not None and len(self.keys) < _FEW:
            self.reach(_FEW)
        return refused

    def replace(self, levels: Sequence[tuple[float, float]], stamp: int) -> int:
        """Forget all levels and take these; return how many were refused."""
        if len(levels) > _MANY:
            self._tail, refused = BookTail.of(levels, stamp, self._sign, self._per_key, self._between)
            self.held, self.keys = {}, []
            self.reach(_FEW)
            return refused
        self._tail = None
        held: dict[float, tuple[float, float, int]] = {}
        bottom, top = self._between
        refused = 0
        for price, size in levels:
            if not (bottom < price < top and 0.0 <= size < math.inf):
                refused += 1
            elif size:
                held[self.key_of(price)] = (price, size, stamp)
            else:
                held.pop(self.key_of(price), None)
        self.held, self.keys = held, sorted(held)
        return refused

    def drop_best(self) -> None:
        """Remove the best level."""
        del self.held[self.keys.pop()]
        if self._tail is not None and len(self.keys) < _FEW:
            self.reach(_FEW)

    def reach(self, count: int) -> None:
        """Unfold the next levels until so many are, or none is left."""
        while self._tail is not None and len(self.keys) < count:
            more = self._tail.take(max(_NEAR, count - len(self.keys)))
            # All of them are below those that are unfolded.
            self.keys[:0] = more
            self.held.update(more)
            if not len(self._tail):
                self._tail = None

    def keep(self, limit: int) -> None:
        """Forget all but the best levels."""
        self.reach(limit)
        self._tail = None
        for key in self.keys[:-limit]:
            del self.held[key]
        del self.keys[:-limit]

    def best(self, count: int) -> list[tuple[float, float]]:
        """Return the best levels as ``(price, size)``, best first."""
        if self._tail is not None and len(self.keys) < count:
            self.reach(count)
        held = self.held
        return [held[key][:2] for key in self.keys[: -count - 1 : -1]] if count > 0 else []


class OrderBook:
    """The order book of one symbol.

    A snapshot replaces all that is held, a level of size 0 is removed. When an update leaves the best bid
    at or above the best ask, one of the two is stale: level against level, the one that was written by
    the older update is removed, and both where the same update wrote them, until the sides are apart. So
    a reader never sees a crossed or locked book; how often it came to that is counted.

    Parameters
    ----------
    tick_size
        Smallest price step in price units; prices that differ by less than rounding are then one level.
        None where unknown: then prices are compared as they are.
    needs_snapshot
        Whether the venue sends the whole book before its changes. Until it did, what the changes tell can
        be read but `ready` is False. Without snapshots the book is ready from its first change on.
    limit
        Levels a side to keep at most: the depth that is subscribed, for venues which tell changes of the best
        so many levels only and nothing of a level that leaves them, as Kraken does. What lies below them is
        not known: after one of them was removed there is one less, until the venue tells which one has moved
        up. None keeps all.
    positive_prices
        False where prices may be zero and negative.

    Attributes
    ----------
    updates, snapshots
        Updates applied, snapshots included; and the snapshots among them.
    refused
        Levels that were no levels: a price that is not above 0 where it must be, a negative size, not finite,
        or more than 2**52 ticks.
    crossed, locked
        Updates that left the best bid above, or at, the best ask.
    crossed_removed
        Levels removed because of that.
    time_ns
        The newest venue time of an update, UTC epoch nanoseconds; 0 where the venue gave none.

    Raises
    ------
    OptionError
        When ``tick_size`` or ``limit`` is not above 0.

    Examples
    --------
    >>> book = OrderBook(0.25)
    >>> book.apply(DepthUpdate(1, True, [(100.0, 5.0), (99.75, 8.0)], [(100.25, 2.0)]))
    >>> book.apply(DepthUpdate(2, False, [(100.25, 1.0)], []))
    >>> book.levels(5)
    ([(100.25, 1.0), (100.0, 5.0), (99.75, 8.0)], [])
    >>> book.locked, book.crossed_removed, book.ready
    (1, 1, True)
    """

    def __init__(
        self,
        tick_size: float | None,
        *,
        needs_snapshot: bool = True,
        limit: int | None = None,
        positive_prices: bool = True,
    ) -> None:
        if tick_size is not None and not 0.0 < tick_size < math.inf:
            raise OptionError(f"tick_size must be above 0, or None where it is unknown; got {tick_size!r}")
        if limit is not None and limit < 1:
            raise OptionError(f"limit must be 1 or more, or None for all levels; got {limit!r}")
        self.tick_size = tick_size
        self.needs_snapshot = needs_snapshot
        self.limit = limit
        self.updates = 0
        self.snapshots = 0
        self.refused = 0
        self.crossed = 0
        self.locked = 0
        self.crossed_removed = 0
        self.time_ns = 0
        self._bids = _Side(1.0, tick_size, positive_prices=positive_prices)
        self._asks = _Side(-1.0, tick_size, positive_prices=positive_prices)
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether the levels are the venue's book and not a part of it."""
        return self._ready

    def __len__(self) -> int:
        """Return the levels held, of both sides."""
        return len(self._bids) + len(self._asks)

    def apply(self, update: DepthUpdate) -> None:
        """Take a snapshot or a change."""
        self.updates += 1
        stamp, bids, asks = self.updates, self._bids, self._asks
        if update.snapshot:
            self.snapshots += 1
            self.refused += bids.replace(update.bids, stamp) + asks.replace(update.asks, stamp)
            self._ready = True
        else:
            self.refused += bids.change(update.bids, stamp) + asks.change(update.asks, stamp)
            self._ready = self._ready or not self.needs_snapshot
        if update.ts_ns > self.time_ns:
            self.time_ns = update.ts_ns
        if bids.keys and asks.keys and bids.keys[-1] >= -asks.keys[-1]:
            self._uncross()
        if self.limit is not None:
            for side in (bids, asks):
                if len(side) > self.limit:
                    side.keep(self.limit)

    def _uncross(self) -> None:
        bids, asks = self._bids, self._asks
        before = len(self)
        locked = bids.keys[-1] == -asks.keys[-1]
        self.locked += locked
        self.crossed += not locked
        while bids.keys and asks.keys and bids.keys[-1] >= -asks.keys[-1]:
            bid_stamp, ask_stamp = bids.held[bids.keys[-1]][2], asks.held[asks.keys[-1]][2]
            if bid_stamp <= ask_stamp:
                bids.drop_best()
            if ask_stamp <= bid_stamp:
                asks.drop_best()
        self.crossed_removed += before - len(self)

    def reset(self) -> None:
        """Forget all levels, as when the connection was lost; the counters go on."""
        self._bids.replace((), 0)
        self._asks.replace((), 0)
        self.time_ns = 0
        self._ready = False

    def levels(self, count: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the best ``count`` bids and asks as ``(price, size)``, best first."""
        return self._bids.best(count), self._asks.best(count)

    def imbalance(self, count: int) -> float:
        """Return how much more is bid than asked for in the best ``count`` levels, -1 to 1; 0.0 if none."""
        return imbalance(*self.levels(count))

    def microprice(self) -> float:
        """Return the middle weighted by the other side's size, ``nan`` where a side is missing.

        See `mdnb.depth.microprice` for the formula, its source, and what the source calls it.
        """
        bids, asks = self.levels(1)
        return microprice(*bids[0], *asks[0]) if bids and asks else _NAN
