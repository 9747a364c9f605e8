"""Whether the updates of an order book follow each other, by the venue's own numbers and checksums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mdnb.rows import BookSum, DepthUpdate, Levels

__all__ = ["BookOrder", "Verdict"]

_MOST_OLD = 200
"""In a row; more are no leftovers of before a snapshot."""

Verdict = Literal["apply", "old", "broken"]


class BookOrder:
    """Judges the updates of one book, in the order in which they came.

    A venue that numbers its updates says of each which one it follows. One that follows what never came means
    that the book is not the venue's any more, and no further change makes it so: only a snapshot does.

    Parameters
    ----------
    sums
        What the venue's checksum is of bids and asks, best first. Several where it is not known by which of
        them it goes: it is one that the first whole book adds up to. None where it has no checksum.

    Attributes
    ----------
    reason
        Why the book broke last.
    breaks
        How often it did.
    is_broken
        Whether it did and no snapshot came since; a hole in one that began without is where another begins.
    is_whole
        Whether it began with a snapshot: a sum says nothing of one that did not.

    Examples
    --------
    >>> order = BookOrder()
    >>> order.judge(DepthUpdate(0, True, [], [], last_id=7))
    'apply'
    >>> order.judge(DepthUpdate(0, False, [], [], previous_id=7, last_id=9))
    'apply'
    >>> order.judge(DepthUpdate(0, False, [], [], previous_id=11, last_id=12)), order.reason
    ('broken', 'an update follows number 11, and the newest that came is 9')
    >>> order.judge(DepthUpdate(0, False, [], [], previous_id=12, last_id=13))
    'old'
    """

    def __init__(self, sums: BookSum | Sequence[BookSum] | None = None) -> None:
        self.reason = ""
        self.breaks = 0
        self.is_broken = self.is_whole = False
        self._sums = () if sums is None else (sums,) if callable(sums) else tuple(sums)
        self._last_id = -1
        self._old_in_a_row = 0

    def judge(self, update: DepthUpdate) -> Verdict:
        """Return whether an update is to be applied, is of before what is held, or shows that one is missing.

        After a break everything is ``old`` until a snapshot comes.
        """
        if update.snapshot:
            self.is_broken, self._last_id, self._old_in_a_row = False, update.last_id, 0
            self.is_whole = True
            return "apply"
        if self.is_broken or update.is_torn:
            return "old" if self.is_broken else self.tear("a change of it could not be read")
        follows = update.previous_id >= 0 and update.previous_id == self._last_id
        # A venue may begin to count anew, and says so by what the update follows.
        if update.last_id >= 0 and self._last_id >= 0 and not follows:
            if update.last_id <= self._last_id:
                self._old_in_a_row += 1
                if self._old_in_a_row > _MOST_OLD:
                    return self._break(
                        f"updates have numbers up to {update.last_id}, and what is held has {self._last_id}"
                    )
                return "old"
            if update.previous_id > self._last_id:
                reason = (
                    f"an update follows number {update.previous_id},"
                    f" and the newest that came is {self._last_id}"
                )
                self._break(reason)
                # To one that began without a snapshot none may ever come: with this one another begins.
                self.is_broken, self._last_id = self.is_whole, update.last_id
                return "broken"
        self._old_in_a_row = 0
        self._last_id = update.last_id
        return "apply"

    def tear(self, reason: str) -> Verdict:
        """Note that something of what came is missing in the book."""
        self._break(reason)
        # To one that began without a snapshot none may ever come: behind this another begins.
        self.is_broken, self._last_id = self.is_whole, -1
        return "broken"

    def lack(self, reason: str) -> str:
        """Note that a level of a whole book, now applied, could not be used; return why.

        It counts as a break, though the other levels are the venue's, and changes of them are to be applied.
        """
        self.reason = reason
        self.breaks += 1
        return reason

    def agrees(self, update: DepthUpdate, bids: Levels, asks: Levels) -> bool:
        """Return whether the book adds up to what an update, now applied, says; a break if not."""
        if update.checksum < 0 or not self._sums:
            return True
        found = [made(bids, asks) for made in self._sums]
        if update.checksum in found:
            if len(found) > 1:
                self._sums = tuple(
                    made for made, one in zip(self._sums, found, strict=True) if one == update.checksum
                )
            return True
        own = f"is {found[0]}" if len(found) == 1 else "is another, however its numbers are written"
        self._break(f"its checksum {own}, and the venue's {update.checksum}")
        return False

    def can_check(self, update: DepthUpdate) -> bool:
        """Return whether what is held can be checked against the sum of an update."""
        return update.checksum >= 0 and bool(self._sums) and self.is_whole

    def forget(self) -> None:
        """Begin anew: the connection was lost, or the channel given up."""
        self._last_id, self.is_broken, self._old_in_a_row = -1, False, 0
        self.is_whole = False

    def _break(self, reason: str) -> Verdict:
        self.is_broken, self.reason = True, reason
        self.breaks += 1
        return "broken"
