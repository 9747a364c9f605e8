"""Detects duplicate trades, by id only: identical rows are normal in real data."""

from __future__ import annotations

import bisect
import operator
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from mdnb.rows import MarkedTrade, TradeRow, marks_of

__all__ = ["Duplicates", "Hole"]

_HOLES_KEPT = 100_000
_DOUBTED_KEPT = 1_000
# An id is stored in eight bytes.
_TOO_HIGH = 2**63
_SECOND_NS = 1_000_000_000
# What one trade's id may leave out. No market trades faster, and between two trades some are lost at times.
_LEFT_OUT = 1_000
_TRADES_A_SECOND = 10_000
# Two trades that follow each other on the far side of a jump are no further apart in time than this counts.
_FOLLOWS_NS = 10 * _SECOND_NS
# More than a line loses while it is up: from there on the venue numbers anew.
_LOST_AT_MOST = 1_000_000


class Hole(NamedTuple):
    """Ids that were jumped over, by their neighbours: the trades that came with the ids around them.

    Examples
    --------
    >>> list(Hole(6, 1_000, 9, 4_000).ids)
    [7, 8]
    """

    low_id: int
    low_ns: int
    high_id: int
    high_ns: int

    @property
    def ids(self) -> range:
        """The ids that are missing."""
        return range(self.low_id + 1, self.high_id)


_low_id = operator.itemgetter(0)


def _explains(elapsed_ns: int, ids: int) -> bool:
    """Return whether so many trades may have been made in a stretch of time."""
    return abs(ids) <= _LEFT_OUT + abs(elapsed_ns) * _TRADES_A_SECOND // _SECOND_NS


def _is_near(row: TradeRow, other: TradeRow) -> bool:
    """Return whether the trades between two may all have been made between them."""
    return _explains(row[0] - other[0], row[5] - other[5])


def _follows(row: TradeRow, other: TradeRow) -> bool:
    """Return whether two trades belong to one run of ids."""
    return _explains(min(abs(row[0] - other[0]), _FOLLOWS_NS), row[5] - other[5])


class Duplicates:
    """Remembers trade ids, in bounded memory.

    With ``sequential`` ids a jump that is larger than any outage of that length explains is not believed as
    long as one trade alone makes it: that trade is new, and goes on without its id; the others go on from
    where they were. A second trade that follows it shows that the ids do go on from there.

    Parameters
    ----------
    ids
        ``sequential``: ids rise by one a trade, so only the holes below the highest need remembering.
        ``unique``: the newest ``window`` ids are remembered. ``none``: nothing is a duplicate.
    window
        How many ids to remember for ``unique``, and below the first id for ``sequential``.

    Attributes
    ----------
    holes
        For ``sequential``: stretches of ids that were jumped over and have not come since, lowest first.
    highest, highest_ns
        For ``sequential``: the highest id seen and when its trade was made; -1 and 0 before any.
    doubted_above
        The lowest id above the highest that was seen and is not believed.
    on_jump
        Called with each new hole, as soon as it is seen.
    on_doubt
        Called with each trade whose id is not believed.
    nameless
        Whether trades came that have no id: nothing is known of these here.

    Examples
    --------
    >>> seen = Duplicates("sequential")
    >>> rows = [(0, 1.0, 1.0, 1, 0, i) for i in (5, 6, 6, 9, 8)]
    >>> fresh, again = seen.split(rows)
    >>> [row[5] for row in fresh], [row[5] for row in again], [list(hole.ids) for hole in seen.holes]
    ([5, 6, 9, 8], [6], [[7]])
    """

    __slots__ = (
        "__weakref__",
        "_doubted",
        "_first",
        "_given_up",
        "_gone_ns",
        "_kept",
        "_order",
        "_seen",
        "_spans",
        "_times",
        "_window",
        "doubted_above",
        "highest",
        "highest_ns",
        "holes",
        "ids",
        "nameless",
        "on_doubt",
        "on_jump",
    )

    def __init__(
        self, ids: Literal["sequential", "unique", "none"] = "sequential", window: int = 100_000
    ) -> None:
        self.ids = ids
        self.holes: list[Hole] = []
        self.on_jump: Callable[[Hole], None] | None = None
        self.on_doubt: Callable[[TradeRow], None] | None = None
        self._window = window
        self._first: TradeRow | None = None
        self.highest = -1
        self.highest_ns = 0
        # Holes that nobody asks for any more: what comes by itself is new all the same.
        self._given_up: list[Hole] = []
        # By id: the trades that are not believed to have theirs; and the lowest of these above the highest.
        self._doubted: dict[int, TradeRow] = {}
        self.doubted_above = _TOO_HIGH
        self.nameless = ids == "none"
        self._seen: set[int] = set()
        # The window, oldest first: ids, and when their trades were made.
        self._order: deque[int] = deque()
        self._times: deque[int] = deque()
        self._gone_ns = -(2**63)
        # Stretches of market time whose ids stay: since when that is so, and until when.
        self._spans: list[tuple[int, int]] = []
        self._kept: list[tuple[int, int]] = []

    @property
    def first(self) -> int:
        """The id seen first with sequential ids, -1 before any."""
        return -1 if self._first is None else self._first[5]

    @property
    def first_ns(self) -> int:
        """When the trade with that id was made, -1 before any."""
        return -1 if self._first is None else self._first[0]

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the rows that are new, and those whose id was seen before."""
        if not rows or self.take_new(rows):
            return rows, []
        fresh: list[TradeRow] = []
        again: list[TradeRow] = []
        is_sequential, doubted = self.ids == "sequential", self._doubted
        check = self._is_new_sequential if is_sequential else self._is_new_unique
        for row in rows:
            number = row[5]
            if number < 0:
                self.nameless = True
                fresh.append(row)
            elif not check(row):
                again.append(row)
            elif number >= _TOO_HIGH or (doubted and number in doubted):
                unnamed = (*row[:5], -1)
                fresh.append(MarkedTrade.of(unnamed, marks) if (marks := marks_of(row)) else unnamed)
            else:
                fresh.append(row)
        if len(self._order) > self._window:
            self._slide()
        return fresh, again

    def take_new(self, rows: Sequence[TradeRow]) -> bool:
        """Take rows that one glance shows to be new, as nearly all are: with the next ids, or others.

        Returns
        -------
        bool
            False where they need a closer look, which `split` takes: nothing is remembered of them then.

        Examples
        --------
        >>> seen = Duplicates("unique")
        >>> rows = [(0, 1.0, 1.0, 1, 0, number) for number in (5, 9, 9)]
        >>> seen.take_new(rows[:2]), seen.take_new(rows[2:])
        (True, False)
        """
        if self.ids == "none":
            return True
        if self.ids == "sequential":
            number, last = self.highest, rows[-1]
            if last[5] != number + len(rows) or last[5] >= self.doubted_above:
                return False
            for row in rows if len(rows) > 1 else ():
                number += 1
                if row[5] != number:
                    return False
            self.highest, self.highest_ns = last[5], last[0]
            if self._first is None:
                self._first = rows[0]
            return True
        numbers = [row[5] for row in rows]
        new = set(numbers)
        if len(new) < len(rows) or min(new) < 0 or max(new) >= _TOO_HIGH or not new.isdisjoint(self._seen):
            return False
        self._seen |= new
        self._order += numbers
        self._times += [row[0] for row in rows]
        if len(self._order) > self._window:
            self._slide()
        return True

    def note_renamed(self, row: TradeRow) -> None:
        """Note that a trade that came is known by another id now, where ids only differ.

        Examples
        --------
        >>> seen = Duplicates("unique")
        >>> seen.note_renamed((5, 1.0, 1.0, 1, 0, 12))
        >>> seen.split([(5, 1.0, 1.0, 1, 0, 12)])[0]
        []
        """
        if self.ids == "unique" and row[5] >= 0:
            self._is_new_unique(row)

    def has_name(self, row: TradeRow) -> bool:
        """Return whether a trade is known by its id."""
        return self.ids != "none" and row[5] >= 0

    def is_known(self, row: TradeRow) -> bool:
        """Return whether a trade was seen, where ids only differ; nothing is remembered."""
        return row[5] in self._seen

    def decides(self, row: TradeRow) -> bool:
        """Return whether a trade with an id that is not known did not come: else it may have been forgotten.

        Examples
        --------
        >>> seen = Duplicates("unique", window=2)
        >>> rows = [(at, 1.0, 1.0, 1, 0, 7 * at) for at in (1, 2, 3, 4)]
        >>> seen.split(rows)[1], [seen.is_known(row) for row in rows], [seen.decides(row) for row in rows]
        ([], [False, False, True, True], [False, False, True, True])
        """
        at = row[0]
        return at > self._gone_ns or any(since <= at <= end for since, end in self._spans)

    def keep(self, spans: Sequence[tuple[int, int]]) -> None:
        """Remember the ids of trades made in some stretches although they leave the window.

        As many as the window has at most: what an outage cost is asked for long, but not for ever.

        Parameters
        ----------
        spans
            First and last instant of each: all that are wanted from now on.
        """
        self._spans = [(self._certain_from(low, high), high) for low, high in spans]
        kept, self._kept = self._kept, []
        for number, at in kept:
            self._forget_or_keep(number, at)

    def _certain_from(self, low: int, high: int) -> int:
        """Return since when none was forgotten of a stretch, which may be wanted already or in part."""
        certain = [max(low, since) for since, end in self._spans if min(high, self._gone_ns) <= end]
        return min([*certain, max(low, self._gone_ns + 1)])

    def _slide(self) -> None:
        """Forget what is older than the window."""
        order, times = self._order, self._times
        if self._spans:
            for _ in range(len(order) - self._window):
                self._forget_or_keep(order.popleft(), times.popleft())
            return
        gone = range(len(order) - self._window)
        self._seen.difference_update([order.popleft() for _ in gone])
        self._gone_ns = max(self._gone_ns, *(times.popleft() for _ in gone))

    def _forget_or_keep(self, number: int, at: int) -> None:
        if self._spans and any(since <= at <= end for since, end in self._spans):
            if len(self._kept) < self._window:
                self._kept.append((number, at))
                return
            # Too many for certainty: from here on nothing is known of them.
            self._spans = [(max(since, at + 1), end) for since, end in self._spans]
        self._seen.discard(number)
        self._gone_ns = max(self._gone_ns, at)

    @property
    def _alone(self) -> TradeRow | None:
        """The first trade where it alone says where the ids are."""
        return self._first if self.first == self.highest else None

    def _is_new_sequential(self, row: TradeRow) -> bool:
        number = row[5]
        if number in self._doubted:
            # What is not believed to name anything names no other trade either.
            return row != self._doubted[number]
        if self._first is None and number < _TOO_HIGH:
            self._first = row
        elif self._first is None or number >= _TOO_HIGH:
            return self._doubt(row)
        elif number <= self.highest:
            if number >= self._first[5]:
                return self._fills(row)
            alone = self._alone
            is_odd = alone is not None and not _is_near(row, alone)
            return self._doubt(row) if is_odd else self._is_new_unique(row)
        elif not _explains(row[0] - self.highest_ns, number - self.highest - 1):
            return self._doubt(row)
        self._go_on_to(number, row[0])
        return True

    def _doubt(self, row: TradeRow) -> bool:
        """Take a trade whose id is far from all others, unless it follows another one of these."""
        number = row[5]
        for other in self._doubted.values():
            if number < _TOO_HIGH and other[5] < _TOO_HIGH and _follows(row, other):
                self._believe(*sorted((row, other), key=lambda one: one[5]))
                return True
        self._doubted[number] = row
        if len(self._doubted) > _DOUBTED_KEPT:
            del self._doubted[next(iter(self._doubted))]
        self._look_above()
        if self.on_doubt is not None:
            self.on_doubt(row)
        return True

    def _believe(self, low: TradeRow, high: TradeRow) -> None:
        """Go on from two trades that follow each other."""
        for row in (low, high):
            self._doubted.pop(row[5], None)
        missing = low[5] - self.highest - 1
        if 0 <= missing <= _LOST_AT_MOST or (missing > 0 and _explains(low[0] - self.highest_ns, missing)):
            self._go_on_to(low[5], low[0])
        elif (alone := self._alone) is not None:
            # The one that came first was the odd one.
            self._doubted[alone[5]] = alone
            self._first = low
            self.highest, self.highest_ns = low[5], low[0]
        else:
            self._give_up([Hole(self.highest, self.highest_ns, low[5], low[0])])
            self.highest, self.highest_ns = low[5], low[0]
        self._go_on_to(high[5], high[0])

    def _go_on_to(self, number: int, at_ns: int) -> None:
        """Take an id for the highest; those below it that were doubted are right then."""
        if not self._doubted:
            self._step_to(number, at_ns)
            return
        for one in sorted(one for one in self._doubted if self.highest < one < number):
            self._step_to(one, self._doubted.pop(one)[0])
        self._step_to(number, at_ns)
        while self.highest + 1 in self._doubted:
            self._step_to(self.highest + 1, self._doubted.pop(self.highest + 1)[0])
        self._look_above()

    def _look_above(self) -> None:
        self.doubted_above = min((one for one in self._doubted if one > self.highest), default=_TOO_HIGH)

    def _step_to(self, number: int, at_ns: int) -> None:
        if number > self.highest + 1 and self.first != number:
            self._jump(Hole(self.highest, self.highest_ns, number, at_ns))
        self.highest, self.highest_ns = number, at_ns

    def _jump(self, hole: Hole) -> None:
        self.holes.append(hole)
        if len(self.holes) > _HOLES_KEPT:
            del self.holes[0]
        if self.on_jump is not None:
            self.on_jump(hole)

    def _fills(self, row: TradeRow) -> bool:
        return _fill(self.holes, row) or _fill(self._given_up, row)

    def _give_up(self, holes: Sequence[Hole]) -> None:
        for hole in holes:
            bisect.insort(self._given_up, hole)
        del self._given_up[:-_HOLES_KEPT]

    def believed(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Return those trades of the history whose ids may be believed; nothing is remembered.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> rows = [(0, 1.0, 1.0, 1, 0, i) for i in (5, 6, 2**62, 7)]
        >>> seen.split(rows[:2])[1], [row[5] for row in seen.believed(rows)]
        ([], [5, 6, 7])
        """
        check = Duplicates("sequential")
        check._first, check.highest, check.highest_ns = self._first, self.highest, self.highest_ns
        check.split(sorted(row for row in rows if row[5] >= 0))
        doubted = set(check._doubted)
        if (first := check._first) is not None:
            doubted |= {row[5] for row in rows if 0 <= row[5] < first[5] and not _is_near(row, first)}
        return [row for row in rows if row[5] not in doubted] if doubted else rows

    def is_held(self, trade_id: int) -> bool:
        """Return whether a trade with an id came, where ids rise by one a trade.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> _ = seen.split([(0, 1.0, 1.0, 1, 0, i) for i in (5, 8)])
        >>> [number for number in range(10) if seen.is_held(number)]
        [5, 8]
        """
        return 0 <= self.first <= trade_id <= self.highest and self.hole_of(trade_id) is None

    def hole_of(self, trade_id: int) -> Hole | None:
        """Return the hole that an id is in; None where it is in none."""
        return _hole_in(self.holes, trade_id)

    def neighbours_of(self, row: TradeRow) -> Hole | None:
        """Return the hole that a trade fills that comes by itself; None where it fills none.

        One that nobody asks for any more counts too, and so does what is before the first id.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> seen.split([(50, 1.0, 1.0, 1, 0, 7)])[1]
        []
        >>> seen.neighbours_of((40, 1.0, 1.0, 1, 0, 6))
        Hole(low_id=-1, low_ns=0, high_id=7, high_ns=50)
        """
        number, first = row[5], self._first
        if number in self._doubted:
            return None
        if first is not None and 0 <= number < first[5]:
            is_new = number not in self._seen and _is_near(row, first)
            return Hole(-1, 0, first[5], first[0]) if is_new else None
        return _hole_in(self.holes, number) or _hole_in(self._given_up, number)

    def holes_between(self, low_id: int, high_id: int) -> list[Hole]:
        """Return the holes with both neighbours in ``[low_id, high_id]``."""
        at = bisect.bisect_left(self.holes, low_id, key=_low_id)
        end = bisect.bisect_left(self.holes, high_id, key=_low_id)
        return self.holes[at:end]

    def forget(self, low_id: int, high_id: int) -> None:
        """Give up what is missing between two ids: nobody asks for it any more.

        A trade that comes by itself is new all the same.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> rows = [(0, 1.0, 1.0, 1, 0, i) for i in (5, 8, 6, 6)]
        >>> _ = seen.split(rows[:2])
        >>> seen.forget(5, 8)
        >>> seen.holes, [row[5] for row in seen.split(rows[2:])[1]]
        ([], [6])
        """
        at = bisect.bisect_left(self.holes, low_id, key=_low_id)
        end = bisect.bisect_left(self.holes, high_id, key=_low_id)
        self._give_up(self.holes[at:end])
        del self.holes[at:end]

    def reopen(self, first: int, before_ns: int) -> None:
        """Take the ids from ``first`` up to the one seen first for missing; does nothing before any.

        Parameters
        ----------
        before_ns
            No trade of them was made before it.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> seen.split([(50, 1.0, 1.0, 1, 0, 7)])[1]
        []
        >>> seen.reopen(5, 20)
        >>> seen.first, [list(hole.ids) for hole in seen.holes]
        (5, [[5, 6]])
        """
        old = self._first
        if old is None or first >= old[5]:
            return
        begin = (before_ns, 0.0, 0.0, 0, 0, first)
        if self._alone is not None and not _is_near(begin, old):
            # Of the two it is the one that nothing else speaks for.
            self._doubted[old[5]] = old
            self._first, self.highest, self.highest_ns = None, -1, 0
            self._look_above()
            return
        # No trade was before them.
        self.holes.insert(0, Hole(first - 1, 0, old[5], old[0]))
        self._first = begin
        for number in sorted(number for number in self._seen if first <= number < old[5]):
            self._fills((before_ns, 0.0, 0.0, 0, 0, number))

    def begin_anew(self) -> None:
        """Forget the ids of all trades that came: those that come next are numbered otherwise.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> _ = seen.split([(0, 1.0, 1.0, 1, 0, i) for i in (5, 8)])
        >>> seen.begin_anew()
        >>> seen.holes, [row[5] for row in seen.split([(0, 1.0, 1.0, 1, 0, 6)])[0]]
        ([], [6])
        """
        self._first, self.highest, self.highest_ns = None, -1, 0
        self.doubted_above = _TOO_HIGH
        for held in (
            self.holes,
            self._given_up,
            self._doubted,
            self._seen,
            self._order,
            self._times,
            self._kept,
        ):
            held.clear()

    def _is_new_unique(self, row: TradeRow) -> bool:
        trade_id = row[5]
        if trade_id in self._seen:
            return False
        self._seen.add(trade_id)
        self._order.append(trade_id)
        self._times.append(row[0])
        return True


def _hole_in(holes: Sequence[Hole], number: int) -> Hole | None:
    at = bisect.bisect_left(holes, number, key=_low_id) - 1
    return holes[at] if at >= 0 and number < holes[at].high_id else None


def _fill(holes: list[Hole], row: TradeRow) -> bool:
    """Take a trade's id out of the hole it is in; return whether it is in one."""
    number = row[5]
    at = bisect.bisect_left(holes, number, key=_low_id) - 1
    if at < 0 or number >= holes[at].high_id:
        return False
    hole = holes[at]
    below = Hole(hole.low_id, hole.low_ns, number, row[0])
    above = Hole(number, row[0], hole.high_id, hole.high_ns)
    holes[at : at + 1] = [part for part in (below, above) if part.high_id - part.low_id > 1]
    return True
