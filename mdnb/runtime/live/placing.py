"""Finds where trades that were missed belong among those that came, which stay in their order of arrival."""

from __future__ import annotations

import collections
from collections.abc import Container, Hashable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mdnb.rows import TradeRow
from mdnb.stores.ticks import IN_BARS, TICK_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["InAnswer", "InIds", "Order", "as_array"]

_NOWHERE = 2**63 - 1


class Order(Protocol):
    """An order of trades that knows those that were missed too."""

    def places(self, held: NDArray[np.void], rows: Sequence[TradeRow]) -> list[int]:
        """Return for each of the missed trades the position of the one held that it comes before."""
        ...


class InIds:
    """The order of ids that rise by one a trade: a trade came before the first one held with a higher id.

    Among trades without an id, which some have there, times tell.

    Examples
    --------
    >>> held = as_array([(5, 9.0, 1.0, 1, 0, 5), (9, 9.0, 1.0, 1, 0, 9), (8, 9.0, 1.0, 1, 0, 8)])
    >>> InIds().places(held, [(6, 9.0, 1.0, 1, 0, 6), (10, 9.0, 1.0, 1, 0, 10)])
    [1, 3]
    """

    def places(self, held: NDArray[np.void], rows: Sequence[TradeRow]) -> list[int]:
        """Return for each of the missed trades the position of the one held that it comes before."""
        if not rows:
            return []
        ids = held["trade_id"]
        wanted = np.array([row[5] for row in rows], dtype=np.int64)
        above = np.flatnonzero(ids > wanted.min())
        above = above[np.argsort(ids[above], kind="stable")]
        # One that came late follows newer ones: of all with a higher id the first to arrive counts.
        first = np.append(np.minimum.accumulate(above[::-1])[::-1], len(held))
        places: list[int] = first[np.searchsorted(ids[above], wanted, side="right")].tolist()
        if (ids < 0).any():
            places = [_before_nameless(held, place, row[0]) for place, row in zip(places, rows, strict=True)]
        return places


def _before_nameless(held: NDArray[np.void], place: int, ts_ns: int) -> int:
    """Return a place before the newer trades without an id that stand right before another one."""
    while place > 0 and held["trade_id"][place - 1] < 0 and held["ts_ns"][place - 1] > ts_ns:
        place -= 1
    return place


class InAnswer:
    """The order of an answer of the history, which has trades that came among those that were missed.

    Parameters
    ----------
    answer
        Its trades in their order, and whether each was missed.
    by_id
        Whether the others are known by their ids, else by time, price and size.
    put_back
        By `key`, those of them that were missed as well and put back before.

    Examples
    --------
    >>> rows = [(5, 9.0, 1.0, 1, 0, -1), (6, 8.0, 1.0, 1, 0, -1), (6, 9.0, 1.0, 1, 0, -1)]
    >>> order = InAnswer([(rows[0], False), (rows[1], True), (rows[2], False)], by_id=False)
    >>> order.places(as_array([rows[0], rows[2]]), [rows[1]]), order.around(1, 4)
    ([1], [(5, 6)])
    """

    def __init__(
        self,
        answer: Sequence[tuple[TradeRow, bool]],
        *,
        by_id: bool,
        put_back: Container[Hashable] = frozenset(),
    ) -> None:
        self._answer = answer
        self._by_id = by_id
        self._put_back = put_back

    def places(self, held: NDArray[np.void], rows: Sequence[TradeRow]) -> list[int]:
        """Return for each of the missed trades the position of the one held that it comes before."""
        found = self._find(held)
        before: list[int] = []
        at = _NOWHERE
        for one in reversed(found):
            at = at if one is None else min(at, one)
            before.append(at)
        before.reverse()
        newest = np.maximum.accumulate(held["ts_ns"]) if len(held) else held["ts_ns"]
        strange, strange_newest = _strange(held["ts_ns"], found, min(row[0] for row, _ in self._answer))
        places: dict[int, int] = {}
        behind = behind_put = -1
        for (row, missed), own, following in zip(self._answer, found, before, strict=True):
            if own is not None:
                behind = max(behind, own)
                if self.key(row) in self._put_back:
                    behind_put = max(behind_put, own)
                continue
            if not missed:
                continue
            # Of what came and is not in the answer the times tell what belongs after it.
            after = int(np.searchsorted(strange_newest, row[0], side="right"))
            place = min(following, int(strange[after])) if after < len(strange) else following
            if place != _NOWHERE:
                # A late one precedes others that were put back: among these the answer's order counts.
                places[id(row)] = max(place, behind_put + 1)
            else:
                # Nothing that came follows in the answer: behind what came before it, or where its time is.
                by_time = int(np.searchsorted(newest, row[0], side="right"))
                older = int(strange[after - 1]) if after else -1
                places[id(row)] = max(behind, older) + 1 if behind >= 0 else by_time
        return [places[id(row)] for row in rows]

    def _find(self, held: NDArray[np.void]) -> list[int | None]:
        """Return for each trade of the answer its position among those held; None for those that are not."""
        times, asked = held["ts_ns"], [row[0] for row, _ in self._answer]
        window = (times >= min(asked)) & (times <= max(asked))
        positions: dict[Hashable, list[int]] = collections.defaultdict(list)
        for at, row in zip(np.flatnonzero(window).tolist(), held[window].tolist(), strict=True):
            positions[self.key(row)].append(at)
        # From the end: of equal trades the oldest may have left memory.
        return [
            None if missed or not positions[key] else positions[key].pop()
            for (_, missed), key in ((one, self.key(one[0])) for one in reversed(self._answer))
        ][::-1]

    def key(self, row: Sequence[int | float]) -> Hashable:
        """Return what a trade is known by."""
        return row[5] if self._by_id and row[5] >= 0 else (row[0], row[1], row[2])

    def around(self, low_ns: int, high_ns: int) -> list[tuple[int, int]]:
        """Return for each missed trade when those that came before and after it were made.

        Parameters
        ----------
        low_ns, high_ns
            Of the first ones the former, of the last ones the latter.
        """
        after: list[int] = []
        for row, missed in reversed(self._answer):
            high_ns = high_ns if missed else row[0]
            after.append(high_ns)
        found = []
        for (row, missed), high in zip(self._answer, reversed(after), strict=True):
            if missed:
                found.append((low_ns, high))
            else:
                low_ns = row[0]
        return found


def _strange(
    times: NDArray[np.int64], found: Sequence[int | None], begin_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of trades that came since the first of an answer began, and are not in it.

    Also, for each, when the newest one up to there was made.
    """
    known = np.array([at for at in found if at is not None], dtype=np.int64)
    # The first of the answer may not be among those held, but older.
    since = np.flatnonzero(times >= begin_ns)[:1].min(initial=len(times))
    strange = np.setdiff1d(np.arange(min(since, known.min(initial=len(times))), len(times)), known)
    return strange, np.maximum.accumulate(times[strange])


def as_array(rows: Sequence[TradeRow]) -> NDArray[np.void]:
    """Return trades in columns, as the tick store has them."""
    return np.array([(*row, IN_BARS) for row in rows], dtype=TICK_DTYPE)
