"""What closed bars were before they changed, so that a past moment can be read as it was."""

from __future__ import annotations

import collections
import copy
import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.stores.columns import AMENDED, REPAIRING, BarColumns, find_bars, join_columns, nth_of_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Added", "Amendment", "Amendments", "Changes", "Marked", "Overwritten", "Replaced"]

_KEPT = 10_000
_NS_PER_US = 1000
_NOTHING_LOST = -(2**63)


class Amendment(NamedTuple):
    """A closed bar as it was until an instant (UTC epoch microseconds)."""

    known_us: int
    row: BarRow
    flags: int


class Replaced(NamedTuple):
    """The closed bars that stood, until an instant, where others stand now: from some bar on.

    Which bar that is, its ordinal tells: of one instant several may begin, where trades make them.
    """

    known_us: int
    first: int
    former: BarColumns


class Overwritten(NamedTuple):
    """Closed bars as they were until an instant, when those of a file took their places.

    `nth` tells which of the bars of its start each is.
    """

    known_us: int
    former: BarColumns
    nth: NDArray[np.int64]


class Marked(NamedTuple):
    """Closed bars as they were until an instant, when flags changed; `nth` as of `Overwritten`."""

    known_us: int
    former: BarColumns
    nth: NDArray[np.int64]


class Added(NamedTuple):
    """The starts of bars that an import put where none was, at an instant; `nth` as of `Overwritten`.

    Who read between `began_us` and that instant did not find them.
    """

    known_us: int
    began_us: int
    time_us: NDArray[np.int64]
    nth: NDArray[np.int64]


_Change: TypeAlias = "Amendment | Replaced | Overwritten | Marked | Added"


class Changes(NamedTuple):
    """Changes of single closed bars, oldest first; what was before `lost_us` is not told."""

    kept: tuple[Amendment, ...]
    lost_us: int = -(2**63)


class Amendments:
    """The newest changes of one timeframe's closed bars.

    Parameters
    ----------
    limit
        How many are kept; what was before the oldest one cannot be read any more.

    Examples
    --------
    >>> from mdnb.stores.columns import columns_from_rows
    >>> was, now = ((60_000_000_000, 1.0, high, 1.0, 1.5, 10.0, 3, 12.5) for high in (2.0, 3.0))
    >>> log = Amendments()
    >>> log.note(200_000_000, was, 0)
    >>> [log.undo(columns_from_rows([now]), us).high.tolist() for us in (199_999_999, 200_000_000)]
    [[2.0], [3.0]]
    """

    def __init__(self, limit: int = _KEPT) -> None:
        self._kept: collections.deque[_Change] = collections.deque(maxlen=limit)
        self._lost_us = self._untold_us = _NOTHING_LOST
        self._why_lost = f"more than {limit:,} closed bars were amended since then"

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, known_us: int, row: BarRow, flags: int) -> None:
        """Note what a bar was before it changed; 0 is no time, and nothing is noted."""
        if known_us:
            self._keep(Amendment(known_us, row, flags))

    def note_replaced(self, known_us: int, first: int, former: BarColumns) -> None:
        """Note which bars stood, from an ordinal on, where others do from now on; 0 as for `note`."""
        if known_us and len(former):
            self._keep(Replaced(known_us, first, former))

    def note_overwritten(
        self, known_us: int, former: BarColumns, nth: NDArray[np.int64] | None = None
    ) -> None:
        """Note what bars were, and when they closed, before others took their places.

        At 0, no time, nobody can have read them: nothing is noted, and what they were earlier is forgotten.
        """
        if known_us and len(former):
            self._keep(Overwritten(known_us, former, nth_of_start(former.time_us) if nth is None else nth))
        elif len(former):
            gone = {us * _NS_PER_US for us in former.time_us.tolist()}
            left = (one for one in self._kept if not isinstance(one, Amendment) or one.row[0] not in gone)
            self._kept = collections.deque(left, maxlen=self._kept.maxlen)

    def note_marked(self, known_us: int, former: BarColumns, nth: NDArray[np.int64]) -> None:
        """Note what bars were before their flags changed; 0 as for `note`."""
        if known_us and len(former):
            self._keep(Marked(known_us, former, nth))

    def note_added(
        self, known_us: int, began_us: int, time_us: NDArray[np.int64], nth: NDArray[np.int64]
    ) -> None:
        """Note which bars were put where none was: from an instant on nobody read them. 0 as for `note`."""
        if known_us > began_us and len(time_us):
            self._keep(Added(known_us, began_us, time_us, nth))

    def shift(self, count: int) -> None:
        """Count on: so many older bars were put before those that are held."""
        if count:
            moved = [
                one._replace(first=one.first + count) if isinstance(one, Replaced) else one
                for one in self._kept
            ]
            self._kept = collections.deque(moved, maxlen=self._kept.maxlen)

    def set_back(self, since_us: int, by_us: int) -> None:
        """Let what was noted at an instant or later have been so much earlier, as of `BarStore.set_back`.

        Examples
        --------
        >>> log = Amendments()
        >>> log.note(200_000_000, (60_000_000_000, 1.0, 2.0, 1.0, 1.5, 10.0, 3, 12.5), 0)
        >>> log.set_back(150_000_000, 90_000_000)
        >>> [one.known_us for one in log.changes().kept]
        [110000000]
        """

        def earlier(us: int) -> int:
            return us - by_us if us >= since_us else us

        def moved(change: _Change) -> _Change:
            known_us = earlier(change.known_us)
            if isinstance(change, Amendment):
                return change._replace(known_us=known_us)
            if isinstance(change, Added):
                return change._replace(known_us=known_us, began_us=earlier(change.began_us))
            closed = change.former.closed_us
            closed = np.where(closed >= since_us, closed - by_us, closed)
            return change._replace(
                known_us=known_us, former=dataclasses.replace(change.former, closed_us=closed)
            )

        kept = sorted(map(moved, self._kept), key=lambda one: one.known_us)
        self._kept = collections.deque(kept, maxlen=self._kept.maxlen)
        self._lost_us, self._untold_us = earlier(self._lost_us), earlier(self._untold_us)

    def copy(self) -> Amendments:
        """Return another log of the same changes."""
        made = copy.copy(self)
        made._kept = self._kept.copy()
        return made

    def redate(self, was_us: int, now_us: int) -> None:
        """Let what was noted at an instant be of a later one, before which nobody could read it.

        Examples
        --------
        >>> log = Amendments()
        >>> log.note(200_000_000, (60_000_000_000, 1.0, 2.0, 1.0, 1.5, 10.0, 3, 12.5), 0)
        >>> log.redate(200_000_000, 200_000_005)
        >>> [one.known_us for one in log.changes().kept]
        [200000005]
        """
        if was_us == now_us:
            return
        kept = [one._replace(known_us=now_us) if one.known_us == was_us else one for one in self._kept]
        self._kept = collections.deque(kept, maxlen=self._kept.maxlen)
        self._lost_us, self._untold_us = (
            now_us if us == was_us else us for us in (self._lost_us, self._untold_us)
        )

    def starts(self) -> set[int]:
        """Return when the bars begin of which changes are kept; UTC epoch nanoseconds."""
        single = {one.row[0] for one in self._kept if isinstance(one, Amendment)}
        marked = (one.former.time_us for one in self._kept if isinstance(one, Marked))
        return single | _starts_ns(marked)

    def overwritten(self) -> set[int]:
        """Return when the bars begin in whose places others stand now; UTC epoch nanoseconds."""
        return _starts_ns(one.former.time_us for one in self._kept if isinstance(one, Overwritten))

    def added(self) -> set[int]:
        """Return when the bars begin that were put where none was; UTC epoch nanoseconds."""
        return _starts_ns(one.time_us for one in self._kept if isinstance(one, Added))

    def closed_before(self) -> NDArray[np.int64]:
        """Return the starts (us) of the bars of which it is told that they had closed before a late trade."""
        first: dict[int, int] = {}
        for one in self._told():
            first.setdefault(one.row[0] // _NS_PER_US, one.flags)
        return np.array([us for us, flags in first.items() if not flags & AMENDED], dtype=np.int64)

    def _told(self) -> Iterator[Amendment]:
        """Give the changes of which each tells of one bar that its start alone names."""
        for one in self._kept:
            if isinstance(one, Amendment):
                yield one
            elif isinstance(one, Marked) and not one.nth.any():
                yield from _one_by_one(one)

    def changes(self, from_ns: int = -(2**63)) -> Changes:
        """Return the changes of bars that begin at an instant or later.

        Where several bars were replaced at once, or those of a file took their places, what was before it is
        not told. Which ones an import added is not told either. One that was partial for the time being was
        partial, for all who are told of it later.
        """
        told = (one for one in self._told() if one.row[0] >= from_ns)
        kept = tuple(one._replace(flags=one.flags & ~REPAIRING) for one in told)
        at_once = [
            one.known_us
            for one in self._kept
            if isinstance(one, Replaced)
            or (isinstance(one, Marked) and one.nth.any())
            or (isinstance(one, Overwritten) and int(one.former.time_us[-1]) * _NS_PER_US >= from_ns)
        ]
        return Changes(kept, max([self._lost_us, self._untold_us, *at_once]))

    def take(self, changes: Changes, began_us: int = 0) -> None:
        """Keep what others tell of bars, in place of what is kept of the same bars.

        Parameters
        ----------
        began_us
            Since when the bars can have been read here, UTC epoch microseconds: what they were from then on
            is known, whatever is not told of them. 0 where that is not so.
        """
        starts = {one.row[0] for one in changes.kept}
        mine = (one for one in self._kept if not isinstance(one, Amendment) or one.row[0] not in starts)
        merged = sorted([*mine, *changes.kept], key=lambda one: one.known_us)
        over = len(merged) - (self._kept.maxlen or 0)
        if over > 0:
            self._lost_us = max(self._lost_us, merged[over - 1].known_us)
        lost_us = min(changes.lost_us, began_us) if began_us else changes.lost_us
        self._untold_us = max(self._untold_us, changes.lost_us)
        if lost_us > self._lost_us:
            self._lost_us = lost_us
            self._why_lost = (
                "closed bars that were imported had changed since then, and their file does not say how"
            )
        self._kept = collections.deque(merged, maxlen=self._kept.maxlen)

    def _keep(self, change: _Change) -> None:
        if len(self._kept) == self._kept.maxlen:
            self._lost_us = self._kept[0].known_us
        self._kept.append(change)

    def were_replaced(self, as_of_us: int) -> bool:
        """Return whether other bars than those of now may have stood at an instant, or closed otherwise."""
        return any(
            one.known_us > as_of_us and not (isinstance(one, Added) and as_of_us < one.began_us)
            for one in self._kept
            if not isinstance(one, Amendment)
        )

    def undo(self, columns: BarColumns, as_of_us: int) -> BarColumns:
        """Return bars as they were at an instant: what was known later is taken back.

        Parameters
        ----------
        columns
            Those held; all of them where `were_replaced` says so. Which of what comes back was closed then
            is still to be looked at.

        Raises
        ------
        NoDataError
            When more changed since than is kept.
        """
        if as_of_us < self._lost_us:
            raise NoDataError(
                f"{self._why_lost}; how they were is kept from {np.datetime64(self._lost_us, 'us')} UTC on"
            )
        if not self._kept or self._kept[-1].known_us <= as_of_us:
            return columns
        columns = _copied(columns)
        for change in reversed(self._kept):
            if change.known_us <= as_of_us:
                break
            if isinstance(change, Amendment):
                _change_back(columns, change)
            elif isinstance(change, Replaced):
                columns = _copied(_put_back(columns, change))
            elif isinstance(change, Added):
                if as_of_us >= change.began_us:
                    columns = _without(columns, change)
            else:
                has, at = find_bars(columns.time_us, change.former.time_us, change.nth)
                for name in _CHANGING:
                    getattr(columns, name)[at[has]] = getattr(change.former, name)[has]
        return columns


_OF_A_ROW = ("open", "high", "low", "close", "volume", "tick_count", "vwap", "flags")
_CHANGING = (*_OF_A_ROW, "closed_us")


def _starts_ns(arrays: Iterable[NDArray[np.int64]]) -> set[int]:
    return {us * _NS_PER_US for array in arrays for us in array.tolist()}


def _one_by_one(change: Marked) -> Iterator[Amendment]:
    bars = change.former
    turnover = np.where(bars.volume > 0, bars.turnover, 0.0)
    arrays = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.tick_count, turnover)
    columns = (bars.time_us * _NS_PER_US, *arrays)
    rows: list[BarRow] = list(zip(*(column.tolist() for column in columns), strict=True))
    for row, flags in zip(rows, bars.flags.tolist(), strict=True):
        yield Amendment(change.known_us, row, flags)


def _copied(columns: BarColumns) -> BarColumns:
    return dataclasses.replace(columns, **{name: getattr(columns, name).copy() for name in _CHANGING})


def _change_back(columns: BarColumns, change: Amendment) -> None:
    _, row, flags = change
    place = int(np.searchsorted(columns.time_us, row[0] // _NS_PER_US))
    if place < len(columns) and columns.time_us[place] == row[0] // _NS_PER_US:
        _, *values, turnover = row
        vwap = turnover / row[5] if row[5] else np.nan
        for name, value in zip(_OF_A_ROW, (*values, vwap, flags), strict=True):
            getattr(columns, name)[place] = value


def _without(columns: BarColumns, change: Added) -> BarColumns:
    """Return bars without those that were added later; the ordinals of the others are counted on."""
    has, at = find_bars(columns.time_us, change.time_us, change.nth)
    stay = np.ones(len(columns), dtype=bool)
    stay[at[has]] = False
    gone = int(np.count_nonzero(has))
    return dataclasses.replace(columns.where(stay), first=columns.first + gone)


def _put_back(columns: BarColumns, change: Replaced) -> BarColumns:
    """Return bars with those that were replaced later in the place of what stands there now."""
    before = columns.part(0, min(len(columns), max(0, change.first - columns.first)))
    return dataclasses.replace(join_columns([before, change.former]), first=min(columns.first, change.first))
