"""One symbol's market, minute by minute: a pure function of seed, symbol and time.

`Market.plan` says what each minute looks like (open, high, low, close, trades, volume, turnover) without
making a single trade; `mdnb.feeds.simulator.ticks` makes trades that fit a plan to the last lot. So a
year of bars is cheap, and any minute can be made at any time, in any order, with the same result.

From coarse to fine:

1. days: the logarithm of the price is drawn back weakly to the symbol's price (an AR(1) from a fixed
   first day, standard deviation about 13 % for an index), with volatility that clusters over weeks;
2. minutes: a Brownian bridge between the days' ends, whose variance is the intraday curve times a
   cascade of random multipliers from 4 hours down to 1 minute (fat tails, volatility clustering);
3. within a minute: the extremes of a Brownian bridge between its open and its close.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.activity import BLOCK_MINUTES, Activity, Layer, multipliers
from mdnb.feeds.simulator.counter_rng import NORMAL, gaussian, key_of, scatter, table_index
from mdnb.feeds.simulator.hours import FIRST_DAY
from mdnb.feeds.simulator.intraday_profile import DAY_MINUTES, activity_curve, local_minutes, volatility_curve
from mdnb.feeds.simulator.minute_plan import MINUTE_NS, Plan
from mdnb.feeds.simulator.symbols import Model
from mdnb.feeds.simulator.ticks import plan_turnover
from mdnb.sessions import DAY_NS, Sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Market"]

_FIRST_DAY = FIRST_DAY.toordinal() - 719_163
_DAYS_KEPT = 48
_PULL = math.exp(-1 / 200)
"""What is left of a deviation from the base price after a day: half is gone after 139 days."""

_WEEKEND_VOLATILITY = 0.4
_DAY_LAYERS = (Layer(1, 0.20), Layer(4, 0.18), Layer(16, 0.18), Layer(64, 0.14))
_MINUTE_LAYERS = (Layer(1, 0.26), Layer(5, 0.22), Layer(15, 0.22), Layer(60, 0.22), Layer(240, 0.20))
_COUNT_LAYERS = (Layer(1, 0.30), Layer(5, 0.22))
"""Same lengths, so same dice, as the volatility's: busy minutes are volatile ones."""

_MAX_LOG_PRICE = 1.5
# -ln(u) at the middle of each of 4096 equal slices of (0, 1).
_EXPONENTIAL = -np.log((np.arange(4096) + 0.5) / 4096)


class Market:
    """One symbol's market from `FIRST_DAY` on.

    Parameters
    ----------
    model
        Which symbol.
    seed
        Same seed, same market.
    sessions
        The hours in which it trades. They mask trades and number them; prices do not hang on them.
    end_ns
        Nothing is traded from this moment on.
    rate
        Multiplies the number of trades.
    """

    def __init__(self, model: Model, seed: int, sessions: Sessions, end_ns: int, rate: float = 1.0) -> None:
        self.model = model
        self.seed = seed
        self.sessions = sessions
        self.trades_per_minute = 60 * model.trades_per_second * rate
        self._last_day = -(-end_ns // DAY_NS)
        self.first_minute = _FIRST_DAY * DAY_MINUTES
        self.last_minute = self._last_day * DAY_MINUTES
        self.activity = Activity(model, seed, rate, sessions, _FIRST_DAY * DAY_NS, self._last_day * DAY_NS)
        self.tick_key = key_of(seed, model.symbol, "ticks")
        self._levels, self._deviations = self._day_path()
        self._kept: OrderedDict[int, Plan] = OrderedDict()
        # History is made on a worker thread while the live stream reads on the loop.
        self._lock = threading.Lock()

    def plan(self, first_minute: int, last_minute: int) -> Plan:
        """Return the plan of the open minutes in ``[first_minute, last_minute)``, minutes since 1970."""
        first_minute = max(first_minute, self.first_minute)
        last_minute = min(last_minute, self.last_minute)
        if last_minute <= first_minute:
            return Plan.empty()
        days = range(first_minute // DAY_MINUTES, -(-last_minute // DAY_MINUTES))
        parts = [self._day(day) for day in days] if len(days) <= _DAYS_KEPT else [self._make(days)]
        plan = Plan.joined(parts)
        low, high = np.searchsorted(plan.minute, [first_minute, last_minute])
        return plan.take(slice(int(low), int(high)))

    def next_id(self, ts_ns: int) -> int:
        """Return the id of the first trade at or after the minute that holds ``ts_ns``."""
        minute = min(max(ts_ns // MINUTE_NS, self.first_minute), self.last_minute)
        block = minute // BLOCK_MINUTES
        before = self.plan(block * BLOCK_MINUTES, minute)
        return int(self.activity.first_ids(np.array([block]))[0]) + int(before.count.sum())

    def _day(self, day: int) -> Plan:
        with self._lock:
            held = self._kept.get(day)
            if held is None:
                held = self._kept[day] = self._make(range(day, day + 1))
                if len(self._kept) > _DAYS_KEPT:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(day)
            return held

    def _day_path(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return log price over base at each midnight UTC, and each day's standard deviation."""
        days = np.arange(_FIRST_DAY, self._last_day + 1, dtype=np.int64)
        key = key_of(self.seed, self.model.family, "days")
        deviations = self.model.volatility * multipliers(_DAY_LAYERS, key, days)
        if self.model.instrument.calendar is not None:
            # 1970-01-01 was a Thursday: 2 and 3 are Saturday and Sunday.
            deviations[np.isin(days % 7, (2, 3))] *= _WEEKEND_VOLATILITY
        shocks = (deviations * gaussian(scatter(key, days))).tolist()
        level = 4 * shocks[0]
        levels = [level]
        for shock in shocks[:-1]:
            level = min(max(level * _PULL + shock, -_MAX_LOG_PRICE), _MAX_LOG_PRICE)
            levels.append(level)
        return np.array(levels), deviations

    def _make(self, days: range) -> Plan:
        day = np.arange(days.start, days.stop, dtype=np.int64)
        minutes = day[:, None] * DAY_MINUTES + np.arange(DAY_MINUTES, dtype=np.int64)
        local = local_minutes(minutes, self.model.instrument.timezone) % DAY_MINUTES
        closes, deviations = self._closes(day, minutes, local)
        counts, first_ids = self._counts(minutes, local)
        at = np.flatnonzero(
            (counts > 0) & np.repeat(self.activity.is_open[self._blocks(day)].ravel(), BLOCK_MINUTES)
        )
        starts = self._ticks_of(np.exp(self._levels[day - _FIRST_DAY]))
        opens = np.concatenate([starts[:, None], closes[:, :-1]], axis=1)
        return self._shaped(
            minutes.ravel()[at],
            opens.ravel()[at],
            closes.ravel()[at],
            deviations.ravel()[at],
            counts[at],
            first_ids[at],
        )

    def _blocks(self, day: NDArray[np.int64]) -> NDArray[np.int64]:
        width = DAY_MINUTES // BLOCK_MINUTES
        return (day * width - self.activity.first)[:, None] + np.arange(width, dtype=np.int64)

    def _ticks_of(self, over_base: NDArray[np.float64]) -> NDArray[np.int64]:
        ticks = np.rint(over_base * (self.model.price * self.model.ticks_per_point))
        return np.maximum(ticks, 1).astype(np.int64)

    def _closes(
        self, day: NDArray[np.int64], minutes: NDArray[np.int64], local: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return each minute's last price, and its standard deviation, both in ticks: (days, 1440)."""
        key = key_of(self.seed, self.model.family, "minutes")
        relative = volatility_curve(self.model.instrument.calendar is not None)[local]
        relative = relative * multipliers(_MINUTE_LAYERS, key, minutes)
        elapsed = np.cumsum(relative**2, axis=1)
        whole = elapsed[:, -1:].copy()
        elapsed /= whole
        walk = np.cumsum(relative * gaussian(scatter(key, minutes)), axis=1)
        scale = self._deviations[day - _FIRST_DAY][:, None] / np.sqrt(whole)
        start = self._levels[day - _FIRST_DAY][:, None]
        end = self._levels[day - _FIRST_DAY + 1][:, None]
        path = start + (end - start) * elapsed + scale * (walk - walk[:, -1:] * elapsed)
        closes = self._ticks_of(np.exp(path))
        return closes, relative * scale * closes

    def _counts(
        self, minutes: NDArray[np.int64], local: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each minute's trades and the id of the first: each block's number, split up."""
        key = key_of(self.seed, self.model.family, "minutes")
        weights = activity_curve(self.model.instrument.calendar is not None)[local]
        weights = weights * multipliers(_COUNT_LAYERS, key, minutes)
        # Whole numbers, so that the parts add up to the block's number exactly.
        parts = np.cumsum((weights * 65_536).astype(np.int64).reshape(-1, BLOCK_MINUTES) + 1, axis=1)
        blocks = minutes.reshape(-1, BLOCK_MINUTES)[:, 0] // BLOCK_MINUTES
        until = self.activity.counts[blocks - self.activity.first][:, None] * parts // parts[:, -1:]
        counts = np.diff(until, axis=1, prepend=0)
        first_ids = self.activity.first_ids(blocks)[:, None] + until - counts
        return counts.ravel(), first_ids.ravel()

    def _shaped(
        self,
        minute: NDArray[np.int64],
        before: NDArray[np.int64],
        close: NDArray[np.int64],
        deviation: NDArray[np.float64],
        count: NDArray[np.int64],
        first_id: NDArray[np.int64],
    ) -> Plan:
        bits = scatter(key_of(self.seed, self.model.symbol, "shape"), minute)
        # The first trade is at the last price or a tick beside it; a single trade is open and close at once.
        step = np.array([0, 0, 1, -1])[(bits >> np.uint64(60)) & np.uint64(3)]
        open_ = np.where(count == 1, close, np.maximum(before + step, 1))
        above = np.maximum(open_, close)
        below = np.minimum(open_, close)
        # The maximum of a Brownian bridge from a to b: (a + b + sqrt((a - b)**2 - 2 s**2 ln u)) / 2.
        middle = open_ + close
        square = ((open_ - close) ** 2).astype(np.float64)
        reach = [
            np.sqrt(square + 2 * deviation**2 * _EXPONENTIAL[table_index(bits, field)]) for field in (0, 1)
        ]
        # A trade reaches a new price, and mostly a near one: few trades do not span many ticks.
        room = count * np.maximum(2, deviation.astype(np.int64) // 8)
        high = np.minimum(np.maximum(above, np.rint((middle + reach[0]) / 2).astype(np.int64)), above + room)
        low = np.maximum(np.minimum(below, np.rint((middle - reach[1]) / 2).astype(np.int64)), below - room)
        high = np.where(count >= 3, high, above)
        low = np.where((count >= 4) | ((count == 3) & (high == above)), low, below)
        low = np.maximum(low, 1)
        extra = self.model.extra_lots * np.exp(0.15 * NORMAL)[table_index(bits, 2)]
        volume = count + np.rint(count * extra).astype(np.int64)
        plan = Plan(minute, open_, high, low, close, count, volume, np.zeros_like(volume), first_id)
        return plan.with_turnover(plan_turnover(plan, self.tick_key, self.model))
