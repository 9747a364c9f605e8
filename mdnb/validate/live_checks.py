"""Checks of live bars, quotes and trades, one at a time, from past data only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow, TradeRow
from mdnb.timeframes import Grid
from mdnb.validate.findings import QualityFinding
from mdnb.validate.rules import ValidationRules

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BarChecks", "QuoteChecks", "bar_faults", "out_of_order", "quote_fault", "seed_rows"]

_WINDOW = 50
_HALF = _WINDOW // 2
_SPIKE = 10.0
_VOLUME_SPIKE = 6.0
_FLAT_RUN = 30
_TICK_SLACK = 1e-6
_WIDE = 50.0
_DISORDER_NS = 60 * 1_000_000_000
_MOST_TRADES = 2**32 - 1


def bar_faults(row: BarRow, *, positive_prices: bool = True) -> str | None:
    """Return why a bar is invalid, None where it is valid.

    Parameters
    ----------
    positive_prices
        Whether a price of zero or below it is a fault.

    Examples
    --------
    >>> bar_faults((0, 10.0, 9.0, 8.0, 8.5, 1.0, 1, 8.5))
    'ohlc_inconsistent'
    >>> bar_faults((0, 10.0, 10.5, 8.0, 8.5, 1.0, 1, 8.5)) is None
    True
    """
    _, open_, high, low, close, volume, count, _ = row
    if not (math.isfinite(open_) and math.isfinite(high) and math.isfinite(low) and math.isfinite(close)):
        return "price_not_finite"
    if positive_prices and (low <= 0 or open_ <= 0 or high <= 0 or close <= 0):
        return "price_not_positive"
    if not low <= open_ <= high or not low <= close <= high:
        return "ohlc_inconsistent"
    if not math.isfinite(volume):
        return "volume_not_finite"
    if volume < 0:
        return "volume_negative"
    return "count_absurd" if not 0 <= count <= _MOST_TRADES else None


_SENTENCES = {
    "count_absurd": "it counts fewer trades than none, or more than there is room for",
    "ohlc_inconsistent": "low <= open, close <= high does not hold",
    "price_not_finite": "a price is missing or infinite",
    "price_not_positive": "a price is zero or negative",
    "volume_not_finite": "volume is missing or infinite",
    "volume_negative": "volume is negative",
}


class BarChecks:
    """Checks each closed bar of one timeframe against those before it.

    The rules are those of `mdnb.validate.bar_rules`, with what came before in place of what is around.

    Parameters
    ----------
    grid
        The timeframe under the venue's sessions.
    instrument
        Tick size, whole lots, and whether prices are positive.
    rules
        Which checks are on.
    """

    def __init__(self, grid: Grid | None, instrument: Instrument, rules: ValidationRules) -> None:
        self.grid = grid
        self.instrument = instrument
        self.rules = rules
        self._closes: deque[float] = deque(maxlen=_WINDOW)
        self._ranges: deque[float] = deque(maxlen=_WINDOW)
        self._logs: deque[float] = deque(maxlen=_WINDOW)
        self._last: BarRow | None = None
        self._flat = 0

    def seed(self, rows: Sequence[BarRow]) -> None:
        """Seed with bars that were checked already, oldest first."""
        for row in rows[-2 * _WINDOW :]:
            self._remember(row)

    def check(self, row: BarRow, now_ns: int | None = None) -> list[QualityFinding]:
        """Return what is wrong with a closed bar, and remember it."""
        found = [*self._self(row), *self._order(row, now_ns), *self._spikes(row)]
        self._remember(row)
        return [one for one in found if self.rules.allows(one.type)]

    def _self(self, row: BarRow) -> list[QualityFinding]:
        fault = bar_faults(row, positive_prices=self.instrument.positive_prices)
        prices = dict(zip(("open", "high", "low", "close"), row[1:5], strict=True))
        found = []
        if fault is not None:
            values = {"volume": row[5]} if fault.startswith("volume") else prices
            found.append(QualityFinding(fault, _SENTENCES[fault], row[0], values))
        volume = row[5]
        if self.instrument.whole_lots and math.isfinite(volume) and volume != round(volume):
            found.append(
                QualityFinding(
                    "volume_not_whole", "volume is not a whole number of lots", row[0], {"volume": volume}
                )
            )
        tick = self.instrument.tick_size
        if tick and fault is None:
            for price in row[1:5]:
                ticks = price / tick
                if abs(ticks - round(ticks)) > max(_TICK_SLACK, abs(ticks) * 1e-15):
                    found.append(
                        QualityFinding(
                            "price_off_tick", f"a price is no multiple of {tick:g}", row[0], prices
                        )
                    )
                    break
        return found

    def _order(self, row: BarRow, now_ns: int | None) -> list[QualityFinding]:
        found = []
        start, last, grid = row[0], self._last, self.grid
        if last is not None and start <= last[0]:
            kind = "time_backwards" if start < last[0] else "duplicate_equal" if row == last else None
            kind = kind or "duplicate_conflicting"
            found.append(
                QualityFinding(kind, "does not start later than the bar before", start, {"close": row[4]})
            )
        if now_ns is not None and start > now_ns:
            found.append(
                QualityFinding(
                    "time_in_future", "starts in the future", start, {"seconds": (start - now_ns) / 1e9}
                )
            )
        if grid is None:
            return found
        span = grid.span(start)
        if span is None:
            found.append(
                QualityFinding(
                    "session_closed", "starts while the venue is closed", start, {"volume": row[5]}
                )
            )
        elif span[0] != start:
            name = grid.timeframe.name
            late = {"seconds_late": (start - span[0]) / 1e9}
            found.append(QualityFinding("time_off_grid", f"does not start on the {name} grid", start, late))
        if last is not None and self.rules.check_gaps:
            found += self._gap(last, start, grid)
        return found

    def _gap(self, last: BarRow, start: int, grid: Grid) -> list[QualityFinding]:
        held = grid.span(last[0])
        begin = last[0] + 1 if held is None else held[1]
        lacking = grid.count(begin, start)
        if lacking <= 0:
            return []
        first = grid.after(begin)
        seconds = {"seconds": grid.sessions.open_ns(begin, start) / 1e9}
        at = begin if first is None else first[0]
        return [QualityFinding("gap_missing", "no bar inside the session", at, seconds, lacking)]

    def _spikes(self, row: BarRow) -> list[QualityFinding]:
        start, open_, high, low, close, volume, _, _ = row
        found = []
        if len(self._closes) >= _HALF:
            ordered = sorted(self._closes)
            middle = ordered[len(ordered) // 2]
            deviation = sum(abs(price - middle) for price in ordered) / len(ordered)
            usual = sorted(self._ranges)[len(self._ranges) // 2]
            floor = (self.instrument.tick_size or 0.0) / 2
            # From the open too: the bar after a true jump opens where that one closed.
            off = min(max(high - level, level - low) for level in (middle, self._closes[-1], open_))
            if off > _SPIKE * max(deviation, usual, floor):
                found.append(
                    QualityFinding(
                        "price_spike", "high or low is far off the bars before it", start, {"off": off}
                    )
                )
            before = self._closes[-1]
            # Where prices pass through zero their ratio says nothing.
            if (
                self.instrument.positive_prices
                and min(close, before) > 0
                and not 1 / 30 < close / before < 30
            ):
                factor = {"factor": close / before, "close": close}
                found.append(
                    QualityFinding("unit_change", "price jumped by a factor of about 100", start, factor)
                )
        if volume > 0 and math.isfinite(volume) and len(self._logs) >= _HALF:
            logs = sorted(self._logs)
            usual = logs[len(logs) // 2]
            deviation = max(sum(abs(one - usual) for one in logs) / len(logs), math.log(2.0))
            if math.log(volume) - usual > _VOLUME_SPIKE * deviation:
                found.append(
                    QualityFinding(
                        "volume_spike", "volume is far above the bars before it", start, {"volume": volume}
                    )
                )
        flat = bool(self._closes) and open_ == high == low == close == self._closes[-1]
        self._flat = self._flat + 1 if flat else 0
        if self._flat == _FLAT_RUN:
            found.append(QualityFinding("flat_run", "no price moved", start, {"close": close}, _FLAT_RUN))
        return found

    def _remember(self, row: BarRow) -> None:
        self._last = row
        if math.isfinite(row[4]) and math.isfinite(row[2]) and math.isfinite(row[3]):
            self._closes.append(row[4])
            self._ranges.append(row[2] - row[3])
        if row[5] > 0 and math.isfinite(row[5]):
            self._logs.append(math.log(row[5]))


def quote_fault(row: QuoteRow, *, positive_prices: bool = True) -> str | None:
    """Return why a quote cannot be, None where it can; a side that is missing (``nan``) is none.

    Parameters
    ----------
    positive_prices
        Whether a bid below zero, and an ask at or below it, is a fault.

    Examples
    --------
    >>> quote_fault((0, -0.25, 1.0, 0.25, 1.0))
    'quote_not_positive'
    >>> quote_fault((0, -0.25, 1.0, 0.25, 1.0), positive_prices=False) is None
    True
    """
    _, bid, bid_size, ask, ask_size = row
    if math.isinf(bid) or math.isinf(ask):
        return "quote_not_finite"
    if positive_prices and (bid < 0 or ask <= 0):
        return "quote_not_positive"
    return "quote_size_negative" if bid_size < 0 or ask_size < 0 else None


class QuoteChecks:
    """Checks quotes: crossed, locked, or with a spread far above the usual one."""

    def __init__(self, rules: ValidationRules) -> None:
        self.rules = rules
        self._spreads: deque[float] = deque(maxlen=401)
        self._median = math.nan
        self._until = 0

    def check(self, rows: Sequence[QuoteRow]) -> list[QualityFinding]:
        """Return what is wrong with quotes, one finding a kind with its count."""
        found: dict[str, tuple[QuoteRow, int]] = {}
        for row in rows:
            spread = row[3] - row[1]
            kind = self._kind(spread)
            if kind is not None:
                first, count = found.get(kind, (row, 0))
                found[kind] = (first, count + 1)
            elif spread > 0:
                self._remember(spread)
        return [
            QualityFinding(kind, _QUOTE_SENTENCES[kind], row[0], {"bid": row[1], "ask": row[3]}, count)
            for kind, (row, count) in found.items()
            if self.rules.allows(kind)
        ]

    def _kind(self, spread: float) -> str | None:
        if spread < 0:
            return "quote_crossed"
        if spread == 0:
            return "quote_locked"
        return "spread_wide" if spread > _WIDE * self._median else None

    def _remember(self, spread: float) -> None:
        self._spreads.append(spread)
        self._until -= 1
        # The median of hundreds hardly moves from one quote to the next.
        if self._until <= 0 and len(self._spreads) >= _HALF:
            self._until = _WINDOW
            self._median = sorted(self._spreads)[len(self._spreads) // 2]


_QUOTE_SENTENCES = {
    "quote_crossed": "the bid is above the ask",
    "quote_locked": "the bid equals the ask",
    "spread_wide": f"the spread is more than {_WIDE:g} times the usual one",
}


def out_of_order(rows: Sequence[TradeRow], newest_ns: int) -> list[QualityFinding]:
    """Return a finding for trades stamped more than a minute before the newest one."""
    late = [row for row in rows if row[0] < newest_ns - _DISORDER_NS]
    if not late:
        return []
    first = late[0]
    values: Mapping[str, float] = {"seconds_late": (newest_ns - first[0]) / 1e9, "price": first[1]}
    sentence = "a trade is stamped more than a minute before the newest one"
    return [QualityFinding("trade_out_of_order", sentence, first[0], values, len(late))]


def seed_rows(time_us: NDArray, *columns: NDArray) -> list[BarRow]:  # type: ignore[type-arg]  # any dtype
    """Return columns (open, high, low, close, volume) as rows for `BarChecks.seed`."""
    listed = [column.tolist() for column in columns]
    return [
        (time * 1000, o, h, low, c, v, 0, 0.0)
        for time, o, h, low, c, v in zip(time_us.tolist(), *listed, strict=True)
    ]
