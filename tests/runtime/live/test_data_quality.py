"""Checks of live bars, as a market runs them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mdnb.errors import DataExportError
from mdnb.instruments import Instrument
from mdnb.runtime.live.data_quality import POSITIVE_PRICES_HINT, Quality, QualityAlerts
from mdnb.validate.findings import QualityFinding
from tests.manager.hand import START, HandFeed, bar, open_market, trade


class Told:
    """A symbol's data quality, with the alerts that it emitted and a clock that the test moves."""

    def __init__(self) -> None:
        self.alerts: list[tuple[int, dict[str, Any]]] = []
        self.now = 0.0
        emitted = QualityAlerts(lambda time_ns, data: self.alerts.append((time_ns, data)), lambda: self.now)
        self.quality = Quality("X", Instrument("X", 0.25), "America/Chicago", emitted, lambda: START)

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
