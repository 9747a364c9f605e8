"""Whether the updates of an order book follow each other, by the venue's own numbers and checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mdnb.rows import DepthUpdate, Levels

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
    checksum
        What the venue's checksum is of bids and asks, best first; None where it has none.

    Attributes
    ----------
    reason
        Why the book broke last.
    breaks
        How often it did.
    is_broken
        Whether it did and no snapshot came since.

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

    def __init__(self, checksum: Callable[[Levels, Levels], int] | None = None) -> None:
        self.reason = ""
        self.breaks = 0
        self.is_broken = False
        self._checksum = checksum
        self._last_id = -1
        self._old_in_a_row = 0

    def judge(self, update: DepthUpdate) -> Verdict:
        """Return whether an update is to be applied, is of before what is held, or shows that one is missing.

        After a break everything is ``old`` until a snapshot comes.
        """
        if update.snapshot:
            self.is_broken, self._last_id, self._old_in_a_row = False, update.last_id, 0
            return "apply"
        if self.is_broken:
            return "old"
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
                return self._break(
                    f"an update follows number {update.previous_id},"
                    f" and the newest that came is {self._last_id}"
                )
        self._old_in_a_row = 0
        self._last_id = update.last_id
        return "apply"

    def agrees(self, update: DepthUpdate, bids: Levels, asks: Levels) -> bool:
        """Return whether the book adds up to what an update, now applied, says; a break if not."""
        if update.checksum < 0 or self._checksum is None:
            return True
        found = self._checksum(bids, asks)
        if found == update.checksum:
            return True
        self._break(f"its checksum is {found}, and the venue's {update.checksum}")
        return False

    @property
    def has_checksum(self) -> bool:
        """Whether what is held can be checked against the venue's sum."""
        return self._checksum is not None

    def forget(self) -> None:
        """Begin anew: the connection was lost, or the channel given up."""
        self._last_id, self.is_broken, self._old_in_a_row = -1, False, 0

    def _break(self, reason: str) -> Verdict:
        self.is_broken, self.reason = True, reason
        self.breaks += 1
        return "broken"
