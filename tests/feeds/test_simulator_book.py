"""Quotes and depth: in step with the trades, never crossed, and the sum of their changes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.decode.wire import Decoder
from mdnb.feeds.simulator.book import LEVELS, Book
from mdnb.feeds.simulator.stream import FRAME_ROWS, Stream
from tests.feeds.simulated import HOUR, MINUTE, SECOND, instant, tape_of

OPEN = instant("2025-11-19T14:30")
SYMBOLS = ["MNQ", "CL", "BTC-USD"]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_each_trade_is_at_the_bid_or_at_the_ask_of_its_moment(symbol: str) -> None:
    tape = tape_of(symbol)
    ticks = tape.between(OPEN, OPEN + 20 * MINUTE)
    quotes = Book(tape).quotes(ticks)
    rows = tape.rows(ticks)
    at = np.searchsorted(np.array([quote[0] for quote in quotes]), ticks.ts_ns, side="right") - 1
    last_of_moment = np.append(np.diff(ticks.ts_ns) > 0, True)
    for row, held, last in zip(rows, at, last_of_moment, strict=True):
        if last:  # of trades in one nanosecond the last one tells the top
            assert row[1] == quotes[held][3 if row[4] > 0 else 1]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_top_is_never_crossed_and_mostly_one_tick_wide(symbol: str) -> None:
    tape = tape_of(symbol)
    rows = Book(tape).quotes(tape.between(OPEN, OPEN + HOUR))
    assert all(one[0] < other[0] and one[1:] != other[1:] for one, other in itertools.pairwise(rows))
    quotes = np.array(rows)
    ticks = np.rint((quotes[:, 3] - quotes[:, 1]) * tape.model.ticks_per_point)
    assert ticks.min() == 1
    assert ticks.max() <= 3
    assert (ticks == 1).mean() > 0.8
    assert (quotes[:, [2, 4]] > 0).all()


@settings(max_examples=20)
@given(st.lists(st.integers(1, 90 * SECOND), min_size=1, max_size=12), st.sampled_from(SYMBOLS))
def test_changes_add_up_to_the_snapshot(pauses: list[int], symbol: str) -> None:
    tape = tape_of(symbol)
    book, now = Book(tape), OPEN
    ladder = book.ladder(now)
    first = book.snapshot(ladder, now)
    bids, asks = dict(first.bids), dict(first.asks)
    for pause in pauses:
        now += pause
        after = book.ladder(now)
        change = book.change(ladder, after, now)
        ladder = after
        for side, levels in ((bids, change.bids if change else []), (asks, change.asks if change else [])):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    del side[price]
        whole = book.snapshot(Book(tape).ladder(now), now)
        assert bids == dict(whole.bids)
        assert asks == dict(whole.asks)
        assert len(bids) == len(asks) == LEVELS
        assert max(bids) < min(asks)
        assert min(*bids.values(), *asks.values()) > 0


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_waits_behind_the_top_lasts_for_a_while_and_not_for_ever(symbol: str) -> None:
    book = Book(tape_of(symbol))

    def likeness(pause: int) -> float:
        pairs = []
        for at in range(40):
            one, other = (book.ladder(OPEN + at * MINUTE + shift) for shift in (0, pause))
            for side in ("bids", "asks"):
                held = list(getattr(one, side).items())[1:]
                pairs += [
                    (size, getattr(other, side)[price])
                    for price, size in held
                    if price in getattr(other, side)
                ]
        assert len(pairs) > 20
        return float(np.corrcoef(np.log(np.array(pairs)).T)[0, 1])

    assert likeness(10 * SECOND) > 0.7
    assert abs(likeness(8 * MINUTE)) < 0.5


def test_orders_of_a_coin_gather_at_round_prices() -> None:
    tape = tape_of("BTC-USD")
    book, point = Book(tape), tape.model.ticks_per_point
    sizes: dict[bool, list[int]] = {True: [], False: []}
    for at in range(200):
        ladder = book.ladder(OPEN + at * MINUTE)
        for price, size in [*list(ladder.bids.items())[1:], *list(ladder.asks.items())[1:]]:
            assert price % point == 0
            sizes[price % (20 * point) == 0].append(size)
    assert np.median(sizes[True]) > 1.3 * np.median(sizes[False])


def test_the_book_of_a_closed_market_is_that_of_its_last_trade() -> None:
    tape = tape_of()
    friday, saturday = instant("2025-11-21T22:00"), instant("2025-11-22T12:00")
    last = tape.last_minute(saturday)
    book = Book(tape)
    bids = [max(book.ladder(now).bids) for now in (friday, saturday)]
    assert bids[0] == bids[1]
    assert int(last.price[-1]) in (bids[0], min(book.ladder(saturday).asks))
    assert len(tape.last_minute(instant("2018-01-01T00:00"))) == 0
    assert book.ladder(instant("2018-01-01T00:00")).bids == {}


# -- the stream: what is due is a function of time alone ---------------------------------------------------


def told(stream: Stream, moments: list[int]) -> tuple[list[object], list[object]]:
    trades: list[object] = []
    quotes: list[object] = []
    for moment in moments:
        while stream.position_ns < moment:
            frames = stream.due(moment)
            batch = Decoder().feed(frames)
            assert batch.malformed == []
            assert all(len(frame) < 2**20 for frame in frames)
            trades += batch.trades.get("MNQ", [])
            quotes += batch.quotes.get("MNQ", [])
    return trades, quotes


@settings(max_examples=15)
@given(st.lists(st.integers(0, 10 * 60 * SECOND), max_size=30))
def test_a_stream_tells_the_same_trades_at_any_pace(pauses: list[int]) -> None:
    end = OPEN + 10 * 60 * SECOND
    tape = tape_of()
    stream = Stream(tape, OPEN, 1.0)
    assert stream.next_id == tape.next_id(OPEN)
    stream.set_channels(["trades", "quotes", "depth"])
    trades, quotes = told(stream, [*sorted(OPEN + pause for pause in pauses), end])
    assert trades == tape.rows(tape.between(OPEN, end))
    # Of quotes a slow client may miss some, but not the last.
    assert quotes[-1] == Book(tape).quotes(tape.between(OPEN, end))[-1]


def test_a_client_far_behind_gets_full_frames_and_few_quotes() -> None:
    tape = tape_of()
    stream = Stream(tape, OPEN, 1.0)
    stream.set_channels(["trades", "quotes"])
    batch = Decoder().feed(stream.due(OPEN + HOUR))
    assert stream.position_ns < OPEN + HOUR, "bounded: it does not make an hour at once"
    assert batch.frames <= 10
    assert len(batch.trades["MNQ"]) > 7 * FRAME_ROWS
    assert len(batch.quotes["MNQ"]) == 1
    stream.set_channels([])
    assert stream.due(OPEN + HOUR) == []


def test_a_book_that_stays_as_it_is_sends_nothing() -> None:
    stream = Stream(tape_of(), instant("2025-11-22T12:00"), 1.0)
    stream.set_channels(["depth"])
    counts = []
    for pause in range(0, 10 * SECOND, SECOND // 10):
        batch = Decoder().feed(stream.due(instant("2025-11-22T12:00") + 1 + pause))
        counts.append(len(batch.depth.get("MNQ", [])))
    assert counts[0] == 1
    assert set(counts) == {0, 1}


def test_where_no_trade_was_no_quote_changes() -> None:
    tape = tape_of("MNQ")
    assert Book(tape).quotes(tape.between(OPEN, OPEN)) == []
