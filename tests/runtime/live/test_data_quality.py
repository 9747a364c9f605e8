"""Checks of live bars, as a market runs them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mdnb.errors import DataExportError
from mdnb.instruments import Instrument
from mdnb.runtime.live.data_quality import (
    POSITIVE_PRICES_HINT,
    TROUBLE_WORDS,
    Quality,
    QualityAlerts,
    hint_at,
)
from mdnb.runtime.live.kept_faults import DataFault
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.validate.findings import QualityFinding
from mdnb.validate.rules import ValidationRules
from tests.manager.hand import START, HandFeed, bar, open_market, trade


class Told:
    """A symbol's data quality, with the alerts that it emitted and a clock that the test moves."""

    def __init__(self, instrument: Instrument | None = None) -> None:
        self.alerts: list[tuple[int, dict[str, Any]]] = []
        self.now = 0.0
        emitted = QualityAlerts(lambda time_ns, data: self.alerts.append((time_ns, data)), lambda: self.now)
        self.quality = Quality(
            "X", instrument or Instrument("X", 0.25), "America/Chicago", emitted, lambda: START
        )

    def newest(self) -> dict[str, Any]:
        """Return the newest alert's data, its values as a plain mapping."""
        data = self.alerts[-1][1]
        return {**data, "values": dict(data["values"])}


def test_a_timeframe_added_after_validation_was_enabled_is_checked_too() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        market.data.enable_validation()
        market.data.add_timeframe("5min")
        # Prices are multiples of 0.25.
        feed.trades(trade(0, 100.1, 1.0, 0), trade(300, 100.0, 1.0, 1))
        found = {(error.timeframe, error.type) for error in market.data.get_validation_errors()}
        assert found == {("1min", "price_off_tick"), ("5min", "price_off_tick")}
        assert market.data.get_validation_stats().bars_validated == 2


def test_what_was_refused_is_told_with_its_prices_and_what_to_do() -> None:
    told = Told()
    told.quality.rejected("price_not_positive", trade(0, -5.0, 2.0, 7))
    assert told.newest() == {
        "alert_type": "price_not_positive",
        "description": f"a trade was refused: price_not_positive; {POSITIVE_PRICES_HINT}",
        "count": 1,
        "values": {"price": -5.0, "size": 2.0},
    }
    told.quality.rejected("not_finite", (*bar(1, 100.0)[:4], 101.0, 1.0, 1, 101.0), "1min")
    assert told.newest() == {
        "alert_type": "not_finite",
        "description": "a bar was refused: not_finite (1min bar)",
        "count": 1,
        "values": {"open": 100.0, "close": 101.0},
    }
    told.quality.outlier(trade(2, 900.0, 3.0, 8))
    assert told.newest() == {
        "alert_type": "price_outlier",
        "description": "a trade far off the market is held back",
        "count": 1,
        "values": {"price": 900.0, "size": 3.0},
    }
    assert [fault.time_ns - START for fault in told.quality.errors] == [0, 60_000_000_000, 2_000_000_000]
    assert [(fault.symbol, fault.timeframe) for fault in told.quality.errors] == [
        ("X", ""),
        ("X", "1min"),
        ("X", ""),
    ]
    assert {(fault.tz, fault.decimals, fault.count) for fault in told.quality.errors} == {
        ("America/Chicago", 2, 1)
    }
    assert told.quality.detected == {"price_not_positive": 1, "not_finite": 1, "price_outlier": 1}


def test_alerts_of_one_kind_within_a_second_are_one_with_their_number() -> None:
    told = Told()
    alerts = told.quality.alerts
    for now, count in ((0.0, 1), (0.5, 2), (0.75, 4)):
        told.now = now
        alerts.add("late", f"at {now}", START + count, count, {"now": now})
    alerts.add("early", "another kind", START + 9)
    assert [(data["alert_type"], data["count"]) for _, data in told.alerts] == [("late", 1), ("early", 1)]
    told.now = 0.99
    alerts.flush()
    assert len(told.alerts) == 2
    told.now = 1.0
    alerts.flush()
    alerts.flush()
    assert len(told.alerts) == 3
    assert told.alerts[-1][0] == START + 4
    assert told.newest() == {
        "alert_type": "late",
        "description": "at 0.75",
        "count": 6,
        "values": {"now": 0.75},
    }


def test_of_frames_that_were_not_understood_the_last_is_kept_with_the_number_of_all() -> None:
    told = Told()
    for at, count in ((1, 3), (2, 4)):
        told.quality.note(QualityFinding("other", "something else", START + at, {}))
        told.quality.not_understood(f"frame {at}", START + at, count)
    kept = [
        (fault.type, fault.description, fault.count, fault.time_ns - START, fault.last_ns - START)
        for fault in told.quality.errors
    ]
    assert kept == [("other", "something else", 2, 1, 2), ("malformed", "frame 2", 7, 1, 2)]
    assert told.quality.malformed is list(told.quality.errors)[-1]
    assert told.quality.detected == {"other": 2, "malformed": 7}


def test_a_finding_may_be_kept_without_an_alert() -> None:
    told = Told()
    told.quality.note(QualityFinding("late", "a trade came late", START, {}), alert=False)
    assert (len(told.quality.errors), told.alerts) == (1, [])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataExportError("the disk is full"), "the disk is full"),
        (DataExportError(""), "DataExportError"),
        (OSError("no space left"), "OSError: no space left"),
        ("the history is behind", "the history is behind"),
    ],
)
def test_a_failure_behind_the_market_is_told_once_until_it_is_over(
    error: BaseException | str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    caplog.set_level(logging.WARNING, logger="mdnb")
    assert told.quality.trouble("disk", error, START)
    assert not told.quality.trouble("disk", error, START + 1)
    assert told.quality.trouble("background", "all else", START + 2)
    assert told.quality.in_words() == (f"bars not saved: {words}", "background failing: all else")
    states = {name: told.quality.state(name) for name in ("connected", "reconnected", "stale")}
    assert states == {"connected": "bars not saved", "reconnected": "bars not saved", "stale": "stale"}
    assert told.quality.trouble_over("disk")
    assert not told.quality.trouble_over("disk")
    assert told.quality.troubles == {"background": "all else"}
    assert [(fault.type, fault.description, fault.time_ns - START) for fault in told.quality.errors] == [
        ("disk", words, 0),
        ("background", "all else", 2),
    ]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", f"X: bars not saved: {words}"),
        ("ERROR", "X: background failing: all else"),
        ("WARNING", "X: bars not saved: that is over"),
    ]


def only(told: Told) -> DataFault:
    """Return the one thing that was found."""
    (fault,) = told.quality.errors
    return fault


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("price_not_positive", f"; {POSITIVE_PRICES_HINT}"),
        ("quote_not_positive", f"; {POSITIVE_PRICES_HINT}"),
        ("not_finite", ""),
    ],
)
def test_only_where_prices_are_not_positive_it_is_told_what_to_do(reason: str, hint: str) -> None:
    assert hint_at([reason]) == hint_at(["other", reason]) == hint
    told = Told()
    told.quality.quote_rejected(reason, (START + 5, -1.0, 2.0, 3.0, 4.0))
    assert told.newest() == {
        "alert_type": reason,
        "description": f"a quote was refused: {reason}{hint}",
        "count": 1,
        "values": {"bid": -1.0, "ask": 3.0},
    }
    assert (told.alerts[-1][0], only(told).time_ns) == (START + 5, START + 5)
    assert (only(told).description, only(told).values) == (
        f"a quote was refused: {reason}{hint}",
        {"bid": -1.0, "ask": 3.0},
    )


def test_a_row_without_a_time_is_refused_as_of_now() -> None:
    told = Told()
    told.quality.rejected("not_finite", (None, 5.0, 1.0, 1, 0, -1))  # type: ignore[arg-type]  # as no decoder gives it
    assert only(told).time_ns == START


def test_crossed_quotes_are_one_finding_of_the_last_of_them_without_an_alert() -> None:
    told = Told()
    rows = [(START + at, 10.0 + at, 1.0, 9.0 - at, 2.0) for at in range(3)]
    told.quality.quotes_crossed(rows)
    told.quality.note(QualityFinding("other", "something else", START, {}), alert=False)
    told.quality.quotes_crossed([(START + 9, 10.0, 1.0, 9.0, 2.0)])
    found = next(one for one in told.quality.errors if one.type == "quote_crossed")
    assert (found.description, found.count, found.values, found.time_ns, found.last_ns) == (
        "the bid is above the ask; such quotes are taken as they came",
        4,
        {"bid": 10.0, "ask": 9.0},
        START + 2,
        START + 9,
    )
    assert told.quality.detected == {"quote_crossed": 4, "other": 1}
    assert told.alerts == []
    told.quality.enable(ValidationRules(), {})
    told.quality.quotes_crossed(rows)
    assert told.quality.detected["quote_crossed"] == 4, "the checks do"


@pytest.mark.parametrize("positive", [True, False])
def test_refused_levels_of_a_book_are_one_finding_without_an_alert(positive: bool) -> None:
    told = Told(Instrument("X", 0.25, positive_prices=positive))
    told.quality.levels_refused(3, START + 1)
    told.quality.note(QualityFinding("other", "something else", START, {}), alert=False)
    told.quality.levels_refused(2, START + 9)
    found = next(one for one in told.quality.errors if one.type == "depth_refused")
    why = f"a price that is not above zero, a negative size, or no number; {POSITIVE_PRICES_HINT}"
    if not positive:
        why = "a negative size, or no number"
    assert (found.description, found.count, found.values, found.time_ns, found.last_ns) == (
        f"a level of the order book was refused: {why}",
        5,
        {},
        START + 1,
        START + 9,
    )
    assert told.quality.detected["depth_refused"] == 5
    assert told.alerts == []


def test_a_finding_is_kept_with_where_it_was_and_its_prices_as_they_are_written() -> None:
    told = Told()
    kept = told.quality.note(QualityFinding("gap", "nothing there", START + 3, {"open": 5.0}, 2), "5min")
    assert kept is only(told)
    assert (kept.type, kept.description, kept.time_ns, kept.last_ns, kept.values, kept.count) == (
        "gap",
        "nothing there",
        START + 3,
        START + 3,
        {"open": 5.0},
        2,
    )
    assert (kept.symbol, kept.timeframe, kept.tz, kept.decimals) == ("X", "5min", "America/Chicago", 2)
    assert told.newest() == {
        "alert_type": "gap",
        "description": "nothing there (5min bar)",
        "count": 2,
        "values": {"open": 5.0},
    }
    nobody_knows = Told(Instrument("X"))
    nobody_knows.quality.note(QualityFinding("gap", "nothing there", START, {}))
    assert only(nobody_knows).decimals is None


def test_each_alert_of_a_kind_waits_a_second_for_the_next_and_values_are_its_own() -> None:
    told = Told()
    values = {"price": 1.0}
    told.quality.alerts.add("late", "first", START, values=values)
    values["price"] = 2.0
    assert told.newest() == {
        "alert_type": "late",
        "description": "first",
        "count": 1,
        "values": {"price": 1.0},
    }
    with pytest.raises(TypeError):
        told.alerts[0][1]["values"]["price"] = 3.0
    told.now = 1.0
    told.quality.alerts.add("late", "second", START + 1)
    assert (len(told.alerts), told.newest()["count"], told.newest()["values"]) == (2, 1, {})
    told.now = 1.5
    told.quality.alerts.add("late", "third", START + 2, 3)
    told.now = 2.0
    told.quality.alerts.flush()
    assert (len(told.alerts), told.newest()["count"]) == (3, 3)


def test_bars_are_looked_at_by_the_rules_and_counted_once_however_much_is_wrong() -> None:
    told = Told()
    rules = ValidationRules()
    grid = Grid(Timeframe.parse("1min"), Sessions.always())
    told.quality.enable(rules, {"1min": grid})
    assert told.quality.rules is rules
    good = bar(0, 100.0)
    told.quality.bar("1min", good, grid, rules)
    assert (told.quality.bars_validated, told.quality.bars_bad, len(told.quality.errors)) == (1, 0, 0)
    told.quality.bar("1min", (*bar(1, 100.1)[:2], 99.0, 101.0, *bar(1, 100.1)[4:]), grid, rules)
    assert (told.quality.bars_validated, told.quality.bars_bad) == (2, 1)
    assert {one.type for one in told.quality.errors} == {"ohlc_inconsistent"}
    assert {one.timeframe for one in told.quality.errors} == {"1min"}
    # A gap is no fault of the bar behind it, and one of a timeframe that was added later is looked at, too.
    told.quality.bar("1min", bar(9, 100.0), grid, rules)
    assert (told.quality.bars_validated, told.quality.bars_bad) == (3, 1)
    assert any(one.type.startswith("gap") for one in told.quality.errors)
    told.quality.bar("5min", bar(0, 100.0), None, rules)
    assert (told.quality.bars_validated, told.quality.bars_bad) == (4, 1)


def test_what_begins_anew_knows_nothing_of_what_was_before() -> None:
    told = Told()
    told.quality.begin_anew()
    assert told.quality.rules is None
    rules = ValidationRules()
    grid = Grid(Timeframe.parse("1min"), Sessions.always())
    told.quality.enable(rules, {"1min": grid})
    told.quality.seed("1min", [bar(0, 100.0)])
    told.quality.begin_anew()
    told.quality.bar("1min", bar(9, 100.0), grid, rules)
    assert len(told.quality.errors) == 0, "no gap is known"
    told.quality.seed("1min", [bar(9, 100.0)])
    told.quality.bar("1min", bar(12, 100.0), grid, rules)
    assert len(told.quality.errors) == 1
    assert told.quality.rules is rules


def test_trades_out_of_order_are_told_where_that_is_asked_for() -> None:
    late = [trade(5, 100.0)]
    for rules, found in (
        (None, 0),
        (ValidationRules(check_timestamp_order=False), 0),
        (ValidationRules(check_timestamp_order=True), 1),
    ):
        told = Told()
        if rules is not None:
            told.quality.enable(rules, {})
        told.quality.trades(late, START + 66 * 10**9)
        assert len(told.quality.errors) == found
        told.quality.trades(late, START + 65 * 10**9)
        assert len(told.quality.errors) == found


def test_quotes_are_looked_at_where_that_is_asked_for() -> None:
    crossed = [(START, 10.0, 1.0, 9.0, 1.0)]
    for rules, found in ((None, 0), (ValidationRules(check_quotes=False), 0), (ValidationRules(), 1)):
        told = Told()
        if rules is not None:
            told.quality.enable(rules, {})
        told.quality.quotes(crossed)
        assert len(told.quality.errors) == found


@pytest.mark.parametrize("kind", list(TROUBLE_WORDS))
def test_a_badge_says_what_fails_first(kind: str) -> None:
    told = Told()
    assert told.quality.state("connected") == "connected"
    assert told.quality.trouble(kind, "words", START)
    assert told.quality.state("connected") == TROUBLE_WORDS[kind]
    assert told.quality.in_words() == (f"{TROUBLE_WORDS[kind]}: words",)
    assert told.quality.state("closed") == "closed"


def test_the_log_tells_where_an_error_was_raised_only_where_that_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ValueError("no")
    for given, asked, wanted in ((error, True, error), (error, False, None), ("no", True, None)):
        caplog.clear()
        told = Told()
        told.quality.trouble("intake", given, START, with_traceback=asked)  # type: ignore[arg-type]  # of both kinds
        (record,) = caplog.records
        found = record.exc_info and record.exc_info[1]
        assert found is wanted or (wanted is None and not found)


def test_of_each_handler_that_fails_one_finding_is_kept_with_its_number_and_no_alert() -> None:
    told = Told(Instrument("X", 0.25))
    for number in range(3):
        told.quality.handler_fault("handler_error", f"f raised ValueError: {number}", START + number)
    told.quality.handler_fault("handler_error", "g raised ValueError: 7", START + 9)
    told.quality.handler_fault("handler_lost", "f raised ValueError: 1", START + 10)
    kept = [
        (one.type, one.description, one.count, one.time_ns - START, one.last_ns - START)
        for one in told.quality.errors
    ]
    assert sorted(kept) == [
        ("handler_error", "f raised ValueError: 2", 3, 0, 2),
        ("handler_error", "g raised ValueError: 7", 1, 9, 9),
        ("handler_lost", "f raised ValueError: 1", 1, 10, 10),
    ]
    assert {(one.symbol, one.timeframe, one.tz, one.decimals) for one in told.quality.errors} == {
        ("X", "", "America/Chicago", None)
    }
    assert {one.time.tzname() for one in told.quality.errors} == {"CST"}
    assert dict(told.quality.detected) == {"handler_error": 4, "handler_lost": 1}
    told.now += 2.0
    assert told.alerts == []
