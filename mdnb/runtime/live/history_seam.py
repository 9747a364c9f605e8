"""Tells by the first live trades whether the history that was loaded gave trades the ids of the stream."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

from mdnb.rows import TradeRow
from mdnb.validate.findings import QualityFinding

__all__ = ["HistorySeam", "unit_of"]

_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000
# What a stream repeats, or sends from before it was subscribed to, is no older, nor are these more.
_REMEMBERED = 20_000
# A trade that comes so much later than the newest one loaded is none of these.
_AFTERWARDS_NS = 10 * _SECOND
# So many ids may be around the newest of a history that is behind by a part of an instant.
_FOLLOW_AT_MOST = 1_000

# When a trade was made, as finely as the history says, its price and size.
_What: TypeAlias = tuple[int, float, float]


def unit_of(rows: Iterable[TradeRow]) -> int:
    """Return how fine times of a history can be compared with those of a stream, in nanoseconds.

    Times of a history may be finer, or less fine: milliseconds, and whole seconds where it has no others.

    Examples
    --------
    >>> unit_of([(7_000_000_000, 1.0, 1.0, 1, 0, 1)]), unit_of([(7_250_000_000, 1.0, 1.0, 1, 0, 1)])
    (1000000000, 1000000)
    """
    return _MILLISECOND if any(row[0] % _SECOND for row in rows) else _SECOND


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
        "_looked_at",
        "_lowest",
        "_unit",
        "_whats",
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
        self._unit = _SECOND
        self._looked_at = self._lowest = 0
        # All that is there, once a live trade has come.
        self._whats: set[_What] = set()
        # How often each is there that no live trade was yet taken for.
        self._left: collections.Counter[_What] = collections.Counter()

    def add(self, rows: Sequence[TradeRow]) -> None:
        """Take what the history has given."""
        named = [row for row in rows if row[5] >= 0] if self.ids != "none" else []
        for row in named:
            self.until_ns, self._highest = max(self.until_ns, row[0]), max(self._highest, row[5])
            self._by_id[row[5]] = row[:3]
        for number in list(self._by_id)[: max(0, len(self._by_id) - _REMEMBERED)]:
            del self._by_id[number]
        self._unit = min(self._unit, unit_of(named))
        self._whats.clear()
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
        self._left.update(map(self._what, self._by_id.values()))
        if self.on_other_numbers is not None:
            is_newer = rows[0][0] > self.until_ns and not self._left[self._what(rows[0])]
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
        if not self._whats:
            self._whats, self._lowest = set(map(self._what, self._by_id.values())), min(self._by_id)
        self._looked_at += len(rows)
        passed, own, others = self._looked_at > _REMEMBERED, 0, 0
        for row in rows:
            held = self._by_id.get(row[5])
            if held is not None and self._is_same(held, row):
                own += 1
                continue
            others += self._is_other(row, held, self._what(row) in self._whats)
            # Where ids only differ, a later trade may yet come with one that the history gave to another.
            after_ns = 0 if self.ids == "sequential" else _AFTERWARDS_NS
            passed = passed or (held is None and self._at(row[0]) > self._at(self.until_ns + after_ns))
        if own or others:
            return "own" if own >= others else "otherwise"
        return "passed" if passed else "open"

    def _is_same(self, held: _What, row: TradeRow) -> bool:
        """Return whether a live trade is the one that has its id in the history."""
        if held[1:] != row[1:3]:
            return False
        # The times of the stream may be the less fine ones.
        unit = self._unit if row[0] % _SECOND else _SECOND
        return held[0] // unit == row[0] // unit

    def _is_other(self, row: TradeRow, held: _What | None, is_alike: bool) -> bool:
        """Return whether a live trade shows that the history gave its id to another, or it another id.

        Parameters
        ----------
        held
            Which one has its id in the history.
        is_alike
            Whether one like it is there under another id. That may be another one: of an instant a history
            may know some trades alone, and one order has many that are alike.
        """
        at, until = self._at(row[0]), self._at(self.until_ns)
        if held is not None:
            # One that was corrected has another price or size, one told anew another time.
            is_later = row[0] // _MILLISECOND > self.until_ns // _MILLISECOND
            return self._at(held[0]) != at and held[1:] != row[1:3] and (is_alike or is_later)
        if self.ids != "sequential":
            return is_alike and at < until
        if 0 <= row[5] < self._lowest:
            return at > until or is_alike
        if row[5] <= self._highest:
            # Ids may begin anew in the history; one alone may be out of order.
            return at > until and 0 <= row[5] < self._highest - _FOLLOW_AT_MOST
        return is_alike and (at < until or row[5] > self._highest + _FOLLOW_AT_MOST)

    def _at(self, ts_ns: int) -> int:
        return ts_ns // self._unit

    def _what(self, row: TradeRow | _What) -> _What:
        return row[0] // self._unit, row[1], row[2]

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
            is_there = self._left[what := self._what(row)] > 0
            self._left[what] -= is_there
            (again if is_there else new).append(row)
        self._looked_at += len(rows)
        if self._looked_at > _REMEMBERED or (new and new[-1][0] > self.until_ns + _AFTERWARDS_NS):
            self._close()
        return new, again

    def _close(self) -> None:
        self.is_open = False
        self._closer_look.discard("history")
        self._by_id.clear()
        self._whats.clear()
        self._left.clear()
