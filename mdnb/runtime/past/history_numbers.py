"""Tells whether a history gives its trades the ids under which they came live."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.rows import TradeRow
from mdnb.runtime.live.history_seam import unit_of
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline
    from mdnb.runtime.past.stretches import Stretch

__all__ = ["is_numbered_otherwise", "other_numbers", "shows_nothing_yet"]

# One alone may have been corrected.
_AT_LEAST = 2
_MILLISECOND = 1_000_000


def is_numbered_otherwise(
    pipeline: Pipeline, rows: Sequence[TradeRow], stretches: Sequence[Stretch], *, by_id: bool
) -> bool:
    """Return whether the ids of an answer are not those of the trades that came live; keep that they are.

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
    alike, otherwise, unclear = _compared(pipeline, named, stretches)
    # Of a whole second many a trade may be alike.
    is_coarse = unit_of(named) > _MILLISECOND
    if alike >= (_AT_LEAST if is_coarse else 1) and not otherwise:
        # What was loaded had the ids of the stream.
        pipeline.history_seam.unsure_until_ns = None
    certain = otherwise - (unclear if is_coarse else 0)
    if max(alike, certain) >= _AT_LEAST:
        return certain > alike
    is_unsure = pipeline.history_seam.unsure_until_ns is not None and otherwise > unclear
    if otherwise and not alike and (is_unsure or _has_others(pipeline, named)):
        # Where what was missed begins, an answer may reach to one live trade alone.
        return True
    return by_id and any(_is_elsewhere(pipeline, named, stretch) for stretch in stretches)


def shows_nothing_yet(
    pipeline: Pipeline, rows: Sequence[TradeRow], stretches: Sequence[Stretch], *, by_id: bool
) -> bool:
    """Return whether an answer may be numbered otherwise, as far as one can tell before it has a live trade.

    What was loaded before any came has the ids of the history, whatever these are.

    Parameters
    ----------
    rows, stretches, by_id
        As `is_numbered_otherwise` has them.
    """
    until = pipeline.history_seam.unsure_until_ns
    if until is None:
        return False
    ends = [stretch.high_ns for stretch in stretches if stretch.ends and stretch.low_ns <= until]
    if not ends:
        return False
    named = [row for row in rows if row[5] >= 0]
    alike, otherwise, unclear = _compared(pipeline, named, stretches)
    if alike or otherwise > unclear:
        return False
    can_tell = by_id or pipeline.engine.config.enable_tick_data
    newest_ns, unit = max((row[0] for row in rows), default=-1), unit_of(rows)
    return can_tell and (unclear > 0 or newest_ns // unit < min(ends) // unit)


def _compared(
    pipeline: Pipeline, named: Sequence[TradeRow], stretches: Sequence[Stretch]
) -> tuple[int, int, int]:
    """Return how many live trades an answer has under the id that each came with, and under another.

    Returns
    -------
    tuple
        Last, how many of the latter were made in its newest instant: of that it may not have all yet, and
        another trade that is alike.
    """
    start = min((row[0] for row in named), default=0)
    end = max((row[0] for row in named), default=-1)
    if pipeline.history_seam.unsure_until_ns is not None:
        if not pipeline.engine.config.enable_tick_data:
            return *_at_ends(named, stretches), 0
        start = max(start, (pipeline.history_seam.unsure_until_ns // _MILLISECOND + 2) * _MILLISECOND)
    unit = unit_of(named)
    ticks = pipeline.engine.ticks.between(start - _MILLISECOND, max(start, end + unit))
    held = {
        (at // unit, price, size, number)
        for at, price, size, number in zip(
            *(ticks[name].tolist() for name in ("ts_ns", "price", "size", "trade_id")), strict=True
        )
        if number >= 0
    }
    given = {(row[0] // unit, *row[1:3], row[5]) for row in named}
    came = collections.Counter(key[:3] for key in held - given)
    told = collections.Counter(key[:3] for key in given - held)
    both = came & told
    return len(held & given), both.total(), sum(n for what, n in both.items() if what[0] == end // unit)


def _at_ends(named: Sequence[TradeRow], stretches: Sequence[Stretch]) -> tuple[int, int]:
    """Return at how many ends of what was missed, each a live trade, an answer has that, and another one."""
    unit = unit_of(named)
    times = {row[5]: row[0] // unit for row in named}
    instants, newest = set(times.values()), max(times.values(), default=-1)
    exact = [one for one in stretches if one.ends and not one.ended_late and one.high_id >= 0]
    # An answer that has that instant whole, and not the trade, has it under another id.
    ends = [(times.get(one.high_id), one.high_ns // unit) for one in exact]
    told = [at == wanted for at, wanted in ends if at is not None or (wanted in instants and wanted < newest)]
    return sum(told), len(told) - sum(told)


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
        # What was made before anybody watched has ids that nobody knows.
        and (row[5] >= seen.first or row[0] > seen.first_ns)
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
