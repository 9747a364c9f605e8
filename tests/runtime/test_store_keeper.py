"""A market that is kept in a store: what closes, changes or is traded goes there, and is there again."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, DataExportError, DataImportError, FeedRefusedError, OptionError
from mdnb.feeds.rolls import ContractHistory
from mdnb.market import LiveMarket
from mdnb.rows import GonePiece
from mdnb.runtime.process.bridge import call
from mdnb.runtime.store_keeper import StoreKeeper
from mdnb.stores.ticks import CANCELLED, CORRECTED
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, trade

NAMES = ["1min", "5min", "15min"]


def kept_market(
    feed: HandFeed, store: object, *timeframes: str, days: float | None = None, **config: Any
) -> LiveMarket:
    """Return a market of symbol X that is fed by hand and kept."""
    return mdnb.live(
        "X",
        list(timeframes) or NAMES,
        feed=feed,
        initial_days=(1 if feed.history else 0) if days is None else days,
        data_manager_config=DataManagerConfig(**config),
        progress=False,
        # A history that does not answer is not waited for.
        connect_timeout=2.0,
        store=store,  # type: ignore[arg-type]
    )


def keeper(market: LiveMarket) -> StoreKeeper:
    made = market._parts.session.keeper
    assert made is not None
    return made


def look(market: LiveMarket) -> None:
    """Write what is new now."""
    call(keeper(market).look(is_last=True))


def closed(market: LiveMarket, name: str) -> pd.DataFrame:
    """All closed bars of a market, with all that is told of them."""
    return market.data.get_data(name, count=1_000_000, closed_only=True)


def same(folder: Path, market_bars: dict[str, pd.DataFrame]) -> None:
    """Compare what is in a store with the bars of a market, to the bit."""
    with mdnb.store(folder) as store:
        for name, expected in market_bars.items():
            mine = store.frame("X", name)
            pd.testing.assert_frame_equal(
                mine[list(expected.columns)], expected, check_exact=True, check_freq=False
            )


def minutes_of_trades(first: float, count: int, start: int = 0) -> list[Any]:
    """Trades, six a minute, at prices that tell which ones they are."""
    return [
        trade(first * 60 + 10 * at, 100 + (start + at) % 41 * 0.25, 1.0 + at % 3, number=start + at + 1)
        for at in range(6 * count)
    ]


def test_closed_bars_trades_and_quotes_are_there_to_the_bit(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path) as market:
        rows = minutes_of_trades(0, 40)
        for at in range(0, len(rows), 7):
            feed.trades(*rows[at : at + 7])
            feed.quotes((rows[at][0], 99.5, 1.0, 100.5, 2.0))
        expected = {name: closed(market, name) for name in NAMES}
        look(market)
        with mdnb.store(tmp_path) as store:
            assert store.read_only
            assert store.timeframes("X") == NAMES
            # The live tail is read too, before anything is in Parquet.
            assert len(store.frame("X", "1min")) == len(expected["1min"]) == 39
            assert not list(tmp_path.rglob("*.parquet"))
            timed = market.data.get_data("1min", count=100, closed_only=True, with_times=True)
            mine = store.frame("X", "1min")
            pd.testing.assert_series_equal(mine["closed_at"], timed["closed_at"], check_freq=False)
    same(tmp_path, expected)
    with mdnb.store(tmp_path) as store:
        ticks = store.ticks("X")
        assert ticks["trade_id"].tolist() == [row[5] for row in rows]
        assert ticks["price"].tolist() == [row[1] for row in rows]
        assert ticks.index.asi8.tolist() == [row[0] for row in rows]
        assert store.quotes("X")["ask_size"].tolist() == [2.0] * 35


@pytest.mark.parametrize("late", [0.005, 0.025, 0.9])
def test_bars_of_trades_that_a_late_one_opens_are_kept_and_opened_again(tmp_path: Path, late: float) -> None:
    feed = HandFeed()
    names = ["1sec", "2tick", "5vol", "900dollar"]
    with kept_market(feed, tmp_path, *names) as market:
        for at in range(400):
            made = at * 0.01 - late * (at % 12 == 4)
            feed.trades(trade(made, 100 + at % 41 * 0.25, 1.0 + at % 3, number=at + 1))
            if at % 90 == 50:
                look(market)
        expected = {name: closed(market, name) for name in names}
        for name, frame in expected.items():
            assert frame.index.is_monotonic_increasing, name
            for start in frame.index[::7]:
                assert market.data.get_data(name, start_time=start, closed_only=True).equals(
                    frame.loc[start:]
                )
        look(market)
    same(tmp_path, expected)
    again = HandFeed(clock=EventClock(START + 5 * SECOND))
    with kept_market(again, tmp_path, *names) as market:
        for name in names[1:]:
            held = closed(market, name)
            assert held["tick_count"].sum() <= 400
            pd.testing.assert_frame_equal(
                held.loc[:, "open":"volume"], expected[name].loc[:, "open":"volume"], check_freq=False
            )


async def through_a_suite(folder: Path) -> pd.DataFrame:
    """Bars of a suite that was kept."""
    suite = await mdnb.TradingSuite.create("MNQ", ["1min", "5min"], initial_days=0.2, store=folder)
    async with suite:
        return await suite.data.get_data("5min", count=1000, closed_only=True)


def test_a_suite_is_kept_too(tmp_path: Path) -> None:
    expected = asyncio.run(through_a_suite(tmp_path))
    with mdnb.store(tmp_path) as store:
        mine = store.frame("MNQ", "5min", end=expected.index[-1])
        assert len(expected) > 50
        pd.testing.assert_frame_equal(mine[list(expected.columns)], expected, check_freq=False)


def test_ticks_and_quotes_are_kept_where_that_is_wanted(tmp_path: Path) -> None:
    feed = HandFeed()
    with (
        mdnb.store(tmp_path, ticks=False, quotes=False) as store,
        kept_market(feed, store, "1min") as market,
    ):
        feed.trades(*minutes_of_trades(0, 3))
        feed.quotes((START, 99.5, 1.0, 100.5, 2.0))
        look(market)
        assert {one.timeframe for one in store.contents()} == {"1min"}


def test_a_late_trade_changes_the_bar_in_the_store_too(tmp_path: Path) -> None:
    feed = HandFeed()
    names = NAMES[:2]
    with kept_market(feed, mdnb.store(tmp_path, seal_seconds=0.0), *names) as market:
        feed.trades(*minutes_of_trades(0, 12))
        look(market)
        assert list(tmp_path.rglob("*.parquet")), "it is in Parquet before it changes"
        before = {name: closed(market, name) for name in names}
        feed.trades(trade(12 * 60 + 1, 100.0, number=5000), trade(11 * 60 + 59, 500.0, number=4999))
        expected = {name: closed(market, name) for name in names}
        assert expected["1min"]["high"].max() == 500.0 > before["1min"]["high"].max()
        look(market)
        same(tmp_path, expected)
        with mdnb.store(tmp_path) as store:
            assert store.frame("X", "1min")["amended"].sum() == 1
    same(tmp_path, expected)


def test_bars_that_leave_memory_at_once_are_kept_and_change_there(tmp_path: Path) -> None:
    feed, whole = HandFeed(), HandFeed()
    rows = minutes_of_trades(0, 60)
    with kept_market(whole, None, "1min", "5min") as market:
        whole.trades(*rows)
        expected = {name: closed(market, name) for name in ("1min", "5min")}
    with kept_market(feed, tmp_path, "1min", "5min", max_bars_per_timeframe=3) as market:
        feed.trades(*rows)
        assert len(closed(market, "1min")) < 4
        look(market)
        same(tmp_path, expected)
        # Trades that were missed and are put back into a bar that has left memory.
        engine = market._parts.session.markets["X"].engine
        assert engine.on_amended_gone is not None
        start = START + 11 * MINUTE
        piece = GonePiece((start, 777.0, 777.0, 777.0, 777.0, 2.0, 1, 1554.0), None, None, False, None)
        engine.on_amended_gone("1min", [piece], START + 60 * MINUTE)
        look(market)
    minute = expected["1min"]
    minute.iloc[11, [1, 4, 5]] = 777.0, minute["volume"].iloc[11] + 2, minute["tick_count"].iloc[11] + 1
    turnover = rows[66:72]
    traded = sum(row[1] * row[2] for row in turnover) + 1554.0
    minute.iloc[11, 6] = traded / minute["volume"].iloc[11]
    with mdnb.store(tmp_path) as store:
        found = store.frame("X", "1min")
    pd.testing.assert_frame_equal(found[list(minute.columns)], minute, check_freq=False, rtol=1e-15)
    assert found["amended"].to_numpy().nonzero()[0].tolist() == [11]


def test_a_trade_for_a_bar_that_left_memory_leaves_it_its_contract(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START))
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", "CON.Z25")
    with kept_market(feed, tmp_path, "1min", max_bars_per_timeframe=3) as market:
        feed.trades(
            *(row for row in minutes_of_trades(0, 31) if not START <= row[0] - 12 * MINUTE < START + MINUTE)
        )
        feed.roll("CON.H26")
        look(market)
        engine = market._parts.session.markets["X"].engine
        assert engine.on_amended_gone is not None
        pieces = [
            GonePiece((START + at * MINUTE, 7.0, 7.0, 7.0, 7.0, 2.0, 1, 14.0), None, None, at == 12, None)
            for at in (11, 12)
        ]
        engine.on_amended_gone("1min", pieces, START + 60 * MINUTE)
        look(market)
    with mdnb.store(tmp_path) as store:
        found = store.frame("X", "1min").iloc[:20]
    assert found["amended"].to_numpy().nonzero()[0].tolist() == [11, 12]
    assert found["contract"].tolist() == ["CON.Z25"] * 20


def test_changes_to_a_store_that_cannot_be_read_are_bounded_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise DataImportError("it cannot be read today")

    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        feed.trades(*minutes_of_trades(0, 3))
        look(market)
        monkeypatch.setattr("mdnb.runtime.store_keeper.read_bars", damaged)
        monkeypatch.setattr("mdnb.runtime.store_keeper._MOST_ROWS", 30)
        piece = GonePiece((START, 7.0, 7.0, 7.0, 7.0, 2.0, 1, 14.0), None, None, False, None)
        keep = keeper(market)
        for minute in range(3, 20):
            keep._amend("X", "1min", [piece] * 2, START)
            feed.trades(*minutes_of_trades(minute, 1, 6 * minute))
            look(market)
            assert sum(one.rows for one in keep._taken) <= 30
        assert sum(one.rows for one in keep._taken) > 20
        told = market.data.get_validation_errors(50, "store_lost")
        assert 1 <= len(told) < 8, "each time it is twice as much"
        assert all("rows for it are given up, the oldest first" in one.description for one in told)
        monkeypatch.undo()
        expected = {"1min": closed(market, "1min").iloc[-2:]}
    with mdnb.store(tmp_path) as store:
        mine = store.frame("X", "1min", start=expected["1min"].index[0])
        pd.testing.assert_frame_equal(
            mine[list(expected["1min"].columns)], expected["1min"], check_freq=False
        )


def test_an_import_and_what_is_made_anew_by_it_are_kept(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-60, 60))
    index = pd.date_range("2026-03-02 12:00", periods=90, freq="1min", tz="UTC", name="timestamp")
    frame = pd.DataFrame({"open": 90.0, "high": 99.0, "low": 89.0, "close": 97.5, "volume": 3.0}, index=index)
    file = tmp_path / "bars.csv"
    frame.to_csv(file)
    with kept_market(feed, tmp_path / "s") as market:
        look(market)
        market.load(file, timeframe="1min", on_conflict="replace")
        expected = {name: closed(market, name) for name in NAMES}
    same(tmp_path / "s", expected)
    assert (expected["1min"]["close"] == 97.5).sum() == 90


def test_an_activity_timeframe_is_kept_in_its_order(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min", "2tick") as market:
        at_once = [trade(5.0, 100 + n * 0.25, number=n + 1) for n in range(10)]
        feed.trades(*at_once[:4])
        look(market)
        feed.trades(*at_once[4:])
        expected = {"2tick": closed(market, "2tick")}
        assert len(expected["2tick"]) == 5
        look(market)
        same(tmp_path, expected)
    same(tmp_path, expected)


def test_a_trade_that_was_taken_back_or_corrected_is_so_in_the_store(tmp_path: Path) -> None:
    feed = HandFeed()
    rows = minutes_of_trades(0, 30)
    with kept_market(feed, tmp_path, "1min") as market:
        ticks = market._parts.session.markets["X"].engine.ticks
        for at in range(0, len(rows), 60):
            feed.trades(*rows[at : at + 60])
            look(market)
        for number, flag, row in (
            (10, CANCELLED, rows[9]),
            (100, CORRECTED, (*rows[99][:1], 55.5, *rows[99][2:])),
        ):
            at = ticks.find(number, rows[number - 1][1], rows[number - 1][2])
            assert at is not None
            ticks.change(at, row, flag)
        look(market)
        expected = ticks.frame(1000, "UTC")
    with mdnb.store(tmp_path) as store:
        found = store.ticks("X")
        pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=False)
        assert found["flag"].to_numpy().nonzero()[0].tolist() == [9, 99]
        assert found["price"].iloc[99] == 55.5


def test_a_timeframe_that_is_added_later_is_kept(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        feed.trades(*minutes_of_trades(0, 11))
        market.add_timeframe("5min")
        feed.trades(*minutes_of_trades(11, 11, 66))
        expected = {"1min": closed(market, "1min"), "5min": closed(market, "5min")}
    same(tmp_path, expected)


def test_a_timeframe_that_is_added_takes_no_whole_bar_s_place_by_a_partial_one(tmp_path: Path) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path, "1min", "15min"):
        first.trades(*minutes_of_trades(0, 40))
    with mdnb.store(tmp_path) as store:
        whole = store.frame("X", "15min")
        assert len(whole) == 2
    again = HandFeed(minutes(39, 11), clock=EventClock(START + 50 * MINUTE), trades=())
    with kept_market(again, tmp_path, "1min", max_bars_per_timeframe=30) as market:
        assert closed(market, "1min").index[0] == pd.Timestamp("2026-03-02 14:20", tz="UTC")
        market.add_timeframe("15min")
        made = closed(market, "15min")
        # Memory has ten minutes of the second one.
        pd.testing.assert_frame_equal(made.iloc[:2], whole[list(made.columns)], check_freq=False)
    with mdnb.store(tmp_path) as store:
        found = store.frame("X", "15min")
        pd.testing.assert_frame_equal(found.iloc[:2][list(whole.columns)], whole, check_freq=False)
        assert len(found) == 3


def test_trades_that_come_again_whenever_are_kept_once(tmp_path: Path) -> None:
    first = HandFeed()
    rows = minutes_of_trades(0, 20)
    twin = (*rows[-1][:5], -1)  # of a venue without numbers two of an instant may be alike
    with kept_market(first, tmp_path, "1min"):
        first.trades(*rows, twin, twin)
    again = HandFeed(clock=EventClock(START + 20 * MINUTE), trades=())
    more = minutes_of_trades(20, 5, 120)
    with kept_market(again, mdnb.store(tmp_path, segment_rows=20), "1min") as market:
        again.trades(*more[:6])
        look(market)
        # A snapshot of the last trades, which comes when others have come already.
        again.trades(*rows[-30:], twin, twin, twin)
        look(market)
        look(market)
        again.trades(*rows[-60:-30], *more[6:], (*more[-1][:5], -1))
        look(market)
        again.trades((*more[-1][:5], -1))
    with mdnb.store(tmp_path) as store:
        ticks = store.ticks("X")
    ids = ticks["trade_id"]
    assert sorted(ids[ids >= 0]) == [row[5] for row in (*rows, *more)]
    at = ticks.index.asi8[(ids < 0).to_numpy()].tolist()
    assert at == [rows[-1][0]] * 3 + [more[-1][0]] * 2


def test_a_damaged_file_keeps_nothing_else_from_the_disk(tmp_path: Path) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path, "1min"):
        first.trades(*minutes_of_trades(0, 20))
    for kind in ("1min", "ticks"):
        for path in (tmp_path / "symbol=X" / f"timeframe={kind}").rglob("*.parquet"):
            path.write_bytes(b"PAR1 and nothing else")
    rows = minutes_of_trades(20, 20, 120)
    again = HandFeed(clock=EventClock(START + 20 * MINUTE), trades=())
    with kept_market(again, mdnb.store(tmp_path, seal_seconds=0), "1min") as market:
        again.trades(*rows)
        look(market)
        look(market)
        expected = {"1min": closed(market, "1min")}
        assert len(expected["1min"]) == 19
        told = [str(one) for one in market._parts.session.markets["X"].pipeline.quality.errors]
        assert any("is no file of a store" in one for one in told)
    same(tmp_path, expected)
    with mdnb.store(tmp_path) as store:
        assert store.ticks("X")["trade_id"].tolist() == [row[5] for row in rows]
    assert len(list((tmp_path / ".mdnb").glob("*part-*.parquet"))) == 2


# -- the next time ---------------------------------------------------------------------------------------


def test_the_next_market_goes_on_as_if_it_had_never_ended(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 120)
    half = 6 * 50 + 3
    whole = HandFeed(trades=())
    with kept_market(whole, None, days=0) as market:
        whole.trades(*rows)
        expected = {name: closed(market, name) for name in NAMES}
    first = HandFeed(trades=())
    with kept_market(first, tmp_path, days=0):
        first.trades(*rows[:half])
    # The venue has the bars of the stretch in between, and the trades of the minute that is being made.
    cut = rows[half + 12][0]
    again = HandFeed(
        [row for row in bars_of(expected["1min"]) if START + 45 * MINUTE <= row[0] < cut // MINUTE * MINUTE],
        clock=EventClock(cut),
        trades=[row for row in rows if row[0] < cut],
    )
    with kept_market(again, tmp_path, days=0) as market:
        again.trades(*rows[half + 12 :])
        found = {name: closed(market, name) for name in NAMES}
        assert [gap.reason for gap in market._parts.session.markets["X"].pipeline.gaps] == []
        for name in NAMES:
            pd.testing.assert_frame_equal(found[name], expected[name], check_freq=False)
            assert len(found[name]) > 0
    same(tmp_path, expected)
    with mdnb.store(tmp_path) as store:
        ids = store.ticks("X")["trade_id"].tolist()
    # The history at the start has trades that had been kept.
    assert len(ids) == len(set(ids))
    assert set(ids) >= {row[5] for row in (*rows[:half], *rows[half + 12 :])}


def bars_of(frame: pd.DataFrame) -> list[Any]:
    """Bars as a venue's history gives them."""
    rows = frame[["open", "high", "low", "close", "volume", "tick_count", "vwap"]].to_numpy().tolist()
    return [
        (int(at), o, h, low, c, v, int(n), vwap * v)
        for at, (o, h, low, c, v, n, vwap) in zip(frame.index.as_unit("ns").asi8, rows, strict=True)
    ]


def test_what_the_feed_does_not_have_of_the_time_between_is_a_gap(tmp_path: Path) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path):
        first.trades(*minutes_of_trades(0, 20))
    again = HandFeed(minutes(60, 30), clock=EventClock(START + 90 * MINUTE), trades=())
    told: list[Any] = []
    with kept_market(again, tmp_path) as market:
        (gap,) = market._parts.session.markets["X"].pipeline.gaps
        assert (gap.reason, gap.state, gap.repaired) == ("store", "lost", False)
        # Its last trade was ten seconds before the end of the minute, which is partial.
        assert (gap.start_ns, gap.end_ns) == (START + 20 * MINUTE - 10 * SECOND + 1, START + 60 * MINUTE)
        told = market.data.get_validation_errors(10, "data_gap")
        assert len(told) == 1
        assert market.data.get_stats().gaps == 1
        found = closed(market, "1min")
        assert len(found) == 20 + 30
        times = (found.index.asi8 * 1000 - START) // MINUTE
        assert times.tolist() == [*range(20), *range(60, 90)]
        assert found.attrs["partial"] == (19,)
    with mdnb.store(tmp_path) as store:
        assert len(store.frame("X", "1min")) == 50
        coarse = store.frame("X", "15min")
        partial = coarse.index[coarse["partial"]]
        assert pd.Timestamp("2026-03-02 14:15", tz="UTC") in partial, "it lacks what was lost"


def test_a_history_that_fails_is_a_gap_where_none_was_asked_for(tmp_path: Path) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path, "1min"):
        first.trades(*minutes_of_trades(0, 20))

    class Failing(HandFeed):
        """A feed whose history is out of order."""

        async def history_bars(self, symbol: str, timeframe: str, start_ns: int, end_ns: int) -> None:
            """Fail."""
            raise FeedRefusedError("no history today")

    Failing.__name__ = "HandFeed"
    again = Failing(clock=EventClock(START + 60 * MINUTE))
    with kept_market(again, tmp_path, "1min", days=0) as market:
        assert len(closed(market, "1min")) == 20
        (gap,) = market._parts.session.markets["X"].pipeline.gaps
        assert (gap.start_ns, gap.end_ns) == (START + 20 * MINUTE - 10 * SECOND + 1, START + 60 * MINUTE)
    with pytest.raises(FeedRefusedError, match="no history today"):
        kept_market(Failing(clock=EventClock(START + 60 * MINUTE)), tmp_path, "1min", days=1)


def test_of_bars_that_both_have_those_held_count_unless_they_are_partial(tmp_path: Path) -> None:
    # It comes in the midst of the first minute.
    first = HandFeed(minutes(-10, 10), clock=EventClock(START + 30 * SECOND), trades=())
    with kept_market(first, tmp_path, "1min"):
        first.trades(*minutes_of_trades(0.5, 20))
    with mdnb.store(tmp_path) as store:
        assert store.frame("X", "1min")["partial"].to_numpy().nonzero()[0].tolist() == [10]
    history = [bar(at, 900.0) for at in range(25)]
    again = HandFeed(history, clock=EventClock(START + 25 * MINUTE), trades=())
    with kept_market(again, tmp_path, "1min") as market:
        found = closed(market, "1min")["close"].iloc[10:]
        assert (found == 900.0).tolist() == [True] + [False] * 19 + [True] * 5
    with mdnb.store(tmp_path) as store:
        assert store.frame("X", "1min")["close"].iloc[10:].tolist() == found.tolist()


def test_a_market_that_began_and_has_nothing_new_rewrites_nothing(tmp_path: Path) -> None:
    first = HandFeed(minutes(-100, 100))
    with kept_market(first, tmp_path):
        pass
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert before
    for _ in range(2):
        with kept_market(HandFeed(minutes(-100, 100)), tmp_path) as market:
            assert len(closed(market, "1min")) == 100
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before


def test_bars_of_another_feed_are_not_mixed_in(tmp_path: Path) -> None:
    with mdnb.live("MNQ", "1min", initial_days=0.1, store=tmp_path, progress=False):
        pass
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}

    class Other(HandFeed):
        """Another feed."""

    with pytest.raises(DataExportError, match="mixed"):
        mdnb.live("MNQ", "1min", feed=Other(minutes(-5, 5)), store=tmp_path, progress=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


# -- what goes wrong -------------------------------------------------------------------------------------


def test_a_second_market_on_the_folder_is_told_and_goes_on_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = HandFeed(), HandFeed(clock=EventClock(START + 10 * MINUTE))
    with kept_market(first, tmp_path, "1min") as one:
        first.trades(*minutes_of_trades(0, 10))
        look(one)
        with caplog.at_level(logging.WARNING, "mdnb"), kept_market(second, tmp_path, "1min", days=0) as other:
            assert "is kept once the other market of this process is closed" in caplog.text
            assert len(other.data.get_validation_errors(5, "store_busy")) == 1
            second.trades(*minutes_of_trades(0, 10, 900))
            look(other)
            assert len(closed(other, "1min")) >= 9
        expected = {"1min": closed(one, "1min")}
    same(tmp_path, expected)


def test_a_market_whose_line_is_run_again_is_kept_once_the_former_one_is_closed(tmp_path: Path) -> None:
    first, second = HandFeed(), HandFeed(clock=EventClock(START + 10 * MINUTE))
    one = kept_market(first, tmp_path, "1min")
    first.trades(*minutes_of_trades(0, 10))
    # What the later one finds there, the trades of the bar that is being made included.
    look(one)
    before = closed(one, "1min")
    with kept_market(second, tmp_path, "1min", days=0) as other:
        second.trades(*minutes_of_trades(10, 5, 60))
        look(other)
        one.close()
        second.trades(*minutes_of_trades(15, 5, 90))
        keeper(other)._tried = 0.0
        look(other)
        assert len(other.data.get_validation_errors(5, "store_busy")) == 1
        since = closed(other, "1min")
    assert (len(before), len(since)) == (9, 19)
    pd.testing.assert_frame_equal(since.iloc[:9], before, check_exact=True, check_freq=False)
    same(tmp_path, {"1min": since})


def test_a_disk_that_takes_nothing_is_told_and_the_market_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "markets"
    feed = HandFeed()
    with kept_market(feed, mdnb.store(folder, seal_seconds=0.0), "1min") as market:
        feed.trades(*minutes_of_trades(0, 10))
        look(market)
        shutil.rmtree(folder)
        folder.write_text("in the way")
        keeper(market)._synced = 0.0
        feed.trades(*minutes_of_trades(10, 10, 60))
        look(market)
        assert "store" in market._parts.session.markets["X"].pipeline.quality.troubles
        (error,) = market.data.get_validation_errors(5, "store")
        assert "markets" in error.description
        assert len(closed(market, "1min")) == 19
        folder.unlink()
        keeper(market)._synced = 0.0
        look(market)
        assert "store" not in market._parts.session.markets["X"].pipeline.quality.troubles
        expected = closed(market, "1min")
    with mdnb.store(folder) as store:
        found = store.frame("X", "1min")["close"]
        # What was in Parquet went with the folder.
        pd.testing.assert_series_equal(found, expected["close"].loc[found.index[0] :], check_freq=False)
        assert len(found) >= 10


def test_a_folder_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "markets"
    (tmp_path / "file").write_text("x")
    folder.symlink_to(tmp_path / "file" / "no")
    feed = HandFeed(minutes(-10, 10))
    with kept_market(feed, folder, "1min") as market:
        assert "store" in market._parts.session.markets["X"].pipeline.quality.troubles
        assert market.data.get_validation_errors(5, "store")
        folder.unlink()
        keeper(market)._tried = -1e9
        feed.trades(*minutes_of_trades(0, 3))
        look(market)
        assert "store" not in market._parts.session.markets["X"].pipeline.quality.troubles
        expected = {"1min": closed(market, "1min")}
        assert len(expected["1min"]) == 12
    same(folder, expected)


@pytest.mark.parametrize("wrong", [5, b"x", ["markets"]])
def test_a_store_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(OptionError, match="store"):
        kept_market(HandFeed(), wrong)


def test_a_closed_store_is_refused(tmp_path: Path) -> None:
    store = mdnb.store(tmp_path)
    store.close()
    with pytest.raises(ClosedError, match="Open it again"):
        kept_market(HandFeed(), store)


def test_the_limit_of_a_store_holds_while_it_is_kept(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-4000, 4000))
    with kept_market(
        feed, mdnb.store(tmp_path, max_bytes=20_000, ticks=False, quotes=False), "1min"
    ) as market:
        assert len(closed(market, "1min")) == 4000
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.parquet")) <= 20_000
    with mdnb.store(tmp_path) as store:
        (held,) = store.contents()
    assert held.last_ns == START - MINUTE
    assert held.rows < 4000
    with kept_market(HandFeed(), tmp_path, "1min") as market:
        assert len(closed(market, "1min")) == held.rows
