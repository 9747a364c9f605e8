"""Checks that find what is planted, counts that add up, alerts that come at most once a second of a kind."""

from __future__ import annotations

import queue
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import NoDataError, OptionError
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.runtime.live.data_quality import QualityAlerts
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade

CHECKS = {
    "check_price_consistency": ("ohlc_inconsistent", (START, 100.0, 100.5, 99.5, 101.0, 10.0, 5, 1000.0)),
    "check_volume_sanity": ("volume_negative", (START, 100.0, 100.5, 99.5, 100.0, -10.0, 5, 1000.0)),
    "check_tick_size": ("price_off_tick", (START, 100.1, 100.5, 99.5, 100.0, 10.0, 5, 1000.0)),
    "check_spikes": ("price_spike", (START, 100.0, 190.0, 99.5, 100.0, 10.0, 5, 1000.0)),
    "check_gaps": ("gap_missing", (START + 5 * MINUTE, 100.0, 100.5, 99.5, 100.0, 10.0, 5, 1000.0)),
    "check_units": ("unit_change", (START, 10_000.0, 10_000.0, 10_000.0, 10_000.0, 10.0, 5, 100_000.0)),
}


@pytest.mark.parametrize("option", CHECKS)
@pytest.mark.parametrize("held", [False, True])
def test_each_check_of_bars_finds_what_is_planted_and_only_when_it_is_on(option: str, held: bool) -> None:
    kind, bad = CHECKS[option]
    for is_on in (True, False):
        history = minutes(-200, 200)
        if held:
            # Among the bars held when validation is enabled, with good ones after it.
            later = minutes(int((bad[0] - START) / MINUTE) + 1, 100)
            history = [*history, bad, *later]
        now = START + 200 * MINUTE if held else START
        feed = HandFeed(history, bars=("1min",), clock=EventClock(now))
        with open_market(feed, "1min", validate_bars=False) as market:
            found: list[mdnb.Event] = []
            market.on("data_quality_alert", found.append)
            market.data.configure_bar_processing(use_tick_data=False)
            market.data.enable_validation(**{option: is_on}, max_price_deviation=None)
            if not held:
                # The source changes with the next bar; this one is of the next minute on.
                feed.bars((bad[0] + MINUTE, *bad[1:]))
            types = {error.type for error in market.data.get_validation_errors(1000)}
            assert (kind in types) is is_on
            stats = market.data.get_validation_stats()
            assert (stats.errors_detected > 0) >= is_on
            assert stats.by_type.get(kind, 0) == (0 if not is_on else stats.by_type[kind])
            assert 0 <= stats.success_rate <= 1
            if is_on:
                error = market.data.get_validation_errors(1, type=kind)[0]
                assert error["description"]
                assert error.values
                assert error.timestamp.tzinfo is not None


def test_good_data_has_no_errors() -> None:
    feed = HandFeed(minutes(-500, 500))
    with open_market(feed, "1min", "5min", "15min") as market:
        market.data.enable_validation()
        feed.trades(*(trade(i, 100.0 + 0.25 * (i % 5), 1.0, i) for i in range(1000)))
        stats = market.data.get_validation_stats()
        assert stats.errors_detected == 0
        assert stats.success_rate == 1.0
        assert stats.bars_validated >= 500 + 100 + 33 + 16


def test_nothing_is_checked_before_it_is_enabled() -> None:
    feed = HandFeed(minutes(-100, 100))
    with open_market(feed) as market:
        feed.quotes((START, 101.0, 1.0, 100.0, 1.0))
        stats = market.data.get_validation_stats()
        assert (stats.enabled, stats.bars_validated, stats.errors_detected, stats.corrections_made) == (
            False,
            0,
            0,
            0,
        )
        assert stats.success_rate == 1.0


def test_a_price_that_deviates_is_refused_and_counted() -> None:
    for share in (0.05, None):
        feed = HandFeed()
        with open_market(feed) as market:
            feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(50)))
            market.data.enable_validation(max_price_deviation=share)
            feed.trades(trade(50, 106.0, 1.0, 50), trade(51, 104.0, 1.0, 51))
            highest = market.data.get_data("1min")["high"].max()
            assert highest == (104.0 if share else 106.0)
            taken = market.accounting()
            assert taken.rejected.get("price_deviation", 0) == (1 if share else 0)
            assert taken.balanced
            assert market.data.get_validation_stats().corrections_made == (1 if share else 0)


def test_quotes_are_checked() -> None:
    for is_on in (True, False):
        feed = HandFeed()
        with open_market(feed) as market:
            market.data.enable_validation(check_quotes=is_on)
            feed.quotes(*((START + i, 100.0, 1.0, 100.25, 1.0) for i in range(60)))
            feed.quotes((START + 60, 101.0, 1.0, 100.0, 1.0), (START + 61, 100.0, 1.0, 100.0, 1.0))
            feed.quotes((START + 62, 80.0, 1.0, 100.0, 1.0))
            types = market.data.get_validation_stats().by_type
            expected = {"quote_crossed": 1, "quote_locked": 1, "spread_wide": 1} if is_on else {}
            assert dict(types) == expected


def test_trades_stamped_long_before_the_newest_are_found() -> None:
    for is_on in (True, False):
        feed = HandFeed()
        with open_market(feed) as market:
            market.data.enable_validation(check_timestamp_order=is_on)
            feed.trades(trade(200, 100.0, 1.0, 0))
            feed.trades(trade(1, 100.0, 1.0, 1))
            found = market.data.get_validation_stats().by_type
            assert found.get("trade_out_of_order", 0) == (1 if is_on else 0)


def test_bars_while_the_venue_is_closed_and_off_the_grid_are_found() -> None:
    hours = Sessions([START - 600 * MINUTE, START + 30 * MINUTE], [START + 10 * MINUTE, START + 90 * MINUTE])
    history = [*minutes(-50, 50), *minutes(0, 5)]
    feed = HandFeed(history, sessions=hours, clock=EventClock(START + 5 * MINUTE))
    with open_market(feed, "1min") as market:
        market.data.enable_validation()
        assert market.data.get_validation_stats().errors_detected == 0
        feed.trades(
            trade(31 * 60, 100.0, 1.0, 0), trade(33 * 60, 100.0, 1.0, 1), trade(36 * 60, 100.0, 1.0, 2)
        )
        gaps = [error for error in market.data.get_validation_errors() if error.type == "gap_missing"]
        # Minutes 5 to 10 of the first session, 30 to 31 and 32 to 33 of the second; nothing between them.
        assert sum(error.count for error in gaps) == 5 + 1 + 1
    with open_market(HandFeed(sessions=hours), "1min") as market:
        feed = market._parts.session.feed  # type: ignore[assignment]
        feed.trades(trade(20 * 60, 100.0, 1.0, 0))
        assert len(market.data.get_data("1min")) == 0, "no bar is invented outside session hours"
        assert market.accounting().outside_session == 1


def test_a_feed_that_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HandFeed(minutes(-100, 100), bars=("1min",))
    with open_market(feed, "1min") as market:
        market.data.enable_validation()
        market.data.configure_bar_processing(use_tick_data=False)
        flat = [(START + i * MINUTE, 100.0, 100.0, 100.0, 100.0, 1.0, 1, 100.0) for i in range(1, 35)]
        feed.bars(*flat)
        assert market.data.get_validation_errors(type="flat_run")[0].count == 30
        # The clock of the connection moves on, and nothing has come.
        health = market._parts.session.health
        monkeypatch.setattr(health, "_now", lambda: health._began + 3600.0)
        event = market.wait_for("data_quality_alert", 10, lambda event: event.alert_type == "feed_stale")
        assert event.description == "no sign of life for 3600 s while the market is open"


def test_a_market_whose_trades_are_all_refused_is_told_and_scores_nothing() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(*(trade(i, -1.0, 1.0, i) for i in range(5)))
        assert market.data.get_stats().freshness == 0.0
        event = market.wait_for("data_quality_alert", 10, lambda event: event.alert_type == "all_refused")
        assert event.description.startswith("data comes and all of it was refused for ")
        assert market.data.get_validation_errors(type="all_refused")
        feed.trades(trade(6, 100.0, 1.0, 6))
        assert market.data.get_stats().freshness == 1.0


def test_one_absurd_id_stops_nothing_and_is_said() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        ids = [*range(20), 2**62, *range(20, 250)]
        for at, number in enumerate(ids):
            feed.trades(trade(at / 10, 100.0 + at, 1.0, number))
        taken = market.accounting()
        assert (taken.received, taken.in_bars, taken.duplicate, taken.balanced) == (251, 251, 0, True)
        assert market.price == 350.0
        stats = market.data.get_stats()
        assert (stats.freshness, stats.gaps) == (1.0, 0)
        (fault,) = market.data.get_validation_errors()
        assert (fault.type, fault.values["trade_id"]) == ("odd_trade_id", 2**62)
        assert str(2**62) in str(market)


def refused_by(feed: HandFeed, market: LiveMarket, why: str, begin: int) -> None:
    """Send twenty trades of which none is accepted, newer than all before."""
    if why == "unsubscribed":
        market._parts.session.market("X").pipeline.subscribed.discard("trades")
    for at in range(begin, begin + 20):
        # No two misprints agree, so that none of them is the new level.
        price = {"price": -1.0, "held_back": 150.0 + 30.0 * (at - begin)}.get(why, 100.0)
        feed.trades(trade(at, price, 1.0, at - begin if why == "duplicate" else at))


@pytest.mark.parametrize("why", ["duplicate", "unsubscribed", "price", "held_back"])
def test_that_all_is_refused_is_told_once_with_the_reason(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        if why == "held_back":
            pipeline = market._parts.session.market("X").pipeline
            pipeline.outlier_gate = OutlierGate(pipeline.engine)
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        session = market._parts.session
        refusals = session.market("X").pipeline.refusals
        now = [1000.0]
        monkeypatch.setattr(refusals, "_now", lambda: now[0])
        feed.trades(*(trade(at, 100.0 + at % 7 / 4, 1.0, at) for at in range(40)))
        before = session.health.newest_data()
        look = session.housekeeping.look
        refused_by(feed, market, why, 40)
        call(look())
        assert market.data.get_stats().freshness == 1.0, "it may be over in a moment"
        now[0] += 11.0
        refused_by(feed, market, why, 60)
        call(look())
        call(look())
        assert session.health.newest_data() == before, "the age of the price grows"
        stats = market.data.get_stats()
        assert (stats.freshness, stats.data_quality_score) == (0.0, 0.0)
        (fault,) = market.data.get_validation_errors(type="all_refused")
        reason = {"price": "price_not_positive"}.get(why, why)
        assert fault.values.keys() == {"seconds", reason}
        assert (fault.count, fault.values[reason]) == (40, 40)
        assert fault.description in str(market)
        assert fault.description in market._repr_html_()
        # Handlers have a thread of their own.
        while (event := told.get(timeout=LIMIT_SECONDS)).alert_type != "all_refused":
            pass
        assert event.description == fault.description
        assert f"40 {reason}" in fault.description


def test_old_trades_that_a_new_connection_tells_again_are_nothing_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        session = market._parts.session
        refusals = session.market("X").pipeline.refusals
        now = [1000.0]
        monkeypatch.setattr(refusals, "_now", lambda: now[0])
        look = session.housekeeping.look
        old = [trade(at, 100.0, 1.0, at) for at in range(50)]
        feed.trades(*old)
        for _ in range(30):
            # Nobody trades, and the line is lost again and again.
            now[0] += 7.0
            feed.status("disconnected")
            feed.status("reconnected")
            feed.trades(*old)
            call(look())
            assert market.data.get_stats().freshness == 1.0
        assert market.accounting().duplicate == 1500
        assert market.data.get_validation_errors() == []
        # Told again and again over one connection they are all that comes.
        for _ in range(3):
            now[0] += 7.0
            feed.trades(*old[-5:])
            call(look())
        assert market.data.get_stats().freshness == 0.0
        assert len(market.data.get_validation_errors(type="all_refused")) == 1


def test_errors_come_newest_first_and_bounded() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        market.data.enable_validation()
        for i in range(1200):
            feed.quotes((START + 90 * i * SECOND, 101.0, 1.0, 100.0, 1.0))
        errors = market.data.get_validation_errors(limit=10)
        assert [error.time_ns for error in errors] == [START + 90 * i * SECOND for i in range(1199, 1189, -1)]
        assert len(market.data.get_validation_errors(limit=10_000)) == 1000
        assert market.data.get_validation_stats().by_type["quote_crossed"] == 1200
        assert market.data.get_validation_errors(limit=0) == []
        with pytest.raises(OptionError, match="limit"):
            market.data.get_validation_errors(limit=-1)
        with pytest.raises(OptionError, match="max_price_deviation"):
            market.data.enable_validation(max_price_deviation=1.5)


def test_alerts_come_at_most_once_a_second_of_a_kind_and_count_the_rest() -> None:
    told: list[tuple[str, int]] = []
    now = [0.0]
    alerts = QualityAlerts(
        lambda time_ns, data: told.append((data["alert_type"], data["count"])), lambda: now[0]
    )
    for i in range(100):
        alerts.add("spike", "a spike", i)
        alerts.add("gap", "a gap", i)
    assert told == [("spike", 1), ("gap", 1)]
    now[0] = 0.99
    alerts.flush()
    assert len(told) == 2
    now[0] = 1.0
    alerts.flush()
    assert told[2:] == [("spike", 99), ("gap", 99)]
    alerts.flush()
    assert len(told) == 4


def test_an_alert_says_what_and_how_often() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        events: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", events.put)
        feed.trades(trade(0, 100.0, 1.0, 0), trade(1, -5.0, 1.0, 1))
        event = events.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "price_not_positive"
        assert event["description"]
        assert event.values == {"price": -5.0, "size": 1.0}


@pytest.mark.parametrize(
    "fixture", ["ASAI-L-1h-bad-unit", "SSW-JO-1d-100x-error", "4063-T-1d-bad-stock-split"]
)
def test_the_real_files_with_defects_are_found_after_import(
    fixture: str, shared_data: Path, tmp_path: Path
) -> None:
    for suffix, expected in (("", False), ("-fixed", True)):
        table = pd.read_csv(shared_data / "defects" / f"{fixture}{suffix}.csv")
        table = table.rename(columns=str.lower).rename(columns={"datetime": "date"})
        times = pd.to_datetime(table["date"], utc=True)
        hourly = "1h" in fixture
        table["timestamp"] = times.dt.floor("h") if hourly else times.dt.normalize()
        table = table[["timestamp", "open", "high", "low", "close", "volume"]].drop_duplicates("timestamp")
        table.to_csv(tmp_path / "bars.csv", index=False)
        name = "1hour" if hourly else "1day"
        feed = HandFeed(instrument=Instrument("X", 0.0001))
        with open_market(feed, name, validate_bars=False) as market:
            market.data.import_from_csv(tmp_path / "bars.csv", name)
            result = market.data.validate_imported_data(name)
            kinds = {error.type for error in result.errors}
            assert (not kinds & {"unit_change", "split_not_applied"}) is expected
            assert result.success is (not result.errors)


def test_validating_what_is_not_there_says_so() -> None:
    with open_market(HandFeed()) as market, pytest.raises(NoDataError, match="import some first"):
        market.data.validate_imported_data("1min")


def test_imported_bars_that_cannot_be_are_told_again_by_validation(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {name: [100.0] * 50 for name in ("open", "high", "low", "close")}
        | {"volume": 5, "timestamp": pd.date_range("2026-03-01", periods=50, freq="1min", tz="UTC")}
    )
    table.loc[20, "high"] = 99.0
    table.to_csv(tmp_path / "bars.csv", index=False)
    with open_market(HandFeed()) as market:
        with pytest.warns(UserWarning, match="1 of 50 bars were refused: 1 ohlc_inconsistent"):
            result = market.data.import_from_csv(tmp_path / "bars.csv", "1min")
        assert (result.refused, result.added) == (1, 49)
        checked = market.data.validate_imported_data("1min")
        assert not checked.success
        assert "ohlc_inconsistent" in {error.type for error in checked.errors}


def test_no_check_is_without_a_test() -> None:
    import dataclasses

    from mdnb.validate.rules import ValidationRules

    elsewhere = {
        "check_quotes",
        "check_timestamp_order",
        "check_stale",
        "max_price_deviation",
        "check_children",
    }
    assert {field.name for field in dataclasses.fields(ValidationRules)} == elsewhere | set(CHECKS)


def test_coarse_bars_that_are_not_made_of_the_finer_ones_are_found() -> None:
    for is_on in (True, False):
        feed = HandFeed(minutes(-100, 100))
        with open_market(feed, "1min", "5min") as market:
            log = market.data.engine.log("5min")
            row, flags = log.row(5)
            log.change(5, (*row[:2], row[2] + 1.0, *row[3:]), flags)
            market.data.enable_validation(check_children=is_on)
            found = market.data.get_validation_stats().by_type
            assert found.get("children_differ", 0) == (1 if is_on else 0)
