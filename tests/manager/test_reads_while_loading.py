"""Who asks for the price while a file is merged does not wait for it, and nor does the market's loop."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mdnb.errors import ClosedError
from mdnb.market import LiveMarket
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
