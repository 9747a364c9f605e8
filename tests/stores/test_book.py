"""The order book against a naive one, the venues' own checksums, and the simulator's own ladder."""

from __future__ import annotations

import asyncio
import bisect
import json
import math
import random
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

import mdnb.stores.book
from mdnb.decode import decoder
from mdnb.errors import OptionError
from mdnb.feeds.simulator import SimulatorFeed
from mdnb.feeds.simulator.book import Book
from mdnb.rows import DepthUpdate
from mdnb.stores.book import OrderBook
from tests.feeds.simulated import tape_of
from tests.limits import LIMIT_SECONDS
from tests.venues.recordings import RECORDINGS, frames

Level = tuple[float, float]
NAN, INF = math.nan, math.inf


class Naive:
    """All levels in two dictionaries, sorted anew whenever somebody asks."""

    def __init__(self) -> None:
        self.sides: tuple[dict[Decimal, tuple[float, int]], dict[Decimal, tuple[float, int]]] = ({}, {})
        self.stamp = self.refused = self.removed = 0

    def apply(self, update: DepthUpdate) -> None:
        self.stamp += 1
        for side, levels in zip(self.sides, (update.bids, update.asks), strict=True):
            if update.snapshot:
                side.clear()
            for price, size in levels:
                if not math.isfinite(price) or not math.isfinite(size) or price <= 0 or size < 0:
                    self.refused += 1
                    continue
                # Nine decimals are finer than any tick here, and coarser than the noise of a double.
                key = round(Decimal(price), 9)
                side.pop(key, None)
                if size > 0:
                    side[key] = (size, self.stamp)
        bids, asks = self.sides
        while bids and asks and max(bids) >= min(asks):
            bid, ask = max(bids), min(asks)
            bid_stamp, ask_stamp = bids[bid][1], asks[ask][1]
            if bid_stamp <= ask_stamp:
                del bids[bid]
                self.removed += 1
            if ask_stamp <= bid_stamp:
                del asks[ask]
                self.removed += 1

    def levels(self, count: int) -> tuple[list[Level], list[Level]]:
        bids, asks = self.sides
        best_bids, best_asks = sorted(bids, reverse=True)[:count], sorted(asks)[:count]
        return [(float(p), bids[p][0]) for p in best_bids], [(float(p), asks[p][0]) for p in best_asks]


def rounded(levels: tuple[list[Level], list[Level]]) -> tuple[list[Level], list[Level]]:
    bids, asks = ([(round(price, 9), size) for price, size in side] for side in levels)
    return bids, asks


def updates_of(prices: st.SearchStrategy[float]) -> st.SearchStrategy[list[DepthUpdate]]:
    sizes = st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0, NAN, INF, -1.0])
    odd = st.sampled_from([0.0, -1.0, NAN, INF, -INF])
    levels = st.lists(st.tuples(st.one_of(prices, prices, prices, odd), sizes), max_size=8)
    kinds = st.sampled_from([True, False, False, False])
    return st.lists(st.builds(DepthUpdate, st.integers(0, 99), kinds, levels, levels), max_size=25)


# The same price once as it is written and once as it is computed, which is not always the same double.
computed = st.builds(
    lambda steps, noisy: steps * 0.1 if noisy else steps / 10, st.integers(1, 14), st.booleans()
)
written = st.integers(1, 14).map(lambda steps: steps / 10)


# Of which the best two are unfolded, and the third is the first one that is not.
SNAPSHOT = DepthUpdate(1, True, [(1.0, 1.0), (0.9, 1.0), (0.8, 1.0), (0.7, 1.0)], [])


@given(st.one_of(st.tuples(st.just(0.1), updates_of(computed)), st.tuples(st.none(), updates_of(written))))
def test_it_is_the_naive_book_after_every_update(
    given_updates: tuple[float | None, list[DepthUpdate]],
) -> None:
    tick, updates = given_updates
    book, naive = OrderBook(tick), Naive()
    for update in updates:
        book.apply(update)
        naive.apply(update)
        for count in (0, 1, 3, 100):
            assert rounded(book.levels(count)) == naive.levels(count)
        assert len(book) == sum(map(len, naive.sides))
        assert (book.refused, book.crossed_removed) == (naive.refused, naive.removed)
        bids, asks = book.levels(1)
        assert not bids or not asks or bids[0][0] < asks[0][0]
        assert -1.0 <= book.imbalance(3) <= 1.0
    assert book.updates == len(updates)
    assert book.snapshots == sum(update.snapshot for update in updates)
    assert book.ready == (book.snapshots > 0)
    assert book.time_ns == max((update.ts_ns for update in updates), default=0)
    assert book.crossed + book.locked <= book.crossed_removed


@given(st.one_of(st.tuples(st.just(0.1), updates_of(computed)), st.tuples(st.none(), updates_of(written))))
@example((None, [SNAPSHOT, DepthUpdate(2, False, [(0.8, 7.0), (0.2, 5.0), (0.1, 5.0)], [])]))
def test_it_is_the_naive_book_where_most_levels_are_not_unfolded(
    given_updates: tuple[float | None, list[DepthUpdate]],
) -> None:
    tick, updates = given_updates
    book, naive = OrderBook(tick), Naive()
    with pytest.MonkeyPatch.context() as patch:
        # As with thousands of levels.
        for name, count in (("_MANY", 2), ("_NEAR", 2), ("_FEW", 1)):
            patch.setattr(mdnb.stores.book, name, count)
        for at, update in enumerate(updates):
            book.apply(update)
            naive.apply(update)
            assert len(book) == sum(map(len, naive.sides))
            assert (book.refused, book.crossed_removed) == (naive.refused, naive.removed)
            # What is read is unfolded: not all of it each time.
            count = (1, 2, 0, 100)[at % 4]
            assert rounded(book.levels(count)) == naive.levels(count)
    assert rounded(book.levels(100)) == naive.levels(100)


@given(updates_of(written), st.integers(1, 5))
def test_a_limit_is_the_best_of_the_naive_book_as_far_as_it_is_known(
    updates: list[DepthUpdate], limit: int
) -> None:
    for many in (2, 4096):
        book = OrderBook(0.1, limit=limit)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mdnb.stores.book, "_MANY", many)
            for update in updates:
                # What a venue with that depth tells: its best levels before, and what changed of these.
                naive = Naive()
                before = book.levels(100)
                naive.apply(DepthUpdate(0, True, *before))
                naive.refused = book.refused
                book.apply(update)
                naive.stamp = 1
                naive.apply(update)
                if not update.snapshot and book.crossed_removed:
                    continue  # whose level is older the venue alone knows
                assert rounded(book.levels(100)) == naive.levels(limit)


def test_half_a_million_levels_a_side_are_bounded_by_what_is_subscribed_and_read_as_far_as_asked() -> None:
    count = 500_000
    bids = [(round(100_000 - at / 100, 2), 1.0 + at % 7) for at in range(count)]
    asks = [(round(100_000 + (at + 1) / 100, 2), 1.0 + at % 5) for at in range(count)]
    dice = random.Random(7)
    shuffled = (dice.sample(bids, count), dice.sample(asks, count))
    whole, bounded = OrderBook(0.01), OrderBook(0.01, limit=1_000)
    for book in (whole, bounded):
        book.apply(DepthUpdate(1, True, *shuffled))
        assert book.levels(10) == (bids[:10], asks[:10])
    assert (len(whole), len(bounded)) == (2 * count, 2_000)
    # Nothing but the top is unfolded, whatever changes far below.
    whole.apply(DepthUpdate(2, False, [(price, 0.0) for price, _ in bids[-50_000:]], []))
    whole.apply(DepthUpdate(3, False, [(bids[400_000][0], 9.0)], []))
    assert len(whole) == 2 * count - 50_000
    assert max(len(side.keys) for side in (whole._bids, whole._asks)) < 10_000
    # The top goes, and what was below it is there.
    for book in (whole, bounded):
        book.apply(DepthUpdate(4, False, [(price, 0.0) for price, _ in bids[:900]], []))
    assert whole.levels(5)[0] == bids[900:905]
    # Of what lies below the subscribed depth nothing is known until the venue tells it.
    assert bounded.levels(5_000)[0] == bids[900:1_000]
    bounded.apply(DepthUpdate(5, False, bids[1_000:1_900], []))
    assert bounded.levels(5_000)[0] == bids[900:1_900]
    expected = [*bids[900:400_000], (bids[400_000][0], 9.0), *bids[400_001:-50_000]]
    assert whole.levels(count)[0] == expected


@pytest.mark.parametrize("limit", [None, 1_000])
def test_half_a_million_levels_a_side_that_come_as_one_change_are_not_put_in_one_by_one(
    limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 500_000
    bids = [(round(100_000 - at / 100, 2), 1.0 + at % 7) for at in range(count)]
    asks = [(round(100_000 + (at + 1) / 100, 2), 1.0 + at % 5) for at in range(count)]
    dice = random.Random(8)
    put = []
    monkeypatch.setattr(mdnb.stores.book, "insort", lambda keys, key: put.append(key))
    book = OrderBook(0.01, needs_snapshot=False, limit=limit)
    book.apply(DepthUpdate(1, False, dice.sample(bids, count), dice.sample(asks, count)))
    assert book.levels(limit or count) == (bids[:limit], asks[:limit])
    book.apply(DepthUpdate(2, False, [(price, 0.0) for price, _ in bids], []))
    assert book.levels(10) == ([], asks[:10])
    # Each of which would move half of the list.
    assert not put


@given(updates_of(written), st.integers(1, 5))
def test_a_limit_keeps_the_best_levels_only(updates: list[DepthUpdate], limit: int) -> None:
    book = OrderBook(0.1, limit=limit)
    for update in updates:
        before, _ = book.levels(100)
        book.apply(update)
        bids, asks = book.levels(100)
        assert max(len(bids), len(asks)) <= limit
        told = {price for price, size in update.bids if size > 0}
        assert {price for price, _ in bids} <= told | {price for price, _ in before}


def test_thousands_of_levels_stay_sorted() -> None:
    dice = random.Random(7)
    book, naive = OrderBook(0.01), Naive()
    for number in range(400):
        levels: list[list[Level]] = [
            [
                ((5000 - 1 - int(dice.expovariate(0.002)) % 4000) / 100, dice.choice([0.0, 1.0, 2.0]))
                for _ in range(20)
            ],
            [
                ((5000 + int(dice.expovariate(0.002)) % 4000) / 100, dice.choice([0.0, 1.0, 2.0]))
                for _ in range(20)
            ],
        ]
        if not number:
            levels = [
                [((4999 - step) / 100, 1.0) for step in range(4000)],
                [((5000 + step) / 100, 1.0) for step in range(4000)],
            ]
        update = DepthUpdate(number, not number, *levels)
        book.apply(update)
        naive.apply(update)
    assert book.levels(10_000) == naive.levels(10_000)
    assert len(book) > 4000


# -- crossed, locked, stale ----------------------------------------------------------------------------------


def book_of(bids: list[Level], asks: list[Level], **options: Any) -> OrderBook:
    book = OrderBook(0.25, **options)
    book.apply(DepthUpdate(1, True, bids, asks))
    return book


BIDS: list[Level] = [(100.0, 5.0), (99.75, 8.0), (99.5, 1.0)]
ASKS: list[Level] = [(100.25, 2.0), (100.5, 4.0), (101.0, 9.0)]


def test_a_crossing_bid_removes_the_asks_that_are_older() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(2, False, [(100.75, 3.0)], []))
    assert book.levels(9) == ([(100.75, 3.0), *BIDS], [(101.0, 9.0)])
    assert (book.crossed, book.locked, book.crossed_removed) == (1, 0, 2)


def test_a_crossing_ask_removes_the_bids_that_are_older() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(2, False, [], [(99.6, 3.0)]))
    assert book.levels(9) == ([(99.5, 1.0)], [(99.6, 3.0), *ASKS])
    assert (book.crossed, book.locked, book.crossed_removed) == (1, 0, 2)


def test_a_locked_book_is_parted_and_counted_as_such() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(2, False, [(100.25, 7.0)], []))
    assert book.levels(1) == ([(100.25, 7.0)], [(100.5, 4.0)])
    assert (book.crossed, book.locked, book.crossed_removed) == (0, 1, 1)


def test_a_level_that_was_written_again_is_not_the_older_one() -> None:
    book = book_of(BIDS, ASKS)
    # One update moves the market up: the new bid and the new ask are of one age, the asks between are older.
    book.apply(DepthUpdate(2, False, [(100.5, 6.0)], [(101.0, 1.0)]))
    assert book.levels(1) == ([(100.5, 6.0)], [(101.0, 1.0)])
    assert book.crossed_removed == 2


def test_of_one_update_that_crosses_itself_nothing_is_believed() -> None:
    book = book_of([(101.0, 1.0), (100.0, 5.0)], [(100.5, 1.0), (101.5, 2.0)])
    assert book.levels(9) == ([(100.0, 5.0)], [(101.5, 2.0)])
    assert (book.crossed, book.crossed_removed) == (1, 2)


def test_a_venue_that_removes_what_crosses_is_not_counted() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(2, False, [(100.25, 7.0)], [(100.25, 0.0)]))
    assert (book.crossed, book.locked, book.crossed_removed) == (0, 0, 0)


def test_a_snapshot_drops_what_it_does_not_have() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(2, True, [(100.0, 1.0)], []))
    assert book.levels(9) == ([(100.0, 1.0)], [])


def test_after_a_reset_it_is_empty_and_not_ready_until_the_next_snapshot() -> None:
    book = book_of(BIDS, ASKS)
    book.apply(DepthUpdate(5, False, [(100.0, -1.0)], []))
    book.reset()
    assert (book.levels(9), book.ready, book.time_ns, len(book)) == (([], []), False, 0, 0)
    assert (book.updates, book.snapshots, book.refused) == (2, 1, 1), "the counters go on"
    book.apply(DepthUpdate(6, False, [(98.0, 1.0)], []))
    assert not book.ready
    assert book.levels(9) == ([(98.0, 1.0)], []), "what is told can be read, but it is a part"
    book.apply(DepthUpdate(7, True, BIDS, ASKS))
    assert book.ready
    assert book.levels(9) == (BIDS, ASKS)


def test_a_venue_without_snapshots_is_ready_from_its_first_change_on() -> None:
    book = OrderBook(None, needs_snapshot=False)
    assert not book.ready
    for _ in range(2):
        book.apply(DepthUpdate(1, False, [(1.0, 1.0)], []))
        assert book.ready
        book.reset()
        assert not book.ready


def test_figures_of_the_best_levels() -> None:
    book = book_of(BIDS, ASKS)
    assert book.imbalance(1) == (5 - 2) / 7
    assert book.imbalance(2) == (13 - 6) / 19
    assert book.imbalance(0) == 0.0
    assert book.microprice() == pytest.approx((100.0 * 2 + 100.25 * 5) / 7)
    empty = OrderBook(None)
    assert empty.imbalance(10) == 0.0
    assert math.isnan(empty.microprice())
    one_sided = book_of(BIDS, [])
    assert one_sided.imbalance(10) == 1.0
    assert math.isnan(one_sided.microprice())
    assert book_of([(100.0, 1e308), (99.0, 1e308)], ASKS).imbalance(2) == 0.0


def test_prices_beyond_the_countable_are_refused_with_a_tick_size() -> None:
    book = OrderBook(1e-300)
    book.apply(DepthUpdate(1, True, [(1e300, 1.0)], [(1e-299, 1.0)]))
    assert (book.refused, book.levels(9)) == (1, ([], [(1e-299, 1.0)]))


@pytest.mark.parametrize("tick", [0.0, -0.25, NAN, INF])
def test_an_impossible_tick_size_is_refused(tick: float) -> None:
    with pytest.raises(OptionError, match="tick_size must be above 0"):
        OrderBook(tick)


def test_an_impossible_limit_is_refused() -> None:
    with pytest.raises(OptionError, match="limit must be 1 or more"):
        OrderBook(None, limit=0)


# -- recordings of venues ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_give_the_naive_book(name: str) -> None:
    for updates in decoder(RECORDINGS[name]).feed(frames(name)).depth.values():
        book, naive = OrderBook(None), Naive()
        for number, update in enumerate(updates):
            book.apply(update)
            naive.apply(update)
            if number % 40 == 0 or update is updates[-1]:
                assert rounded(book.levels(50)) == rounded(naive.levels(50))
        assert (book.refused, book.crossed_removed) == (0, naive.removed)


def texts_of(message: Any, names: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield each level of a message as the venue writes it."""
    if isinstance(message, dict):
        for name, value in message.items():
            if name in names:
                yield from value
            else:
                yield from texts_of(value, names)
    elif isinstance(message, list):
        for value in message:
            yield from texts_of(value, names)


Books = dict[str, OrderBook]
Texts = dict[float, str]


def checked(
    name: str,
    dialect: str,
    names: tuple[str, ...],
    right: Callable[[Any, OrderBook, Texts, Texts], bool | None],
) -> tuple[int, int]:
    """Return how many of the venue's checksums agree with the book, and how many there are."""
    books: Books = {}
    prices: dict[str, Texts] = {}
    sizes: dict[str, Texts] = {}
    decode, agreed, seen = decoder(dialect), 0, 0
    for frame in frames(name):
        message = json.loads(frame)
        for symbol, updates in decode.feed([frame]).depth.items():
            book = books.setdefault(symbol, OrderBook(None))
            for update in updates:
                book.apply(update)
            for price, size, *_ in texts_of(message, names):
                prices.setdefault(symbol, {})[float(price)] = price
                sizes.setdefault(symbol, {})[float(size)] = size
            answer = right(message, book, prices[symbol], sizes[symbol])
            seen += answer is not None
            agreed += answer is True
    return agreed, seen


def kraken_is_right(message: Any, book: OrderBook, prices: Texts, sizes: Texts) -> bool | None:
    """Check as docs.kraken.com "Book checksum (WebSocket v1)" says: ten asks, ten bids, digits only."""
    told = [part["c"] for part in message if isinstance(part, dict) and "c" in part]
    if not told:
        return None
    bids, asks = book.levels(10)
    digits = [text.replace(".", "").lstrip("0") for p, s in asks + bids for text in (prices[p], sizes[s])]
    return zlib.crc32("".join(digits).encode()) == int(told[0])


def okx_is_right(message: Any, book: OrderBook, prices: Texts, sizes: Texts) -> bool | None:
    """Check as OKX's "How to calculate checksum" says: 25 levels, bid and ask in turn, joined by colons."""
    told = message["data"][0]["checksum"]
    bids, asks = book.levels(25)
    parts = []
    for depth in range(25):
        for side in (bids, asks):
            parts += [(prices[p], sizes[s]) for p, s in side[depth : depth + 1]]
    return zlib.crc32(":".join(f"{price}:{size}" for price, size in parts).encode()) == int(told) % 2**32


def test_krakens_own_checksums_agree() -> None:
    agreed, seen = checked("kraken_v1_book", "kraken_v1", ("a", "b", "as", "bs"), kraken_is_right)
    assert agreed == seen == 4269


def test_okxs_own_checksums_agree() -> None:
    agreed, seen = checked("okx", "okx", ("asks", "bids"), okx_is_right)
    assert agreed == seen == 290


def test_binances_own_best_bid_and_ask_agree() -> None:
    name = "binance_spot_btcusdt_20240808T2354"
    book, decode, tops = OrderBook(0.01), decoder("binance"), []
    tickers: list[tuple[int, Level, Level]] = []
    for frame in frames(name):
        message = json.loads(frame)
        data = message.get("data", message)
        if message.get("stream", "").endswith("@bookTicker"):
            bid, ask = (float(data["b"]), float(data["B"])), (float(data["a"]), float(data["A"]))
            tickers.append((data["u"], bid, ask))
        for update in decode.feed([frame]).depth.get("BTCUSDT", []):
            book.apply(update)
            if book.ready and not update.snapshot:
                bids, asks = book.levels(1)
                tops.append((data["u"], bids[0], asks[0]))
    # Both streams count the book's changes by one id: the newest ticker up to an update is its top.
    at = [bisect.bisect_right(tickers, top[0], key=lambda ticker: ticker[0]) - 1 for top in tops]
    assert [top[1:] for top in tops] == [tickers[index][1:] for index in at]
    assert len(tops) == 3448
    # The recording lacks the changes right after its snapshot: a level of it was stale, and was in the way.
    assert (book.crossed, book.crossed_removed) == (1, 1)


# -- the simulator, over its socket --------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["MNQ", "BTC-USD"])
def test_the_simulators_stream_is_the_exchanges_own_ladder(symbol: str) -> None:
    updates: list[DepthUpdate] = []

    async def main() -> None:
        enough, decode = asyncio.Event(), decoder("mdnb")
        feed = SimulatorFeed(start="2025-11-19T15:00", hours="venue", speed=30.0)

        def on_frame(frame: str | bytes) -> None:
            batch = decode.feed([frame])
            for reply in batch.replies:
                feed.on_reply(reply)
            updates.extend(batch.depth.get(symbol, []))
            if len(updates) >= 60:
                enough.set()

        async with feed, asyncio.timeout(LIMIT_SECONDS):
            await feed.open([symbol])
            running = asyncio.create_task(feed.run(on_frame, lambda *status: None))
            await feed.subscribe(symbol, ["depth"])
            await enough.wait()
            await feed.close()
            await running

    asyncio.run(main())
    tape = tape_of(symbol)
    exchange, book = Book(tape), OrderBook(1 / tape.model.ticks_per_point)
    for update in updates:
        book.apply(update)
        whole = exchange.snapshot(exchange.ladder(update.ts_ns), update.ts_ns)
        assert book.levels(100) == (whole.bids, whole.asks)
        assert book.time_ns == update.ts_ns
    assert [update.snapshot for update in updates[:2]] == [True, False]
    assert (book.refused, book.crossed, book.locked, book.crossed_removed) == (0, 0, 0, 0)


@pytest.mark.parametrize("count", [3, 3_000])
@pytest.mark.parametrize("tick", [0.01, None])
def test_levels_below_zero_are_levels_where_prices_may_be(count: int, tick: float | None) -> None:
    bids = [(round(-0.01 * i, 2), 1.0 + i) for i in range(1, count + 1)]
    asks = [(round(0.01 * i, 2), 1.0 + i) for i in range(count)]
    book = OrderBook(tick, positive_prices=False)
    book.apply(DepthUpdate(1, True, bids, asks))
    assert book.levels(3) == (bids[:3], asks[:3])
    book.apply(DepthUpdate(2, False, [(-0.01, 0.0), (-0.02, 7.0), (bids[-1][0], 9.0)], [(0.0, 0.0)]))
    assert book.levels(2) == (
        [(-0.02, 7.0), bids[2]] if count > 3 else [(-0.02, 7.0), (-0.03, 9.0)],
        asks[1:3],
    )
    assert (book.refused, len(book)) == (0, 2 * count - 2)
    of_shares = OrderBook(tick)
    of_shares.apply(DepthUpdate(1, True, bids, asks))
    assert (of_shares.refused, len(of_shares)) == (count + 1, count - 1)
