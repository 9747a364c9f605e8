"""Which bars of a timeframe are new, or others than before, for whoever keeps them elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mdnb.stores.bars import BarStore
from mdnb.stores.columns import BarColumns, columns_from_rows, nth_of_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BarChanges", "BarWatch"]

_NONE = np.empty(0, dtype=np.int64)
_ARRAYS = ("open", "high", "low", "close", "volume", "vwap", "tick_count", "closed_us")


class BarChanges(NamedTuple):
    """Bars that are new or others, or none any more.

    Attributes
    ----------
    columns
        The bars.
    nth
        int64, shape (n,): which of the bars of its start each is.
    gone
        Whether they are none any more.
    """

    columns: BarColumns
    nth: NDArray[np.int64]
    gone: bool


class BarWatch:
    """Watches the closed bars of one timeframe, those that leave memory too.

    What was told is known by a sum of each bar, so a change is found whoever made it. All is done under the
    lock of the symbol.

    Parameters
    ----------
    log
        The bars.

    Attributes
    ----------
    is_new
        Whether nothing was told yet, and nobody knows what is kept already.
    """

    def __init__(self, log: BarStore) -> None:
        self.log = log
        self.is_new = True
        self._next = 0
        self._generation = -1
        # Of bars that were told, by their places: start, which of its start, and the sum.
        self._known: list[NDArray[np.int64]] = [_NONE, _NONE, _NONE]
        self._tail: list[tuple[NDArray[np.int64], ...]] = []
        # Start of the last bar that was told, and which of its start it was.
        self._last = 0, -1
        self._left: list[BarChanges] = []
        # How many bars of the start of the last one that left have left.
        self._left_us, self._left_count = 0, 0
        log.on_leave = self._leave

    def close(self) -> None:
        """Watch no more."""
        self.log.on_leave = None

    def seed(self, columns: BarColumns) -> None:
        """Take bars for told: they are kept as they are."""
        self.is_new = False
        self._tail.append((columns.time_us, nth_of_start(columns.time_us), _sums(columns)))
        left, self._left = self._left, []
        for change in left:
            self._leave_untold(change.columns, change.nth)

    @property
    def has_changed(self) -> bool:
        """Whether bars that were told may be others now: to find out which takes longer than what is new."""
        return self.log.generation != self._generation

    def forget_left(self) -> None:
        """Forget the bars that have left memory and were not asked for."""
        self._left.clear()

    def changes(self) -> list[BarChanges]:
        """Return what is new since this was asked last, in order."""
        log = self.log
        if not self._left and log.generation == self._generation and log.total == self._next:
            return []
        count = len(log)  # asked, it lets go of those beyond its limit
        if log.generation == self._generation:
            first = max(0, self._next - log.evicted)
            found = [self._told(log.columns(first, count))] if first < count else []
        else:
            found = self._compared(log.columns(0, count))
        self._generation, self._next = log.generation, log.total
        self.is_new = False
        left, self._left = self._left, []
        return [*left, *found]

    def _told(self, columns: BarColumns) -> BarChanges:
        nth = self._nth(columns.time_us)
        self._tail.append((columns.time_us, nth, _sums(columns)))
        self._note_last(columns.time_us, nth)
        return BarChanges(columns, nth, gone=False)

    def _note_last(self, time_us: NDArray[np.int64], nth: NDArray[np.int64]) -> None:
        if len(time_us):
            self._last = int(time_us[-1]), int(nth[-1])

    def _nth(self, time_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the bars of its start each is; those before the first one have been told."""
        nth = nth_of_start(time_us)
        if len(time_us) and time_us[0] == self._last[0]:
            nth[time_us == time_us[0]] += self._last[1] + 1
        return nth

    def _compared(self, columns: BarColumns) -> list[BarChanges]:
        """Return which bars of memory are others than those that were told, and which are none any more."""
        time, nth, sums = self._all_known()
        own_time, own_nth, own_sums = columns.time_us, nth_of_start(columns.time_us), _sums(columns)
        if len(own_time) and self._left_count and own_time[0] == self._left_us:
            own_nth[own_time == own_time[0]] += self._left_count
        most = 1 + max(own_nth.max(initial=0), nth.max(initial=0), self._left_count)
        # A number for each bar that orders by start, then by which of its start it is.
        own, known = own_time * most + own_nth, time * most + nth
        # Of one told twice the later one counts.
        order = np.argsort(known, kind="stable")
        known, sums = known[order], sums[order]
        at = np.searchsorted(known, own, side="right") - 1
        same = at >= 0
        same[same] = known[at[same]] == own[same]
        same[same] = sums[at[same]] == own_sums[same]
        found = []
        if self._generation >= 0:
            # Those that have left memory are not among its own, and are what they were.
            stays = known < self._left_us * most + self._left_count if self._left_count else known < known
            gone = np.unique(known[~np.isin(known, own) & ~stays])
            if len(gone):
                rows = [(int(key // most) * 1000, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0) for key in gone]
                found.append(BarChanges(columns_from_rows(rows), gone % most, gone=True))
        if not same.all():
            found.append(BarChanges(columns.where(~same), own_nth[~same], gone=False))
        self._known, self._tail = [own_time, own_nth, own_sums], []
        self._note_last(own_time, own_nth)
        return found

    def _all_known(self) -> list[NDArray[np.int64]]:
        parts = [self._known, *self._tail]
        self._known, self._tail = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)], []
        return self._known

    def _leave(self, columns: BarColumns, first: int) -> None:
        """Take bars that leave memory before anybody asked for them."""
        log = self.log
        if log.generation != self._generation >= 0 and len(log):
            # While they are there: later nobody can tell those that left from those that were taken out.
            self._left += self._compared(log.columns(0, len(log)))
            self._generation, self._next = log.generation, log.evicted + len(log)
        if len(columns):
            last = int(columns.time_us[-1])
            count = len(columns) - int(np.searchsorted(columns.time_us, last))
            self._left_count = count + (
                self._left_count if last == self._left_us == columns.time_us[0] else 0
            )
            self._left_us = last
        if log.generation != self._generation:
            self._leave_untold(columns, nth_of_start(columns.time_us))
        elif first + len(columns) > self._next:
            self._left.append(self._told(columns.part(max(0, self._next - first), len(columns))))
            self._next = first + len(columns)
        if sum(len(part[0]) for part in self._tail) > 2 * log.limit:
            self._known = [array[-log.limit :] for array in self._all_known()]

    def _leave_untold(self, columns: BarColumns, nth: NDArray[np.int64]) -> None:
        """Take bars that leave before anything was asked for, but those that are kept just so."""
        _, known_nth, known_sums = self._all_known()
        is_new = ~np.isin(_places(nth, _sums(columns)), _places(known_nth, known_sums))
        if is_new.any():
            self._left.append(BarChanges(columns.where(is_new), nth[is_new], gone=False))


def _places(nth: NDArray[np.int64], sums: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return sums of bars that differ, too, where these are different ones of a start."""
    return sums.view(np.uint64) + nth.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _sums(columns: BarColumns) -> NDArray[np.int64]:
    """Return a sum of each bar that differs where anything in it does, as good as surely."""
    total = _mixed(columns.time_us.view(np.uint64))
    for name in _ARRAYS:
        total = _mixed(total ^ np.ascontiguousarray(getattr(columns, name)).view(np.uint64))
    return _mixed(total ^ columns.flags).view(np.int64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return other numbers for numbers: no two the same, and each bit of one changes half of all bits."""
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    # Whole prices differ in the highest bits alone, which a product moves nowhere.
    return values ^ (values >> np.uint64(32))
