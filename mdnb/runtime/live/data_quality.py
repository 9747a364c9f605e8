"""Data quality of one symbol: findings are kept, alerts emitted at most once per second and kind."""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mdnb.errors import MdnbError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow, TradeRow, time_of
from mdnb.runtime.live.kept_faults import DataFault, KeptFaults
from mdnb.timeframes import Grid
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import BarChecks, QuoteChecks, out_of_order
from mdnb.validate.rules import ValidationRules

__all__ = [
    "POSITIVE_PRICES_HINT",
    "TROUBLE_WORDS",
    "EmitAlert",
    "Quality",
    "QualityAlerts",
    "error_in_words",
    "hint_at",
]

POSITIVE_PRICES_HINT = "where such prices are real, make the market with positive_prices=False"
"""What to do about prices of zero and below."""

_ALERT_SECONDS = 1.0
_log = logging.getLogger("mdnb")

TROUBLE_WORDS = {
    "disk": "bars not saved",
    "disk_unreadable": "saved bars unreadable",
    "disk_dropped": "bars lost, disk full",
    "store": "store not written",
    "background": "background failing",
    "intake": "data not taken in",
    "refused": "trades refused",
    "subscription": "subscription refused",
    "book": "order book broken",
}
"""What a badge says of a failure in the background, by its kind."""

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
        data = {
            "alert_type": kind,
            "description": description,
            "count": count,
            "values": MappingProxyType(dict(values)),
        }
        self._emit(time_ns, data)


class Quality:
    """Runs the checks of one symbol, counts and keeps what they find.

    Attributes
    ----------
    errors
        What was found, oldest first.
    rules
        Which checks are on; None while validation was not enabled.
    bars_validated, bars_bad
        Bars looked at, and those with something wrong in themselves.
    detected
        Findings, by type.
    troubles
        What fails in the background now, in words, by kind. A new mapping with each change.
    malformed
        The finding on the feed's frames that were not understood, which is about the last of them.
    """

    __slots__ = (
        "__weakref__",
        "_checks",
        "_closer_look",
        "_instrument",
        "_now_ns",
        "_quotes",
        "_tz",
        "alerts",
        "bars_bad",
        "bars_validated",
        "detected",
        "errors",
        "malformed",
        "rules",
        "symbol",
        "troubles",
    )

    def __init__(
        self,
        symbol: str,
        instrument: Instrument,
        tz: str,
        alerts: QualityAlerts,
        now_ns: Callable[[], int] = time.time_ns,
        closer_look: set[str] | None = None,
    ) -> None:
        self.symbol = symbol
        self._closer_look = set() if closer_look is None else closer_look
        self.alerts = alerts
        self.rules: ValidationRules | None = None
        self.bars_validated = 0
        self.bars_bad = 0
        self.detected: collections.Counter[str] = collections.Counter()
        self.errors = KeptFaults()
        self.malformed: DataFault | None = None
        self.troubles: Mapping[str, str] = {}
        self._instrument = instrument
        self._tz = tz
        self._now_ns = now_ns
        self._checks: dict[str, BarChecks] = {}
        self._quotes: QuoteChecks | None = None

    def enable(self, rules: ValidationRules, grids: Mapping[str, Grid | None]) -> None:
        """Turn the checks on; counters keep their values."""
        self.rules = rules
        self._closer_look.add("checks")
        self._quotes = QuoteChecks(rules) if rules.check_quotes else None
        self._checks = {name: BarChecks(grid, self._instrument, rules) for name, grid in grids.items()}

    def begin_anew(self) -> None:
        """Check what comes without regard to what was before, as where another contract begins."""
        if self.rules is not None:
            self.enable(self.rules, {name: checks.grid for name, checks in self._checks.items()})

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
        hint = hint_at([reason])
        sentence = f"a {thing} was refused: {reason}{hint}"
        self.note(QualityFinding(reason, sentence, time_of(row, self._now_ns()), values), timeframe)

    def quote_rejected(self, reason: str, row: QuoteRow) -> None:
        """Record a quote that was refused."""
        sentence = f"a quote was refused: {reason}{hint_at([reason])}"
        self.note(QualityFinding(reason, sentence, row[0], {"bid": row[1], "ask": row[3]}))

    def quotes_crossed(self, rows: Sequence[QuoteRow]) -> None:
        """Record quotes whose bid is above the ask, as one finding; else the checks do, or not."""
        if self.rules is not None:
            return
        values = {"bid": rows[-1][1], "ask": rows[-1][3]}
        sentence = "the bid is above the ask; such quotes are taken as they came"
        found = QualityFinding("quote_crossed", sentence, rows[-1][0], values, len(rows))
        self.note(found, alert=False, always_one=True)

    def levels_refused(self, count: int, time_ns: int) -> None:
        """Record levels of the order book that cannot be, as one finding."""
        why = "a negative size, or no number"
        if self._instrument.positive_prices:
            why = f"a price that is not above zero, {why}{hint_at(['price_not_positive'])}"
        sentence = f"a level of the order book was refused: {why}"
        self.note(QualityFinding("depth_refused", sentence, time_ns, {}, count), alert=False, always_one=True)

    def outlier(self, row: TradeRow) -> None:
        """Record an outlier: a trade that is kept out of the bars until others confirm it."""
        values = {"price": row[1], "size": row[2]}
        self.note(QualityFinding("price_outlier", "a trade far off the market is held back", row[0], values))

    def not_understood(self, description: str, time_ns: int, count: int) -> None:
        """Count frames of the feed that were not understood; one finding is kept, about the last of them.

        They may be many, and must not push out all others.
        """
        found = QualityFinding("malformed", description, time_ns, {}, count)
        self.malformed = self.note(found, always_one=True)

    def note(
        self,
        found: QualityFinding,
        timeframe: str = "",
        *,
        alert: bool = True,
        always_one: bool = False,
        apart: bool = False,
    ) -> DataFault:
        """Count and keep a finding, and emit its alert; return what is kept: see `KeptFaults.add`."""
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
            last_ns=found.time_ns,
        )
        fault = self.errors.add(fault, self._now_ns(), always_one=always_one, apart=apart)
        if alert:
            where = f" ({timeframe} bar)" if timeframe else ""
            self.alerts.add(
                found.type, f"{found.description}{where}", found.time_ns, found.count, found.values
            )
        return fault

    def handler_fault(self, kind: str, sentence: str, time_ns: int) -> None:
        """Keep that a handler failed, or lost an event: of each handler and kind one finding, with its count.

        No alert is emitted: the handler may be one of alerts.
        """
        self.detected[kind] += 1
        about = f"{kind} {sentence.partition(' raised ')[0]}"
        if self.errors.meet_again(about, sentence, time_ns):
            return
        fault = DataFault(
            type=kind,
            description=sentence,
            time_ns=time_ns,
            values={},
            count=1,
            tz=self._tz,
            decimals=None,
            symbol=self.symbol,
            last_ns=time_ns,
        )
        self.errors.keep_one(about, fault)

    def trouble(
        self, kind: str, error: BaseException | str, time_ns: int, *, with_traceback: bool = False
    ) -> bool:
        """Tell of a failure in the background, such as a full disk, that cannot be raised to a caller.

        It is logged, kept and emitted once, and stands in `troubles` until `trouble_over`, however often it
        is met again until then.

        Parameters
        ----------
        kind
            One of `TROUBLE_WORDS`.
        with_traceback
            Whether the log tells where an error was raised.

        Returns
        -------
        bool
            Whether it is new.
        """
        if kind in self.troubles:
            return False
        words = error_in_words(error)
        self.troubles = {**self.troubles, kind: words}
        traceback = error if with_traceback and isinstance(error, BaseException) else None
        _log.error("%s: %s: %s", self.symbol, TROUBLE_WORDS[kind], words, exc_info=traceback)
        self.note(QualityFinding(kind, words, time_ns, {}))
        return True

    def trouble_over(self, kind: str) -> bool:
        """Say that a failure is over, where there was one; return whether there was."""
        if kind not in self.troubles:
            return False
        self.troubles = {name: words for name, words in self.troubles.items() if name != kind}
        _log.warning("%s: %s: that is over", self.symbol, TROUBLE_WORDS[kind])
        return True

    def in_words(self) -> tuple[str, ...]:
        """Return what fails in the background now, a sentence each."""
        return tuple(f"{TROUBLE_WORDS[kind]}: {words}" for kind, words in self.troubles.items())

    def state(self, connection: str) -> str:
        """Return the connection's status for a badge; while it is up, what fails behind it instead."""
        if self.troubles and connection in {"connected", "reconnected"}:
            return TROUBLE_WORDS[next(iter(self.troubles))]
        return connection


def error_in_words(error: BaseException | str) -> str:
    """Return an error in words: with its class, where its message is not one of ours.

    Examples
    --------
    >>> error_in_words(ZeroDivisionError("by nothing"))
    'ZeroDivisionError: by nothing'
    """
    words = str(error)
    if isinstance(error, BaseException) and not (words and isinstance(error, MdnbError)):
        return f"{type(error).__name__}: {words}".removesuffix(": ")
    return words


def hint_at(reasons: Container[str]) -> str:
    """Return what to do about prices of zero and below, where these are among the reasons.

    Examples
    --------
    >>> hint_at(["price_not_positive"])
    '; where such prices are real, make the market with positive_prices=False'
    """
    is_told = "price_not_positive" in reasons or "quote_not_positive" in reasons
    return f"; {POSITIVE_PRICES_HINT}" if is_told else ""
