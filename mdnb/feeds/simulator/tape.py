"""One simulated market's trades by time: those of an interval, and the next one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.intraday_profile import DAY_MINUTES
from mdnb.feeds.simulator.minute_plan import MINUTE_NS
from mdnb.feeds.simulator.ticks import Ticks, make_ticks
from mdnb.rows import TradeRow

if TYPE_CHECKING:
    from mdnb.feeds.simulator.market import Market

__all__ = ["TradeTape"]

_MINUTES_KEPT = 16
_LOOK_BACK_MINUTES = 14 * 1440


class TradeTape:
    """The trades of one market. Any two calls agree, whatever was asked before, from any thread."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.model = market.model
        self._kept: OrderedDict[int, Ticks] = OrderedDict()
        self._lock = threading.Lock()

    def minutes(self, first_minute: int, last_minute: int) -> Ticks:
        """Return all trades of the open minutes in ``[first_minute, last_minute)``."""
        if last_minute - first_minute <= 4:
            return _joined([self._minute(minute) for minute in range(first_minute, last_minute)])
        return make_ticks(self.market.plan(first_minute, last_minute), self.market.tick_key, self.model)

    def between(self, start_ns: int, end_ns: int) -> Ticks:
        """Return the trades of ``[start_ns, end_ns)``."""
        if end_ns <= start_ns:
            return Ticks.empty()
        ticks = self.minutes(start_ns // MINUTE_NS, -(-end_ns // MINUTE_NS))
        low, high = np.searchsorted(ticks.ts_ns, [start_ns, end_ns])
        return ticks.take(slice(int(low), int(high)))

    def page(self, start_ns: int, end_ns: int, limit: int) -> tuple[Ticks, bool]:
        """Return the first ``limit`` trades of ``[start_ns, end_ns)``, and whether there are more."""
        if end_ns - start_ns <= MINUTE_NS:
            ticks = self.between(start_ns, end_ns)
            return ticks.take(slice(0, limit)), len(ticks) > limit
        minute = max(start_ns // MINUTE_NS, self.market.first_minute)
        last_minute = min(-(-end_ns // MINUTE_NS), self.market.last_minute)
        parts: list[Ticks] = [Ticks.empty()]
        held = 0
        while minute < last_minute and held <= limit:
            plan = self.market.plan(minute, min(minute + DAY_MINUTES, last_minute))
            # The first minute may lie before the start in part: its trades are not counted on.
            enough = int(np.searchsorted(np.cumsum(plan.count[1:]), limit + 1)) + 2
            minute = (
                min(minute + DAY_MINUTES, last_minute) if enough >= len(plan) else int(plan.minute[enough])
            )
            ticks = make_ticks(plan.take(slice(0, enough)), self.market.tick_key, self.model)
            low, high = np.searchsorted(ticks.ts_ns, [start_ns, end_ns])
            parts.append(ticks.take(slice(int(low), int(high))))
            held += int(high - low)
        return _joined(parts).take(slice(0, limit)), held > limit or minute < last_minute

    def next_time(self, ts_ns: int) -> int:
        """Return the time of the next trade at or after ``ts_ns``, or an earlier moment to look again."""
        minute = ts_ns // MINUTE_NS
        ticks = self._minute(minute)
        at = int(np.searchsorted(ticks.ts_ns, ts_ns))
        return int(ticks.ts_ns[at]) if at < len(ticks) else (minute + 1) * MINUTE_NS

    def next_id(self, ts_ns: int) -> int:
        """Return the id of the first trade at or after ``ts_ns``."""
        first = self.market.next_id(ts_ns)
        return first + int(np.searchsorted(self._minute(ts_ns // MINUTE_NS).ts_ns, ts_ns))

    def last_minute(self, ts_ns: int) -> Ticks:
        """Return the trades before ``ts_ns`` of the last minute that has any; of two weeks at most."""
        minute = ts_ns // MINUTE_NS
        ticks = self._minute(minute)
        ticks = ticks.take(slice(0, int(np.searchsorted(ticks.ts_ns, ts_ns))))
        if len(ticks):
            return ticks
        plan = self.market.plan(minute - _LOOK_BACK_MINUTES, minute)
        return self._minute(int(plan.minute[-1])) if len(plan) else Ticks.empty()

    def rows(self, ticks: Ticks) -> list[TradeRow]:
        """Return trades as rows, in price units and base units."""
        return list(
            zip(
                ticks.ts_ns.tolist(),
                (ticks.price / self.model.ticks_per_point).tolist(),
                (ticks.lots / self.model.lots_per_unit).tolist(),
                repeat(1, len(ticks)),
                ticks.side.tolist(),
                ticks.trade_id.tolist(),
                strict=True,
            )
        )

    def _minute(self, minute: int) -> Ticks:
        with self._lock:
            held = self._kept.get(minute)
            if held is None:
                plan = self.market.plan(minute, minute + 1)
                held = make_ticks(plan, self.market.tick_key, self.model)
                self._kept[minute] = held
                if len(self._kept) > _MINUTES_KEPT:
                    self._kept.popitem(last=False)
            return held


def _joined(parts: list[Ticks]) -> Ticks:
    if len(parts) == 1:
        return parts[0]
    return Ticks(*(np.concatenate([getattr(part, name) for part in parts]) for name in Ticks.__slots__))
