"""Tells by the first live trades whether the history that was loaded gave trades the ids of the stream."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from mdnb.rows import TradeRow
from mdnb.validate.findings import QualityFinding

__all__ = ["HistorySeam"]

_MILLISECOND = 1_000_000
# What a stream repeats, or sends from before it was subscribed to, is no older.
_REMEMBERED = 20_000
# A trade that comes this many milliseconds later than the newest one loaded is none of these.
_AFTERWARDS = 10_000

# When a trade was made, in milliseconds (times of a history may be finer, or less fine), its price and size.
_What: TypeAlias = tuple[int, float, float]


class HistorySeam:
    """What a history gave before any live trade came: by it the first live ones are judged.

    Parameters
    ----------
    ids
        As `Feed.ids` says: without any nothing is to be judged.
    closer_look
        Has ``history`` in it as long as it is open.

    Attributes
    ----------
    is_open
        Whether live trades have yet to show whose ids the history has, or must be known without these.
    is_told
        Whether it is known that the history numbers trades otherwise.
    until_ns
        When the newest of its trades was made.
    unsure_until_ns
        The same, where its ids were never seen to be the stream's; else None.
    on_other_numbers
        Called when a history is known to number trades otherwise, with the first live trade if it is newer
        than all of the history; else None.

    Examples
    --------
    >>> loaded = [(at * 1_000_000, 100.0 + at, 1.0, 1, 0, 7 + at) for at in (1, 2, 3)]
    >>> for number in (10, 8):
    ...     seam = HistorySeam("sequential", set())
    ...     seam.add(loaded)
    ...     print(seam.shows_other_numbers([(3_000_000, 103.0, 1.0, 1, 0, number)]), seam.is_open)
    False False
    True True
    """

    __slots__ = (
        "_by_id",
        "_closer_look",
        "_highest",
        "_left",
        "ids",
        "is_open",
        "is_told",
        "on_other_numbers",
        "unsure_until_ns",
        "until_ns",
    )

    def __init__(self, ids: Literal["sequential", "unique", "none"], closer_look: set[str]) -> None:
        self.ids = ids
        self.is_open = self.is_told = False
        self._closer_look = closer_look
        self.until_ns = self._highest = -1
        self.unsure_until_ns: int | None = None
        self.on_other_numbers: Callable[[TradeRow | None], None] | None = None
        self._by_id: dict[int, _What] = {}
        # How often each is there that no live trade was yet taken for.
        self._left: collections.Counter[_What] = collections.Counter()

    def add(self, rows: Sequence[TradeRow]) -> None:
        """Take what the history has given."""
        named = [row for row in rows if row[5] >= 0] if self.ids != "none" else []
        for row in named:
            self.until_ns, self._highest = max(self.until_ns, row[0]), max(self._highest, row[5])
            self._by_id[row[5]] = _what(row)
        for number in list(self._by_id)[: max(0, len(self._by_id) - _REMEMBERED)]:
            del self._by_id[number]
        self.is_open = bool(self._by_id)
        if self.is_open:
            self._closer_look.add("history")

    def shows_other_numbers(self, rows: Sequence[TradeRow]) -> bool:
        """Return whether live trades show that the history gave trades other ids; remember what they show."""
        verdict = self._verdict(rows)
        if verdict == "own":
            self._close()
        elif verdict != "open":
            self.unsure_until_ns = self.until_ns
            if verdict == "passed":
                self._close()
        if verdict != "otherwise":
            return False
        self.is_told = True
        self._left.update(self._by_id.values())
        if self.on_other_numbers is not None:
            is_newer = rows[0][0] > self.until_ns and not self._left[_what(rows[0])]
            self.on_other_numbers(rows[0] if is_newer else None)
        return True

    def _verdict(self, rows: Sequence[TradeRow]) -> Literal["own", "otherwise", "passed", "open"]:
        """Return what live trades tell of the ids of the history.

        Returns
        -------
        str
            ``own``: one came with the id that it has in the history. ``otherwise``: that id is another
            trade's, or that trade has another id. ``passed``: what came is newer than all of it. ``open``:
            nothing yet.
        """
        until, whats = self.until_ns // _MILLISECOND, set(self._by_id.values())
        passed, rises = False, self.ids == "sequential"
        for row in rows:
            what, held = _what(row), self._by_id.get(row[5])
            if held == what:
                return "own"
            is_later = what[0] > until
            if held is not None:
                # One that was corrected has another price or size, one told anew another time.
                is_other = held[0] != what[0] and held[1:] != what[1:]
                if is_other and (is_later or what in whats):
                    return "otherwise"
                continue
            follows = row[5] == self._highest + 1
            is_lower = rises and 0 <= row[5] < self._highest
            # Two trades of one instant may be alike but for their ids.
            if (is_later and is_lower) or (what in whats and (what[0] < until or (rises and not follows))):
                return "otherwise"
            # Where ids only differ, a later trade may yet come with one that the history gave to another.
            passed = passed or (is_later if rises else what[0] > until + _AFTERWARDS)
        return "passed" if passed else "open"

    def finding(self, row: TradeRow) -> QualityFinding:
        """Return what is told of a history by whose ids no trade can be known, at a live trade."""
        first, last = min(self._by_id), max(self._by_id)
        sentence = (
            f"the history numbers trades otherwise, {first} to {last} where {row[5]} came: the first trades"
            " are known by their times, prices and sizes, and nothing tells whether one is missing before"
        )
        values = {"first_id": first, "last_id": last, "newest_id": row[5]}
        return QualityFinding("odd_history_ids", sentence, row[0], values)

    def split(self, rows: Sequence[TradeRow]) -> tuple[list[TradeRow], list[TradeRow]]:
        """Return which live trades the history did not have, and which it had, under whatever ids."""
        new: list[TradeRow] = []
        again: list[TradeRow] = []
        for row in rows:
            is_there = self._left[what := _what(row)] > 0
            self._left[what] -= is_there
            (again if is_there else new).append(row)
        if new and new[-1][0] // _MILLISECOND > self.until_ns // _MILLISECOND + _AFTERWARDS:
            self._close()
        return new, again

    def _close(self) -> None:
        self.is_open = False
        self._closer_look.discard("history")
        self._by_id.clear()
        self._left.clear()


def _what(row: TradeRow) -> _What:
    return row[0] // _MILLISECOND, row[1], row[2]
