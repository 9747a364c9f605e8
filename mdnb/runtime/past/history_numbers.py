"""Tells whether a history gives its trades the ids under which they came live."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.rows import TradeRow
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline
    from mdnb.runtime.past.stretches import Stretch

__all__ = ["is_numbered_otherwise", "other_numbers"]

# One alone may have been corrected.
_AT_LEAST = 2
_MILLISECOND = 1_000_000


def is_numbered_otherwise(
    pipeline: Pipeline, rows: Sequence[TradeRow], stretches: Sequence[Stretch], *, by_id: bool
) -> bool:
    """Return whether the ids of an answer are not those of the trades that came live.

    Put back by such ids, what came would be there twice, and what was missed not at all.

    Parameters
    ----------
    rows
        The answer.
    stretches
        For which it was asked.
    by_id
        Whether ids rise by one a trade.
    """
    named = [row for row in rows if row[5] >= 0]
    if not named:
        return False
    alike, otherwise = _compared(pipeline, named)
    if max(alike, otherwise) >= _AT_LEAST:
        return otherwise > alike
    if otherwise and not alike and _has_others(pipeline, named):
        # Where what was missed begins, an answer may reach to one live trade alone.
        return True
    return by_id and any(_is_elsewhere(pipeline, named, stretch) for stretch in stretches)


def _compared(pipeline: Pipeline, named: Sequence[TradeRow]) -> tuple[int, int]:
    """Return how many trades in memory an answer has under the id that each came with, and under another."""
    start, end = min(row[0] for row in named), max(row[0] for row in named)
    # Times of a history may be finer, or less fine.
    ticks = pipeline.engine.ticks.between(start - _MILLISECOND, end + _MILLISECOND)
    held = {
        (at // _MILLISECOND, price, size, number)
        for at, price, size, number in zip(
            *(ticks[name].tolist() for name in ("ts_ns", "price", "size", "trade_id")), strict=True
        )
        if number >= 0
    }
    given = {(row[0] // _MILLISECOND, *row[1:3], row[5]) for row in named}
    came = collections.Counter(key[:3] for key in held - given)
    told = collections.Counter(key[:3] for key in given - held)
    return len(held & given), (came & told).total()


def _has_others(pipeline: Pipeline, named: Sequence[TradeRow]) -> bool:
    """Return whether memory has an id of an answer, whenever it came, with another price or size."""
    ticks = pipeline.engine.ticks
    held = ticks.tail(len(ticks))
    by_id = dict(
        zip(
            held["trade_id"].tolist(),
            zip(held["price"].tolist(), held["size"].tolist(), strict=True),
            strict=True,
        )
    )
    return any(by_id.get(row[5], row[1:3]) != row[1:3] for row in named)


def _is_elsewhere(pipeline: Pipeline, named: Sequence[TradeRow], stretch: Stretch) -> bool:
    """Return whether an answer has trades of when all came, and knows none of these by its id."""
    seen = pipeline.duplicates
    if stretch.blind or stretch.low_id < 0 or any(seen.is_held(row[5]) for row in named):
        return False
    until = min(stretch.high_ns, seen.highest_ns) if stretch.ends else seen.highest_ns + 1
    return any(
        seen.hole_of(row[5]) is None
        and (row[0] < stretch.low_ns or (stretch.ends and until <= row[0] <= seen.highest_ns))
        for row in named
    )


def other_numbers(pipeline: Pipeline, rows: Sequence[TradeRow]) -> QualityFinding:
    """Return what is told of a history by whose ids no trade can be placed."""
    first, last = min(row[5] for row in rows if row[5] >= 0), max(row[5] for row in rows)
    newest = pipeline.engine.last_trade
    number = -1 if newest is None else newest[5]
    sentence = (
        f"the history numbers trades otherwise, {first} to {last} where {number} is the"
        " newest that came: nothing of it is put back, as nothing tells what is missing"
    )
    values = {"first_id": first, "last_id": last, "newest_id": number}
    return QualityFinding("odd_history_ids", sentence, rows[0][0], values)
