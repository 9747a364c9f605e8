"""Generates the trades of planned minutes: they add up to each plan, to the last lot.

On the hot path: history of fine bars makes millions of trades at a time, about six million a second. A
few dozen passes over flat arrays, whatever the number of minutes; whole numbers wherever anything is
summed, so that a minute's trades do not hang on which other minutes are made with it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.counter_rng import NORMAL, TABLE_BITS, scatter, table_index
from mdnb.feeds.simulator.match_turnover import SETTLED_COUNT, Draft, match_turnover
from mdnb.feeds.simulator.minute_plan import MINUTE_NS, Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.feeds.simulator.symbols import Model

__all__ = ["Ticks", "make_ticks", "plan_turnover"]

_MINUTE_BITS = 22
"""A minute has fewer than 2**22 trades: the counters of two minutes never meet."""

_ROUGHNESS = 0.16
"""Standard deviation of the walk in the middle of a leg, as a share of the minute's range."""

_QUANTILES = 2**TABLE_BITS
_SHAPE = np.uint64(0x5851F42D4C957F2D)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Trades, oldest first; shape (n,).

    Attributes
    ----------
    ts_ns
        int64, UTC, non-decreasing.
    price
        int64, in ticks.
    lots
        int64, at least 1.
    side
        int8: +1 where the taker bought, -1 where the taker sold.
    trade_id
        int64, rising by one.
    """

    ts_ns: NDArray[np.int64]
    price: NDArray[np.int64]
    lots: NDArray[np.int64]
    side: NDArray[np.int8]
    trade_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ts_ns)

    @classmethod
    def empty(cls) -> Ticks:
        """Return no trades."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none, none.astype(np.int8), none)

    def take(self, which: slice | NDArray[np.bool_]) -> Ticks:
        """Return some of the trades."""
        return Ticks(*(getattr(self, name)[which] for name in self.__slots__))


def make_ticks(plan: Plan, key: int, model: Model) -> Ticks:
    """Return the trades of the planned minutes."""
    if not len(plan):
        return Ticks.empty()
    draft = _draft(plan, key, model)
    match_turnover(draft, plan)
    return Ticks(
        _times(draft, plan),
        draft.level + np.repeat(plan.low, plan.count),
        draft.lots,
        np.where(draft.bought, 1, -1).astype(np.int8),
        draft.index + np.repeat(plan.first_id, plan.count),
    )


def plan_turnover(plan: Plan, key: int, model: Model) -> NDArray[np.int64]:
    """Return what the trades of each minute will turn over, in ticks times lots.

    Minutes of many trades: chosen here, and `mdnb.feeds.simulator.match_turnover` makes the trades fit.
    Minutes of a few trades leave too little freedom for that; theirs are cheap to make, and are counted.
    """
    turnover = plan.low * plan.volume
    chosen = plan.count >= SETTLED_COUNT
    many = plan.take(chosen)
    if len(many):
        turnover[chosen] += _chosen_turnover(many, key)
    few = plan.take(~chosen)
    if len(few):
        draft = _draft(few, key, model)
        turnover[~chosen] += np.add.reduceat(draft.level * draft.lots, draft.starts)
    return turnover


def _chosen_turnover(plan: Plan, key: int) -> NDArray[np.int64]:
    knots, at = _turning_points(plan, key)
    lengths = np.diff(at, axis=1)
    middle = ((knots[:, :-1] + knots[:, 1:]) * lengths).sum(axis=1) / 2
    span = plan.high - plan.low
    share = middle / np.maximum(span * plan.count, 1)
    share += 0.02 * NORMAL[table_index(_shape_bits(plan, key), 3)]
    return np.asarray(np.clip(share, 0.2, 0.8) * (span * plan.volume), dtype=np.int64)


def _shape_bits(plan: Plan, key: int) -> NDArray[np.uint64]:
    return scatter(key ^ int(_SHAPE), plan.minute)


def _turning_points(plan: Plan, key: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the four levels that a minute's path runs through, and at which trade: (n, 4) each.

    Open, one extreme, the other one, close. Levels are ticks above the low; the last position is the
    number of trades, one beyond the last.
    """
    bits, count = _shape_bits(plan, key), plan.count
    top = plan.high - plan.low
    # A rising minute more often falls to its low first.
    rising = plan.close > plan.open
    high_first = (table_index(bits, 0) < np.where(rising, 1200, 2900)) & (plan.close != plan.open)
    high_first |= (plan.close == plan.open) & (table_index(bits, 0) < 2048)
    high_first = np.where(count == 3, plan.high > np.maximum(plan.open, plan.close), high_first)
    first = np.where(high_first, top, 0)
    second = np.where(count == 3, first, top - first)
    # Between 10 and 55 % of the way, and between 25 and 85 % of what is left.
    room = np.maximum(count - 4, 0)
    at_first = 1 + room * (410 + table_index(bits, 1) * 1840 // _QUANTILES) // _QUANTILES
    left = count - 3 - at_first
    at_second = at_first + 1 + left * (1024 + table_index(bits, 2) * 2450 // _QUANTILES) // _QUANTILES
    at_first = np.where(count < 4, np.minimum(1, count - 1), at_first)
    at_second = np.where(count < 4, at_first, at_second)
    knots = np.stack([plan.open - plan.low, first, second, plan.close - plan.low], axis=1)
    return knots, np.stack([np.zeros_like(count), at_first, at_second, count], axis=1)


def _draft(plan: Plan, key: int, model: Model) -> Draft:
    """Return levels and lots that fit all of the plan but its turnover."""
    count = plan.count
    starts = np.cumsum(count) - count
    index = np.arange(int(count.sum()), dtype=np.int64) - np.repeat(starts, count)
    bits = scatter(key, index + np.repeat(plan.minute << _MINUTE_BITS, count))
    knots, at = _turning_points(plan, key)
    bought = _buys(bits, starts)
    level = _path(plan, knots, at, starts, bits)
    # The mid is below a buyer's price and at a seller's: the bounce between bid and ask.
    level += bought
    np.minimum(level, np.repeat(plan.high - plan.low, count), out=level)
    fixed = at[:, :3] + starts[:, None]
    level[fixed] = knots[:, :3]
    level[starts + count - 1] = knots[:, 3]
    # The open was overwritten where a minute has one trade only, and is its close.
    return Draft(
        level=level,
        lots=_lots(plan, starts, index, bits, model),
        bought=bought,
        index=index,
        starts=starts,
        fixed=fixed,
        knots=knots,
        bits=bits,
    )


def _path(
    plan: Plan,
    knots: NDArray[np.int64],
    at: NDArray[np.int64],
    starts: NDArray[np.int64],
    bits: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Return a walk through the turning points, in whole ticks above the low."""
    lengths = np.diff(at, axis=1)
    flat = lengths.ravel()
    begin = (starts[:, None] + at[:, :3]).ravel()
    # A leg ends where the next one begins; the last one at the last trade.
    steps = np.maximum(np.where(np.arange(3) == 2, lengths - 1, lengths), 1)
    walk = np.cumsum(((bits >> np.uint64(48)) & np.uint64(0xFFFF)).astype(np.int64) - 32_768)
    base = walk[np.minimum(begin, len(walk) - 1)]
    ends = np.concatenate([base[1:], walk[-1:]])
    ends[2::3] = walk[starts + plan.count - 1]
    rise = ends - base
    walk -= np.repeat(base, flat)
    # A bridge of n uniform steps in +-32768 has the variance n * 32768**2 / 12 in its middle.
    top = (plan.high - plan.low)[:, None]
    scale = (_ROUGHNESS * top / (32_768 * np.sqrt(steps / 12))).ravel()
    bend = _bend(walk, begin, flat, steps.ravel(), rise) * scale
    slope = ((knots[:, 1:] - knots[:, :3]).ravel() - scale * rise) / steps.ravel() - bend
    along = (np.arange(len(walk), dtype=np.int64) - np.repeat(begin, flat)).astype(np.float64)
    level = np.repeat(bend / steps.ravel(), flat) * along
    level += np.repeat(slope, flat)
    level *= along
    level += np.repeat(scale, flat) * walk
    level += np.repeat(knots[:, :3].ravel(), flat)
    # Reflected at the extremes, not cut: a cut path would stick to them.
    most = np.repeat(plan.high - plan.low, plan.count)
    np.abs(level, out=level)
    level = most - np.abs(most - level)
    return np.clip(level.astype(np.int64), 0, most)


def _bend(
    walk: NDArray[np.int64],
    begin: NDArray[np.int64],
    length: NDArray[np.int64],
    steps: NDArray[np.int64],
    rise: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return for each leg the b for which its bridge less b j (1 - j / steps) sums to nothing.

    So a leg's mean is that of the straight line below it, which is what its turnover was planned with.
    """
    total = np.add.reduceat(walk, np.minimum(begin, len(walk) - 1))
    above = total - rise * (length * (length - 1) // 2) / steps
    parabola = length * (length - 1) / 2 - (length - 1) * length * (2 * length - 1) / 6 / steps
    return np.asarray(np.where(parabola > 0.5, above / np.maximum(parabola, 0.5), 0.0), dtype=np.float64)


def _buys(bits: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return who took: runs of buyers and of sellers, about three trades long."""
    renewed = (bits & np.uint64(7)) < np.uint64(5)
    renewed[starts] = True
    last = np.maximum.accumulate(np.where(renewed, np.arange(len(bits)), 0))
    return np.asarray((bits[last] >> np.uint64(3)) & np.uint64(1), dtype=bool)


@functools.cache
def _extra_lots(fractional: bool) -> NDArray[np.int64]:
    """Return quantiles of the lots beyond the first; only their proportions count."""
    if fractional:
        return np.asarray(np.exp(4.2 + 1.4 * NORMAL), dtype=np.int64)
    # Nearly two of three trades are one lot; the rest follow a power law, cut at 60 lots.
    tail = np.maximum((np.arange(_QUANTILES) + 0.5) / _QUANTILES - 0.62, 0) / 0.38
    return np.where(tail > 0, np.minimum((1 - tail) ** -0.7, 60), 0).astype(np.int64)


def _lots(
    plan: Plan,
    starts: NDArray[np.int64],
    index: NDArray[np.int64],
    bits: NDArray[np.uint64],
    model: Model,
) -> NDArray[np.int64]:
    extra = _extra_lots(not model.instrument.whole_lots)[table_index(bits, 1)]
    # One trade in four is a single lot, come what may: `match_turnover` needs those to be exact.
    extra[(index & 3) == 1] = 0
    extra[starts] += 1
    until = np.cumsum(extra)
    before = until[starts] - extra[starts]
    total = np.add.reduceat(extra, starts)
    until -= np.repeat(before, plan.count)
    dealt = np.repeat(plan.volume - plan.count, plan.count) * until // np.repeat(total, plan.count)
    lots: NDArray[np.int64] = np.diff(dealt, prepend=0)
    lots[starts] = dealt[starts]
    lots += 1
    return lots


@functools.cache
def _gaps() -> NDArray[np.int64]:
    """Return quantiles of the pauses between trades: one in five is none, the others are Weibull(0.6)."""
    at = np.maximum((np.arange(_QUANTILES) + 0.5) / _QUANTILES - 0.2, 0) / 0.8
    return np.where(at > 0, 40 * (-np.log1p(-at)) ** (1 / 0.6) + 1, 0).astype(np.int64)


def _times(draft: Draft, plan: Plan) -> NDArray[np.int64]:
    """Return times inside the minute, in bursts: the pace changes each 16 trades."""
    pace = np.array([1, 1, 2, 4])
    spell = draft.bits[draft.index // 16 * 16 + np.repeat(draft.starts, plan.count)]
    gaps = _gaps()[table_index(draft.bits, 2)] * pace[(spell >> np.uint64(4)) & np.uint64(3)]
    until = np.cumsum(gaps)
    before = until[draft.starts] - gaps[draft.starts]
    # The pause behind the last trade: some trades a minute shorter or longer than the others' mean.
    rest = 1 + (draft.bits[draft.starts] & np.uint64(127)).astype(np.int64)
    total = np.add.reduceat(gaps, draft.starts) + rest
    share = (until - np.repeat(before, plan.count)) / np.repeat(total, plan.count)
    times: NDArray[np.int64] = (share * MINUTE_NS).astype(np.int64)
    times += np.repeat(plan.minute * MINUTE_NS, plan.count)
    return times
