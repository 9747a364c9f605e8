"""When a kept market writes what, and that it leaves nothing behind: by a clock that the test sets."""

from __future__ import annotations

import asyncio
import functools
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import DataExportError
from mdnb.market import LiveMarket
from mdnb.rows import GonePiece
from mdnb.runtime import store_keeper
from mdnb.runtime.process.bridge import call
from mdnb.runtime.store_keeper import StoreKeeper
from mdnb.sessions import Sessions
from mdnb.stores.columns import columns_from_rows
from mdnb.stores.ticks import TICK_DTYPE, WAITING
from mdnb.timeframes import Grid, Timeframe
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, trade
from tests.runtime.test_store_keeper import closed, keeper, kept_market, minutes_of_trades, same


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time by which a store is kept, as a test sets it; nothing is kept by itself."""
    made = [100.0]
    monkeypatch.setattr(store_keeper, "time", types.SimpleNamespace(monotonic=lambda: made[0]))
    monkeypatch.setattr(store_keeper, "_EACH_SECONDS", 3600.0)
    return made


def write(market: LiveMarket) -> None:
    """Write what is new, as it is done in the midst."""
    call(keeper(market).look())


def kept(folder: Path, name: str = "1min", symbol: str = "X") -> pd.DataFrame:
    """What is in a store now."""
    with mdnb.store(folder) as store:
        return store.frame(symbol, name)


def counted(keep: StoreKeeper, name: str) -> list[dict[str, Any]]:
    """Return with what a writer's method is called from now on."""
    writer, calls = keep.writer, list[dict[str, Any]]()
    assert writer is not None
    method = getattr(writer, name)

    @functools.wraps(method)
    def spy(*given: Any, **options: Any) -> Any:
        calls.append(options)
        return method(*given, **options)

    setattr(writer, name, spy)
    return calls


def keepers_threads() -> list[str]:
    """Which threads keep markets."""
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("mdnb-store"))


async def tasks() -> list[str]:
    """Which tasks keep markets."""
    return [one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("mdnb-store")]


def until(is_so: Callable[[], bool]) -> bool:
    """Wait for a thread's end, which is near."""
    wait = threading.Event()
    for _ in range(500):
        if is_so():
            return True
        wait.wait(0.01)
    return False


def test_it_is_forced_to_the_disk_once_a_second(tmp_path: Path, seconds: list[float]) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        synced = counted(keeper(market), "sync")
        counts = []
        for now in (100.0, 100.5, 100.99, 101.0, 101.5, 102.25, 103.2, 103.25):
            seconds[0] = now
            feed.trades(trade(now, 100.0))
            write(market)
            counts.append(len(synced))
        assert counts == [1, 1, 1, 2, 2, 3, 3, 4]


def test_bars_that_changed_are_looked_for_once_a_second_and_new_ones_each_time(
    tmp_path: Path, seconds: list[float]
) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        feed.trades(*minutes_of_trades(0, 3))
        write(market)
        assert kept(tmp_path)["high"].tolist() == closed(market, "1min")["high"].tolist()
        for now in (101.0, 103.0):
            seconds[0] = now
            write(market)
            minute = 3 if now == 101.0 else 4
            feed.trades(trade(60 * minute + 0.5, 100.0, number=13 + 2 * minute))
            seconds[0] = now + 0.1
            write(market)
            assert len(kept(tmp_path)) == minute, "a bar that is new is there at once"
            feed.trades(trade(60 * minute - 0.5, 900.0 + minute, number=14 + 2 * minute))
            changed = closed(market, "1min")["high"].tolist()
            assert changed[minute - 1] == 900.0 + minute
            seconds[0] = now + 0.99
            write(market)
            assert kept(tmp_path)["high"].tolist() == [*changed[:-1], kept(tmp_path)["high"].iloc[-1]]
            assert kept(tmp_path)["high"].tolist() != changed
            seconds[0] = now + 1.0
            write(market)
            assert kept(tmp_path)["high"].tolist() == changed


def test_rows_are_put_into_parquet_a_little_at_a_time(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, mdnb.store(tmp_path, segment_rows=21), "1min") as market:
        sealed = counted(keeper(market), "seal")
        feed.trades(*minutes_of_trades(0, 3))
        write(market)
        assert not sealed
        feed.trades(*minutes_of_trades(3, 1, 18))
        write(market)
        assert sealed == [{"seconds": 0.2}]
        assert list(tmp_path.rglob("*.parquet"))


def test_it_works_on_one_thread_of_its_own_and_lets_go_of_all_at_the_end(tmp_path: Path) -> None:
    feed = HandFeed()
    # Those of markets that were closed before end by themselves.
    assert until(lambda: not keepers_threads())
    with kept_market(feed, tmp_path, "1min", "5tick") as market:
        assert keepers_threads() == ["mdnb-store_0"]
        feed.trades(*minutes_of_trades(0, 5))
        write(market)
        assert keepers_threads() == ["mdnb-store_0"]
        assert call(tasks()) == ["mdnb-store"]
        engine = market._parts.session.markets["X"].engine
        assert engine.ticks.on_rows is not None
        logs = [engine.log(name) for name in ("1min", "5tick")]
        assert all(log.on_leave is not None for log in logs)
    assert [log.on_leave for log in logs] == [None, None]
    for rows in (engine.ticks, engine.quotes):
        assert rows.on_rows is rows.on_change is None
    assert engine.on_amended_gone is None
    assert until(lambda: not keepers_threads())
    assert not call(tasks())


def test_what_fails_is_told_as_a_trouble_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        feed.trades(*minutes_of_trades(0, 3))
        quality = market._parts.session.markets["X"].pipeline.quality
        with monkeypatch.context() as patch:
            patch.setattr(store_keeper, "bars_table", lambda *_, **__: 1 / 0)
            write(market)
        assert "division by zero" in quality.troubles["store"]
        assert not list(tmp_path.rglob("symbol=*"))
        write(market)
        assert "store" not in quality.troubles
        same(tmp_path, {"1min": closed(market, "1min")})


def test_what_the_disk_does_not_take_is_told_and_the_rest_is_written(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        writer = keeper(market).writer
        assert writer is not None
        append = writer.append

        def fail(series: Any, table: Any) -> None:
            append(series, table)
            if series.is_bars:
                raise DataExportError("the disk is full at 100%")

        writer.append = fail  # type: ignore[method-assign]  # as a disk may do
        feed.trades(*minutes_of_trades(0, 3))
        write(market)
        quality = market._parts.session.markets["X"].pipeline.quality
        assert "the disk is full at 100%" in quality.troubles["store"]
        write(market)
        assert "store" not in quality.troubles, "it has been taken: nothing is left to be done"
        with mdnb.store(tmp_path) as store:
            assert len(store.ticks("X")) == 18
            assert len(store.frame("X", "1min")) == 2


def test_of_bars_that_are_kept_already_nothing_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mdnb.live(
        ["X", "Y"], ["1min"], feed=HandFeed(), initial_days=0, progress=False, store=tmp_path
    ) as market:
        for symbol in ("X", "Y"):
            market._parts.session.feed.send({"e": "trades", "s": symbol, "r": minutes_of_trades(0, 5)})  # type: ignore[attr-defined]  # fed by hand
    again = HandFeed(clock=EventClock(START + 5 * MINUTE))
    with mdnb.live(
        ["X", "Y"], ["1min"], feed=again, initial_days=0, progress=False, store=tmp_path
    ) as market:
        monkeypatch.setattr(store_keeper, "read_bars", lambda *_, **__: 1 / 0)
        write(market)
        for symbol in market._parts.session.markets.values():
            assert "store" not in symbol.pipeline.quality.troubles
        monkeypatch.undo()


def test_a_market_that_does_not_come_to_begin_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it does not begin today")

    monkeypatch.setattr(StoreKeeper, "begin", fail)
    with pytest.raises(RuntimeError, match="it does not begin today"):
        kept_market(HandFeed([bar(at, 5.0) for at in range(-9, 0)]), tmp_path, "1min")
    assert not list(tmp_path.rglob("symbol=*"))
    with mdnb.store(tmp_path) as store:
        assert not store.read_only, "it was let go of"


def test_two_symbols_are_kept_apart(tmp_path: Path) -> None:
    feed = HandFeed()
    rows = {
        "X": minutes_of_trades(0, 9),
        "Y": [(*row[:1], row[1] + 1000.0, *row[2:]) for row in minutes_of_trades(0, 9)],
    }
    with mdnb.live(
        ["X", "Y"], ["1min", "5min"], feed=feed, initial_days=0, progress=False, store=tmp_path
    ) as market:
        for at in range(0, 54, 9):
            for symbol, trades in rows.items():
                feed.send({"e": "trades", "s": symbol, "r": trades[at : at + 9]})
                feed.send(
                    {
                        "e": "quotes",
                        "s": symbol,
                        "r": [(trades[at][0], trades[at][1], 1.0, trades[at][1] + 1, 2.0)],
                    }
                )
            write(market)
        market["Y"].remove_timeframe("5min")
        write(market)
        feed.send({"e": "trades", "s": "X", "r": minutes_of_trades(9, 3, 54)})
        write(market)
        expected = {
            symbol: market[symbol].data.get_data("1min", count=99, closed_only=True) for symbol in ("X", "Y")
        }
    with mdnb.store(tmp_path) as store:
        for symbol, trades in rows.items():
            pd.testing.assert_frame_equal(
                store.frame(symbol, "1min")[list(expected[symbol].columns)],
                expected[symbol],
                check_freq=False,
            )
            assert store.ticks(symbol)["price"].tolist()[:54] == [row[1] for row in trades]
            assert store.quotes(symbol)["bid"].tolist() == [row[1] for row in trades[::9]]
        assert len(store.frame("X", "5min")) == 2
        assert len(store.frame("Y", "5min")) == 1, "what closed before it was removed"


def test_late_trades_of_two_symbols_change_their_own_bars_that_left_memory(tmp_path: Path) -> None:
    feed = HandFeed()
    with mdnb.live(
        ["X", "Y"],
        ["1min"],
        feed=feed,
        initial_days=0,
        progress=False,
        store=tmp_path,
        data_manager_config=mdnb.DataManagerConfig(max_bars_per_timeframe=3),
    ) as market:
        for symbol in ("X", "Y"):
            feed.send({"e": "trades", "s": symbol, "r": minutes_of_trades(0, 20)})
        write(market)
        for number, symbol in enumerate(("X", "Y")):
            engine = market._parts.session.markets[symbol].engine
            assert engine.on_amended_gone is not None
            price = 500.0 + number
            start = START + (2 + number) * MINUTE
            piece = GonePiece((start, price, price, price, price, 2.0, 1, 2 * price), None, None, False, None)
            engine.on_amended_gone("1min", [piece], START + 19 * MINUTE)
        write(market)
    for number, symbol in enumerate(("X", "Y")):
        frame = kept(tmp_path, "1min", symbol)
        assert frame["high"].max() == 500.0 + number
        assert frame["amended"].to_numpy().nonzero()[0].tolist() == [2 + number]


def test_a_late_trade_needs_no_file_of_earlier_bars(tmp_path: Path) -> None:
    index = pd.date_range("2024-05-06 14:00", periods=9, freq="1min", tz="UTC")
    with mdnb.store(tmp_path) as store:
        store.write(
            "X", "1min", pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index)
        )
    (old,) = tmp_path.rglob("*.parquet")
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min", max_bars_per_timeframe=3) as market:
        feed.trades(*minutes_of_trades(0, 20))
        write(market)
        old.write_bytes(b"PAR1 and nothing else")
        start = START + 2 * MINUTE
        piece = GonePiece((start, 500.0, 500.0, 500.0, 500.0, 2.0, 1, 1000.0), None, None, False, None)
        keeper(market)._amend("X", "1min", [piece], START + 19 * MINUTE)
        write(market)
        assert "store" not in market._parts.session.markets["X"].pipeline.quality.troubles
    assert old.read_bytes() == b"PAR1 and nothing else"
    with mdnb.store(tmp_path) as store:
        frame = store.frame("X", "1min", start="2026-01-01")
    assert frame["high"].iloc[2] == 500.0


def test_without_a_store_that_can_be_written_nothing_is_held_for_it(tmp_path: Path) -> None:
    feed = HandFeed()
    with mdnb.store(tmp_path) as store:
        writer = store.writer()
        with kept_market(feed, tmp_path, "1min", max_bars_per_timeframe=5) as market:
            feed.trades(*minutes_of_trades(0, 60))
            feed.quotes((START + 1, 99.0, 1.0, 100.0, 1.0))
            keep = keeper(market)
            keep._amend("X", "1min", [], START)
            keep._change(next(iter(keep._rows)), *[np.zeros(1, dtype=TICK_DTYPE)] * 2)
            write(market)
            assert not any(keep._rows.values())
            assert not keep._amended
            assert not keep._changed
            assert not keep._taken
            assert not any(watch._left for watch in keep._watches.values())
        writer.close()


# -- a timeframe that is added ----------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [107, 113, 121])
def test_of_a_timeframe_that_is_added_the_first_bar_is_made_whole(tmp_path: Path, minutes: int) -> None:
    rows = minutes_of_trades(0, 130)
    whole = HandFeed(trades=())
    with kept_market(whole, None, "1min", "15min", days=0) as market:
        whole.trades(*rows)
        expected = closed(market, "15min")
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", days=0, max_bars_per_timeframe=20) as market:
        feed.trades(*rows[: 6 * minutes])
        market.add_timeframe("15min")
        now = market.data.get_data("15min")
        # The bar that is being made has all of its trades at once.
        assert now["tick_count"].tolist() == [90] * (minutes // 15) + [6 * (minutes % 15)]
        assert not now.attrs["partial"]
        feed.trades(*rows[6 * minutes :])
        found = closed(market, "15min")
        pd.testing.assert_frame_equal(found, expected, check_freq=False)
        assert not found.attrs["partial"]
    same(tmp_path, {"15min": expected})
    assert "partial" not in kept(tmp_path, "15min")


@pytest.mark.parametrize("limit", [20, 1000])
def test_what_the_store_has_is_as_partial_as_it_was_told(tmp_path: Path, limit: int) -> None:
    rows = minutes_of_trades(0, 130)
    feed = HandFeed(trades=(), clock=EventClock(rows[6 * 63 + 2][0]))
    with kept_market(feed, tmp_path, "1min", days=0, max_bars_per_timeframe=limit) as market:
        # The hour's first minutes nobody saw.
        feed.trades(*rows[6 * 63 + 2 : 6 * 110])
        market.add_timeframe("1hour")
        now = market.data.get_data("1hour")
        assert now["tick_count"].tolist() == [6 * 47 - 2]
        assert now["open"].iloc[0] == rows[6 * 63 + 2][1]
        feed.trades(*rows[6 * 110 :])
        assert closed(market, "1hour").attrs["partial"] == (0,)


# -- single parts -----------------------------------------------------------------------------------------


def market_at(now_ns: int, name: str = "5min") -> Any:
    """What is asked of a market for the end of its bars."""
    grids = {name: Grid(Timeframe.parse(name), Sessions.always()), "9tick": None}
    return types.SimpleNamespace(
        feed=types.SimpleNamespace(clock=EventClock(now_ns)), engine=types.SimpleNamespace(grid=grids.get)
    )


def test_bars_may_begin_until_the_one_that_is_made_five_seconds_from_now() -> None:
    end = store_keeper._end_ns
    assert end(market_at(START), "5min") == START - 1
    assert end(market_at(START - 5 * SECOND), "5min") == START - 1
    assert end(market_at(START - 5 * SECOND - 1), "5min") == START - 5 * MINUTE - 1
    assert end(market_at(START), "9tick") == START + 5 * SECOND - 1
    assert end(market_at(0), "5min") is None


def test_the_contract_of_a_bar_is_that_of_its_start() -> None:
    class Contracts:
        """Two, of which the first is from before all."""

        def spans(self, until_ns: int) -> list[tuple[int, str]]:
            """As asked for the newest bar."""
            assert until_ns == START + 3 * MINUTE
            return [(START, "A"), (START + 2 * MINUTE, "B")]

    def named(contracts: object, *minutes: int) -> list[str] | None:
        columns = columns_from_rows([bar(at, 1.0) for at in minutes])
        change = store_keeper.BarChanges(columns, np.zeros(len(minutes), dtype=np.int64), gone=False)
        market: Any = types.SimpleNamespace(engine=types.SimpleNamespace(contracts=contracts))
        found = store_keeper._contracts(market, change)
        return None if found is None else found.tolist()

    assert named(Contracts(), -1, 0, 1, 2, 3) == ["A", "A", "A", "B", "B"]
    assert named(Contracts()) is None
    assert named(None, 0) is None


def test_trades_that_wait_for_others_are_not_written_yet() -> None:
    rows = np.zeros(3, dtype=TICK_DTYPE)
    rows["ts_ns"], rows["price"] = [1000, 2000, 3000], [1.0, 2.0, 3.0]
    rows["flag"][1] = WAITING
    table = store_keeper._rows([rows[:1], rows[1:]], "ticks")
    assert table.column("price").to_pylist() == [1.0, 3.0]


@pytest.fixture
def written() -> Any:
    """Return bars of which some were written by somebody, at times where none begins."""
    import pyarrow as pa

    table = store_keeper.bars_table(columns_from_rows([bar(at, 1.0) for at in (0, 1, 5, 7, 10)]))
    at = table.schema.get_field_index("origin")
    return table.set_column(at, "origin", pa.array([None, None, "write", "write", "write"]))


def test_only_bars_that_somebody_wrote_off_the_grid_are_left_out(written: Any) -> None:
    grid = Grid(Timeframe.parse("5min"), Sessions.always())
    table, off = store_keeper._without_off_grid(written, grid)
    assert off == 1
    assert store_keeper.times_of(table).tolist() == [START // 1000 + at * 60_000_000 for at in (0, 1, 5, 10)]
    assert store_keeper._without_off_grid(written, None) == (written, 0)
    own = written.slice(0, 2)
    assert store_keeper._without_off_grid(own, grid) == (own, 0)
    assert store_keeper._without_off_grid(written.slice(2, 1), grid)[1] == 0
