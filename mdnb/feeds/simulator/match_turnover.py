"""Adjusts generated trades so that each minute's turnover is exactly the planned one.

The draft already has the right open, high, low, close, number and volume. What is left is the sum of
price times lots. Trades are moved by single ticks, many by one rather than one by many, until the sum
is met: first all of them, then the single lots, each of which can mend the sum by one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.minute_plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SETTLED_COUNT", "Draft", "match_turnover"]

SETTLED_COUNT = 16
"""Minutes of fewer trades are left as drafted. From this number on, `_lump` always leaves a way."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """Trades of several minutes, one after the other.

    Attributes
    ----------
    level
        int64 (n,), ticks above the minute's low.
    lots
        int64 (n,).
    bought
        bool (n,), whether the taker bought.
    index
        int64 (n,), number within the minute.
    starts
        int64 (minutes,), where each minute begins.
    fixed
        int64 (minutes, 3), where the first trade and the two that touch the extremes are.
    knots
        int64 (minutes, 4), levels of the first, of the two extremes and of the last.
    bits
        uint64 (n,), random.
    """

    level: NDArray[np.int64]
    lots: NDArray[np.int64]
    bought: NDArray[np.bool_]
    index: NDArray[np.int64]
    starts: NDArray[np.int64]
    fixed: NDArray[np.int64]
    knots: NDArray[np.int64]
    bits: NDArray[np.uint64]


def match_turnover(draft: Draft, plan: Plan) -> None:
    """Change prices, and sizes where needed, so that each minute turns over what is planned."""
    missing = plan.turnover - plan.low * plan.volume
    missing -= np.add.reduceat(draft.level * draft.lots, draft.starts)
    free = np.ones(len(draft.level), dtype=bool)
    free[draft.fixed] = False
    free[draft.starts + plan.count - 1] = False
    open_ = np.flatnonzero(missing)
    if len(open_):
        missing[open_] = _settle(draft, plan, open_, missing[open_], free)
    stuck = np.flatnonzero(missing)
    if len(stuck):
        _lump(draft, plan, stuck, free)
        again = plan.turnover[stuck] - (plan.low * plan.volume)[stuck]
        again -= np.add.reduceat(draft.level * draft.lots, draft.starts)[stuck]
        left = _settle(draft, plan, stuck, again, free)
        assert not left.any(), "a minute cannot turn over what its plan says"


def _settle(
    draft: Draft,
    plan: Plan,
    which: NDArray[np.intp],
    missing: NDArray[np.int64],
    free: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Settle some minutes; return what is still missing of each."""
    count = plan.count[which]
    offsets = np.cumsum(count) - count
    whole = len(count) == len(plan)
    rows = slice(None) if whole else _rows(draft.starts[which], count, offsets)
    level, lots, free = draft.level[rows], draft.lots[rows], free[rows]
    most = np.repeat((plan.high - plan.low)[which], count)
    missing = _pull(level, np.where(free, lots, 0), most, count, offsets, missing)
    missing = _shift(level, lots, free, most, count, offsets, missing)
    missing = _shift(level, lots, free & (lots == 1), most, count, offsets, missing)
    draft.level[rows] = level
    return missing


def _rows(
    starts: NDArray[np.int64], count: NDArray[np.int64], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    return np.arange(int(count.sum()), dtype=np.int64) + np.repeat(starts - offsets, count)


def _pull(
    level: NDArray[np.int64],
    lots: NDArray[np.int64],
    most: NDArray[np.int64],
    count: NDArray[np.int64],
    offsets: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Pull a minute's trades towards its high or its low, the farther the more; return what is missing.

    Most goes this way, so that the path keeps its form and does not stick to the extremes.
    """
    up = np.repeat(missing > 0, count)
    room = np.where(up, most - level, level)
    weight = np.add.reduceat(room * lots, offsets)
    share = np.where(weight > np.abs(missing), missing / np.maximum(weight, 1), 0.0)
    moved = np.where(lots > 0, room * np.repeat(share, count), 0.0).astype(np.int64)
    level += moved
    return np.asarray(missing - np.add.reduceat(moved * lots, offsets), dtype=np.int64)


def _shift(
    level: NDArray[np.int64],
    lots: NDArray[np.int64],
    free: NDArray[np.bool_],
    most: NDArray[np.int64],
    count: NDArray[np.int64],
    offsets: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Move free trades up or down by whole ticks, in place; return what is missing then."""
    while True:
        up = np.repeat(missing > 0, count)
        movable = np.where(free & np.where(up, level < most, level > 0), lots, 0)
        weight = np.add.reduceat(movable, offsets)
        steps = np.where(weight > 0, np.abs(missing) // np.maximum(weight, 1), 0)
        if not steps.any():
            break
        moved = np.where(movable > 0, np.repeat(np.sign(missing) * steps, count), 0)
        moved = np.clip(level + moved, 0, most) - level
        level += moved
        missing = missing - np.add.reduceat(moved * lots, offsets)
    # Less than all of them are to move by one more tick: the first ones do, as far as it goes.
    until = np.cumsum(movable)
    until -= np.repeat(until[offsets] - movable[offsets], count)
    moved = np.where((movable > 0) & (until <= np.repeat(np.abs(missing), count)), np.where(up, 1, -1), 0)
    level += moved
    return np.asarray(missing - np.add.reduceat(moved * lots, offsets), dtype=np.int64)


def _lump(draft: Draft, plan: Plan, which: NDArray[np.intp], free: NDArray[np.bool_]) -> None:
    """Give all lots beyond the first to the trades at the extremes, so that single ticks settle the rest.

    With n - 4 free single lots anywhere between low and high, and any share of the extra lots at the high,
    every turnover between 20 and 80 % of the range is met from 16 trades on.
    """
    for minute in which.tolist():
        start, count = int(draft.starts[minute]), int(plan.count[minute])
        span = int(plan.high[minute] - plan.low[minute])
        extra = int(plan.volume[minute]) - count
        draft.lots[start : start + count] = 1
        at_high, at_low = draft.fixed[minute, 1:].tolist()
        if draft.knots[minute, 1] == 0:
            at_high, at_low = at_low, at_high
        target = int(plan.turnover[minute] - plan.low[minute] * plan.volume[minute])
        anchors = int(draft.knots[minute].sum())
        share = round((target - anchors - (count - 4) * span / 2) / span)
        share = min(max(share, 0), extra)
        draft.lots[at_high] += share
        draft.lots[at_low] += extra - share
        rows = slice(start, start + count)
        draft.level[rows] = np.where(free[rows], span // 2, draft.level[rows])
