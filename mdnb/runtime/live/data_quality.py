"""Data quality of one symbol: findings are kept, alerts emitted at most once per second and kind."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mdnb.errors import MdnbError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow, TradeRow
from mdnb.timeframes import Grid
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import BarChecks, QuoteChecks, out_of_order
from mdnb.validate.rules import ValidationRules

__all__ = ["DataFault", "EmitAlert", "Quality", "QualityAlerts"]

_ERRORS_KEPT = 1000
_ALERT_SECONDS = 1.0

EmitAlert = Callable[[int, dict[str, Any]], None]
"""Called with the market time and the data of an alert."""


class QualityAlerts:
    """Emits data quality alerts, at most one per second and kind; those in between are counted.

    Parameters
    ----------
    emit
        Emits the event.
    now
        A monotonic clock in seconds; tests give their own.
    """

    def __init__(self, emit: EmitAlert, now: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._now = now
        self._emitted: dict[str, float] = {}
        self._waiting: dict[str, tuple[int, int, str, Mapping[str, Any]]] = {}

    def add(
        self,
        kind: str,
        description: str,
        time_ns: int,
        count: int = 1,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Emit an alert, at most one per second and kind; otherwise count it."""
        _, before, _, _ = self._waiting.get(kind, (0, 0, "", {}))
        self._waiting[kind] = (time_ns, before + count, description, values or {})
        self._flush(kind)

    def flush(self) -> None:
        """Emit the alerts that were held back, where a second has passed."""
        for kind in list(self._waiting):
            self._flush(kind)

    def _flush(self, kind: str) -> None:
        now = self._now()
        if now - self._emitted.get(kind, -_ALERT_SECONDS) < _ALERT_SECONDS:
            return
        time_ns, count, description, values = self._waiting.pop(kind)
        self._emitted[kind] = now
        data = {"alert_type": kind, "description": description, "count": count, "values": dict(values)}
        self._emit(time_ns, data)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataFault(QualityFinding):
    """Something wrong with live data: a finding, with whose data and which timeframe it is."""

    symbol: str = ""
    timeframe: str = ""


class Quality:
    """Runs the checks of one symbol, counts and keeps what they find.

    Attributes
    ----------
    rules
        Which checks are on; None while validation was not enabled.
    bars_validated, bars_bad
        Bars looked at, and those with something wrong in themselves.
    detected
        Findings, by type.
    """

    def __init__(self, symbol: str, instrument: Instrument, tz: str, alerts: QualityAlerts) -> None:
        self.symbol = symbol
        self.alerts = alerts
        self.rules: ValidationRules | None = None
        self.bars_validated = 0
        self.bars_bad = 0
        self.detected: collections.Counter[str] = collections.Counter()
        self.errors: collections.deque[DataFault] = collections.deque(maxlen=_ERRORS_KEPT)
        self._instrument = instrument
        self._tz = tz
        self._checks: dict[str, BarChecks] = {}
        self._quotes: QuoteChecks | None = None

    def enable(self, rules: ValidationRules, grids: Mapping[str, Grid | None]) -> None:
        """Turn the checks on; counters keep their values."""
        self.rules = rules
        self._quotes = QuoteChecks(rules) if rules.check_quotes else None
        self._checks = {name: BarChecks(grid, self._instrument, rules) for name, grid in grids.items()}

    def seed(self, timeframe: str, rows: Sequence[BarRow]) -> None:
        """Seed the checks of a timeframe with the bars before."""
        self._checks[timeframe].seed(rows)

    def bar(self, timeframe: str, row: BarRow, grid: Grid | None, rules: ValidationRules) -> None:
        """Check a bar that has just closed, by the rules that are on."""
        checks = self._checks.get(timeframe)
        if checks is None:
            checks = self._checks[timeframe] = BarChecks(grid, self._instrument, rules)
        self.bars_validated += 1
        found = checks.check(row)
        self.bars_bad += any(not one.type.startswith("gap") for one in found)
        for one in found:
            self.note(one, timeframe)

    def quotes(self, rows: Sequence[QuoteRow]) -> None:
        """Check quotes."""
        if self._quotes is not None:
            for one in self._quotes.check(rows):
                self.note(one)

    def trades(self, rows: Sequence[TradeRow], newest_ns: int) -> None:
        """Check the order of trades."""
        if self.rules is not None and self.rules.check_timestamp_order:
            for one in out_of_order(rows, newest_ns):
                self.note(one)

    def rejected(self, reason: str, row: TradeRow | BarRow, timeframe: str = "") -> None:
        """Record a trade or bar that was rejected."""
        values = {"price": row[1], "size": row[2]} if len(row) == 6 else {"open": row[1], "close": row[4]}
        thing = "trade" if len(row) == 6 else "bar"
        self.note(QualityFinding(reason, f"a {thing} was refused: {reason}", row[0], values), timeframe)

    def outlier(self, row: TradeRow) -> None:
        """Record an outlier: a trade that is kept out of the bars until others confirm it."""
        values = {"price": row[1], "size": row[2]}
        self.note(QualityFinding("price_outlier", "a trade far off the market is held back", row[0], values))

    def note(self, found: QualityFinding, timeframe: str = "", *, alert: bool = True) -> None:
        """Count and keep a finding, and emit its alert."""
        self.detected[found.type] += found.count
        fault = DataFault(
            type=found.type,
            description=found.description,
            time_ns=found.time_ns,
            values=found.values,
            count=found.count,
            tz=self._tz,
            decimals=self._instrument.decimals if self._instrument.tick_size else None,
            symbol=self.symbol,
            timeframe=timeframe,
        )
        self.errors.append(fault)
        if alert:
            where = f" ({timeframe} bar)" if timeframe else ""
            self.alerts.add(
                found.type, f"{found.description}{where}", found.time_ns, found.count, found.values
            )

    def trouble(self, kind: str, error: MdnbError, time_ns: int) -> None:
        """Emit an alert for an internal error, such as a full disk, that cannot be raised to a caller."""
        self.alerts.add(kind, str(error), time_ns)
