"""Who asks for the price while a file is merged does not wait for it, and nor does the market's loop."""

from __future__ import annotations

import concurrent.futures
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import ClosedError
from mdnb.market import LiveMarket
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past import merge_draft
from mdnb.runtime.past.merge_bars import Merged, merge_bars
from mdnb.stores.columns import columns_from_rows
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, minutes, open_market, trade


@pytest.fixture
def made() -> Iterator[tuple[LiveMarket, HandFeed]]:
    feed = HandFeed(minutes(-10, 10))
    with open_market(feed, "1min", "5min") as market:
        feed.trades(trade(1, 100.0))
        feed.quotes((START + 2 * SECOND, 99.5, 1.0, 100.5, 2.0))
        yield market, feed


def at_once(work: Callable[[], object]) -> object:
    """Return what work in another thread gives; that it waits for the test is an error."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result(LIMIT_SECONDS / 10)
    finally:
        pool.shutdown(wait=False)


def wait_for_price(market: LiveMarket, price: float) -> None:
    came = threading.Event()
    listener = market.data.engine.listen(came.set)
    while market.price != price:
        assert came.wait(LIMIT_SECONDS)
        came.clear()
    listener.close()


def test_newest_values_need_no_free_loop(made: tuple[LiveMarket, HandFeed]) -> None:
    market, feed = made
    with market.data.engine.lock:
        # A trade comes, and the loop waits for the lock with it.
        sent = threading.Thread(target=feed.trades, args=(trade(3, 101.0),))
        sent.start()
        values = at_once(lambda: (market.price, market.last, market.bid, market.ask, market.quote.spread))
        assert values == (100.0, 100.0, 99.5, 100.5, 1.0)
    sent.join()
    assert market.price == 101.0
    market.close()
    with pytest.raises(ClosedError):
        market.price  # noqa: B018  # reading is what is tested


def test_the_loop_is_free_for_others_while_bars_are_merged(made: tuple[LiveMarket, HandFeed]) -> None:
    market, feed = made
    batcher = market.data._parts.market.batcher
    with batcher.giving_way(), market.data.engine.lock:
        at_once(lambda: feed.trades(trade(3, 101.0)))  # handed to the loop, which comes back
        assert at_once(market.data.get_current_price) == 100.0
        assert batcher.gives_way
    assert not batcher.gives_way
    wait_for_price(market, 101.0)


def test_trades_that_came_while_a_file_was_merged_are_in_the_bars(
    made: tuple[LiveMarket, HandFeed], tmp_path: Path
) -> None:
    market, feed = made
    path = market.export(tmp_path / "x.csv", "1min")
    stop = threading.Event()
    sent: list[float] = []

    def send() -> None:
        while not stop.is_set():
            sent.append(100.0 + len(sent) % 5)
            feed.trades(trade(3 + len(sent) / 100, sent[-1]))

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(20):
        market.load(path, "1min", overwrite=True)
    stop.set()
    thread.join()
    feed.trades(trade(50, 99.0))  # comes after all that waited
    wait_for_price(market, 99.0)
    open_bar = market.data.get_data("1min").iloc[-1]
    assert open_bar["tick_count"] == len(sent) + 2


# -- large files: merged beside what is held ---------------------------------------------------------------


def while_merging(monkeypatch: pytest.MonkeyPatch, market: LiveMarket, work: Callable[[], object]) -> None:
    """Have work done in another thread once while bars are merged, before they are taken over."""
    left = [work]

    def merge(engine: SymbolState, *arguments: object, **options: object) -> Merged:
        made = merge_bars(engine, *arguments, **options)  # type: ignore[arg-type]  # as they are given
        if left and engine is not market.data.engine:
            at_once(left.pop())
        return made

    monkeypatch.setattr(merge_draft, "_MANY", 0)
    monkeypatch.setattr(merge_draft, "merge_bars", merge)


def file_of(path: Path, first: int, count: int, close: float) -> Path:
    """Write bars of minutes after `START`."""
    index = pd.date_range("2026-03-02 14:00", periods=count, freq="1min", tz="UTC", name="timestamp")
    index += pd.Timedelta(minutes=first)
    bars = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 2.0}
    pd.DataFrame(bars, index=index).to_csv(path)
    return path


def test_who_reads_bars_while_others_are_merged_does_not_wait_and_finds_the_former_ones(
    made: tuple[LiveMarket, HandFeed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market, _ = made
    names = ("1min", "5min")
    read: dict[str, pd.DataFrame] = {}
    then: list[pd.Timestamp] = []

    def look() -> None:
        for name in names:
            read[name] = market.data.get_data(name, closed_only=True)
        with market.data.engine.lock:
            then.append(pd.Timestamp(market.data.engine.read_ns(), tz="UTC"))

    while_merging(monkeypatch, market, look)
    (result,) = market.load(file_of(tmp_path / "x.csv", -60, 55, 150.0), "1min", overwrite=True)
    assert (result.added, result.replaced) == (50, 5)
    assert [len(read[name]) for name in names] == [10, 2]
    assert [len(market.data.get_data(name, closed_only=True)) for name in names] == [60, 12]
    assert market.data.get_data("5min")["close"].iloc[:-2].eq(150.0).all()
    for name in names:
        pd.testing.assert_frame_equal(market.data.get_data(name, as_of=then[0]), read[name], check_freq=False)


@pytest.mark.parametrize("change", ["bars", "timeframe", "limit"])
def test_what_is_changed_while_bars_are_merged_stays(
    made: tuple[LiveMarket, HandFeed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    market, _ = made
    engine = market.data.engine
    changes: dict[str, Callable[[], object]] = {
        "bars": lambda: merge_bars(engine, "1min", columns_from_rows(minutes(-200, 30, lambda _: 130.0))),
        "timeframe": functools.partial(engine.add_timeframe, "15min"),
        "limit": lambda: engine.log("1min").set_limit(65),
    }
    while_merging(monkeypatch, market, changes[change])
    path = file_of(tmp_path / "x.csv", -75, 70, 150.0)
    if change == "limit":
        with pytest.warns(UserWarning, match="10 of 70 bars were not kept"):
            market.load(path, "1min")
    else:
        market.load(path, "1min")
    found = {name: market.data.get_data(name, count=1000, closed_only=True) for name in engine.timeframes()}
    added = 55 if change == "limit" else 65
    assert found["1min"]["close"].eq(150.0).sum() == added
    assert found["5min"]["close"].eq(150.0).sum() == added // 5
    assert found["1min"]["close"].eq(130.0).sum() == (30 if change == "bars" else 0)
    assert found["5min"]["close"].eq(130.0).sum() == (6 if change == "bars" else 0)
    assert ("15min" in found) == (change == "timeframe")
    if change == "timeframe":
        assert found["15min"]["close"].eq(150.0).sum() == 4


@pytest.mark.parametrize("many", [0, 10**9])
def test_bars_that_are_too_many_for_memory_are_in_the_store_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(merge_draft, "_MANY", many)
    feed = HandFeed(minutes(-10, 10), clock=EventClock(START))
    config = mdnb.DataManagerConfig(max_bars_per_timeframe=20)
    with mdnb.live(
        *("X", ["1min", "5min"]),
        feed=feed,
        initial_days=1,
        data_manager_config=config,
        store=tmp_path / "s",
        progress=False,
    ) as market:
        feed.trades(trade(1, 100.0))
        with pytest.warns(UserWarning, match="80 of 95 bars were not kept"):
            market.load(file_of(tmp_path / "x.csv", -100, 95, 150.0), "1min")
        assert len(market.data.get_data("1min", count=1000, closed_only=True)) == 20
    with mdnb.store(tmp_path / "s") as store:
        assert len(store.frame("X", "1min")) == 100
        assert store.frame("X", "1min")["close"].eq(150.0).sum() == 90
