"""Playing recordings over a real loopback socket: what arrives is what is in the file."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime as dt
import heapq
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus

import mdnb
from mdnb import datasets
from mdnb.clock import EventClock
from mdnb.decode import decoder
from mdnb.errors import FeedError, OptionError, SymbolError
from mdnb.feeds.registry import make_feed
from mdnb.feeds.replay import ReplayFeed, open_recording
from mdnb.feeds.replay.playlist import looped_rows
from mdnb.feeds.replay.recording import Damage, Track
from mdnb.feeds.replay.server import FRAME_ROWS, FrameSource, ReplayServer
from mdnb.feeds.timeouts import Backoff, Wall
from mdnb.rows import Batch
from mdnb.runtime.feed_decoder import decoder_of
from tests.limits import LIMIT_SECONDS
from tests.venues.recordings import RECORDINGS, received, recording, samples, shared

CHANNELS = ["trades", "quotes", "depth", "bars"]
DAY = 86_400_000_000_000


class Player:
    """Runs a feed as the engine does: hands replies back, keeps what arrives."""

    def __init__(self, feed: ReplayFeed) -> None:
        self.feed = feed
        self.frames: list[str | bytes] = []
        self.replies = 0
        self.statuses: list[tuple[str, str]] = []
        self.on_data: Callable[[str | bytes], None] = lambda frame: None

    def on_frame(self, frame: str | bytes) -> None:
        if self.feed.recording.frames is None and '"e":"reply"' in str(frame[:20]):
            self.replies += 1
            for reply in decoder("mdnb").feed([frame]).replies:
                self.feed.on_reply(reply)
            return
        self.frames.append(frame)
        self.on_data(frame)

    def on_status(self, status: str, detail: str) -> None:
        self.statuses.append((status, detail))

    async def run(self) -> None:
        await asyncio.wait_for(self.feed.run(self.on_frame, self.on_status), LIMIT_SECONDS)

    def batch(self) -> Batch:
        return decoder(self.feed.dialect).feed(self.frames)


async def opened(feed: ReplayFeed, *symbols: str) -> Player:
    await feed.open(symbols)
    for symbol in symbols:
        await feed.subscribe(symbol, CHANNELS)  # type: ignore[arg-type]  # a list of channels
    return Player(feed)


async def run_and_give_back(player: Player, symbol: str, channels: Sequence[str]) -> None:
    """Run a player to the end, and give channels of a symbol back when three frames have come."""
    tasks = []

    def give_back(frame: str | bytes) -> None:
        if len(player.frames) == 3:
            tasks.append(asyncio.ensure_future(player.feed.unsubscribe(symbol, channels)))  # type: ignore[arg-type]  # names of channels

    player.on_data = give_back
    await player.run()
    await asyncio.gather(*tasks)


def play(path: str | Path, *symbols: str, **options: Any) -> Player:
    async def main() -> Player:
        async with ReplayFeed(path, **options) as feed:
            player = await opened(feed, *symbols)
            await player.run()
            return player

    return asyncio.run(main())


class VirtualWall:
    """A wall clock that stands still until it is told to move to the next sleeper's time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0
        self._arrived = asyncio.Event()
        self.wall = Wall(monotonic=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._number, future))
        if seconds < 1e6:
            self._arrived.set()
        await future

    async def drive(self, work: Awaitable[None]) -> None:
        """Move time on whenever somebody sleeps, until the work is done."""
        task = asyncio.ensure_future(work)
        waiter = asyncio.ensure_future(self._arrived.wait())
        while not task.done():
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
            self._arrived.clear()
            waiter = asyncio.ensure_future(self._arrived.wait())
            while self._sleepers and self._sleepers[0][0] < 1e6:
                until, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    self.now = max(self.now, until)
                    future.set_result(None)
                    break
        waiter.cancel()
        await task


# -- what arrives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_frame_arrives_as_it_is_and_in_order(name: str) -> None:
    path = recording(name)
    expected = [frame for _, frame in received(path)]
    player = play(path, open_recording(path).symbols[0], speed="max")
    assert player.frames == expected
    assert sum(map(len, player.frames)) == sum(map(len, expected))
    assert player.batch().malformed == []
    assert player.statuses[-2:] == [("connected", ""), ("closed", "end of recording")]


def test_frames_that_are_no_text_arrive_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    good = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'
    path.write_bytes(f"{10**18} {good}\n{10**18} ".encode() + b"{\xff}\n" + f"{10**18} {good}\n".encode())
    assert play(path, "A", speed="max").frames == [good, b"{\xff}", good]


def test_ten_times_as_fast_by_a_virtual_clock() -> None:
    path = recording("kraken_v1_trade")
    lines = received(path)

    async def main() -> None:
        virtual = VirtualWall()
        began = virtual.now
        async with ReplayFeed(path, speed=10, wall=virtual.wall) as feed:
            player = await opened(feed, "XMR/USD")
            seen = []

            def note(frame: str | bytes) -> None:
                at_ns = lines[len(seen)][0]
                seen.append(frame)
                # Never early, and the feed's clock is what the recording's was.
                assert virtual.now - began >= (at_ns - lines[0][0]) / 1e10 - 1e-6
                assert feed.clock.now_ns() >= at_ns - 10_000

            player.on_data = note
            assert feed.clock.now_ns() == lines[0][0]
            await virtual.drive(player.run())
            assert seen == [frame for _, frame in lines]
        assert virtual.now - began == pytest.approx((lines[-1][0] - lines[0][0]) / 1e10, abs=1e-3)

    asyncio.run(main())


def test_rows_at_real_speed_go_singly_and_the_clock_beats_in_the_gaps() -> None:
    async def main() -> None:
        virtual = VirtualWall()
        options = {"speed": 1, "start": "2013-10-07T21:10", "end": "2013-10-07T22:00:10"}
        async with ReplayFeed("dataset:gold-ticks", wall=virtual.wall, **options) as feed:  # type: ignore[arg-type]
            assert feed.playback is not None
            feed.playback.arrivals = collections.deque(maxlen=0)  # all that was sent counts as delivered
            player = await opened(feed, "GC")
            beats: list[int] = []
            feed.playback.on_time = beats.append
            await virtual.drive(player.run())
            frames = [json.loads(frame) for frame in player.frames]
            assert beats == sorted(beats)
            assert len(beats) > 20_000  # CME's halt of three quarters of an hour, ten beats a second
            trades = [frame["r"] for frame in frames if frame["e"] == "trades"]
            assert all(len({row[0] for row in rows}) == 1 for rows in trades)
            batch = player.batch()
            assert len(batch.trades["GC"]) == sum(map(len, trades)) == 49
            assert batch.ended

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "symbol", "kind", "key"),
    [
        ("bars/kraken_xbtusdt_trades.json.gz", "XBTUSDT", "trades", "XBTUSDT"),
        ("bars/binance_xrpeth_aggtrades_20191011_ccxt.json.gz", "XRP/ETH", "trades", "XRP/ETH"),
        ("bars/lean_fxcm_eurusd_tick_20140505_quote.zip", "EURUSD", "quotes", "EURUSD"),
        ("bars/lean_coinbase_btcusd_minute_20161008_trade.zip", "BTCUSD", "bars", ("BTCUSD", "1min")),
        ("dialects/freqtrade_1m_lists.json.gz", "UNITTEST/BTC", "bars", ("UNITTEST/BTC", "1min")),
    ],
)
def test_every_row_arrives_exactly(path: str, symbol: str, kind: str, key: Any) -> None:
    expected = list(open_recording(shared(path)).tracks[0].rows())
    player = play(shared(path), symbol, speed="max")
    batch = player.batch()
    rows = getattr(batch, kind)[key]
    if kind == "bars":
        assert all(closed for _, closed in rows)
        rows = [row for row, _ in rows]
    np.testing.assert_array_equal(np.array(rows, dtype=float), np.array(expected, dtype=float))
    assert [row[0] for row in rows] == [row[0] for row in expected]
    assert (batch.malformed, batch.ended, player.statuses[-1]) == ([], True, ("closed", "end of recording"))
    sizes = [len(json.loads(frame).get("r", [])) for frame in player.frames]
    assert max(sizes) == min(FRAME_ROWS, len(expected))


def test_bars_tell_the_time_by_their_end() -> None:
    player = play("dataset:bitcoin-minutes", "BTCUSD", speed="max")
    batch = player.batch()
    row, closed = batch.bars["BTCUSD", "1min"][-1]
    assert closed
    assert batch.clock_ns == row[0] + 60 * 10**9


def test_the_running_candle_of_krakens_rest_is_not_closed() -> None:
    player = play(shared("bars/kraken_xbtusdt_ohlc_1m.json.gz"), "XBTUSDT", speed="max")
    flags = [closed for _, closed in player.batch().bars["XBTUSDT", "1min"]]
    assert flags == [True] * (len(flags) - 1) + [False]


def test_several_symbols_each_in_order() -> None:
    player = play("dataset:gold-ticks", "GC201312", "GC201402", speed="max")
    tracks = {track.symbol: track for track in open_recording(datasets.path("gold-ticks")).tracks}
    batch = player.batch()
    assert set(batch.trades) == {"GC201312", "GC201402"}
    for symbol, rows in batch.trades.items():
        assert rows == list(tracks[symbol].rows())


# -- which part is played -------------------------------------------------------------------------------


def test_start_and_end() -> None:
    whole = [row[0] for row in open_recording(datasets.path("gold-ticks")).tracks[2].rows()]
    start = dt.datetime(2013, 10, 7, 6, tzinfo=dt.UTC)
    player = play("dataset:gold-ticks", "GC", speed="max", start=start, end="2013-10-07T14:00+02:00")
    first, last = int(start.timestamp()) * 10**9, int(start.timestamp()) * 10**9 + 6 * 3600 * 10**9
    times = [row[0] for row in player.batch().trades["GC"]]
    assert times == [ns for ns in whole if first <= ns < last]
    assert len(times) == 8966


def test_start_and_end_of_frames() -> None:
    lines = received(datasets.path("bitcoin-messages"))
    player = play("dataset:bitcoin-messages", "BTCUSDT", speed="max", start=lines[10][0], end=lines[500][0])
    assert player.frames == [frame for _, frame in lines[10:500]]


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize(
    ("span", "asked"),
    [
        ({"start": "2020-01-01"}, "from 2020-01-01T00:00:00Z"),
        ({"end": "1999-01-01"}, "before 1999-01-01T00:00:00Z"),
        (
            {"start": "2013-10-07T21:20", "end": "2013-10-07T21:30"},
            "from 2013-10-07T21:20:00Z before 2013-10-07T21:30:00Z",
        ),
    ],
)
def test_nothing_in_the_span_is_said_at_once(span: dict[str, str], asked: str, loop: bool) -> None:
    with pytest.raises(FeedError) as caught:
        play("dataset:gold-ticks", "GC", speed="max", loop=loop, **span)
    assert str(caught.value) == (
        "the recording lean_gc_tick_20131007_trade.zip holds "
        f"2013-10-07T00:00:00Z to 2013-10-07T23:59:52Z; nothing to play {asked}"
    )


def test_no_frame_in_the_span_is_said_at_once() -> None:
    held = "holds 2024-08-08T23:58:53Z to 2024-08-08T23:59:59Z; nothing to play from 2024-08-09T00:00:00Z"
    with pytest.raises(FeedError, match=held):
        play("dataset:bitcoin-messages", "BTCUSDT", speed="max", start="2024-08-09")


def test_an_empty_recording_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "day.jsonl").write_text('{"mdnb_recording":1,"dialect":"binance","symbols":["A"]}\n')
    with pytest.raises(FeedError, match=r"the recording day\.jsonl is empty: nothing to play"):
        play(tmp_path / "day.jsonl", "A", speed="max")


def test_looping_is_later_by_days_and_ids_go_on() -> None:
    rows = [(DAY + 5, 1.0, 1.0, 1, 1, 7), (3 * DAY + 6, 2.0, 1.0, 1, 1, 8)]
    track = Track("A", "trades", lambda: iter(rows))
    bars = Track("B", "bars", lambda: iter([(DAY + 4, 1.0, 1.0, 1.0, 1.0, 1.0, 0, 1.0)]), "1min", 60 * 10**9)
    played = looped_rows({"A": track, "B": bars}, 0, 2**63 - 1)
    first = [next(played) for _ in range(3)]
    second = [next(played) for _ in range(3)]
    third = [next(played) for _ in range(3)]
    assert [item[2][5] for item in first + second + third if item[1] == "A"] == [7, 8, 9, 10, 11, 12]
    for one, two, three in zip(first, second, third, strict=True):
        assert two[0] - one[0] == three[0] - two[0] == 3 * DAY == two[2][0] - one[2][0]
        assert one[2][1:5] == two[2][1:5]


def test_looping_over_the_socket_until_closed() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:bitcoin-minutes", speed="max", loop=True) as feed:
            player = await opened(feed, "BTCUSD")
            enough = asyncio.Event()

            def count(frame: str | bytes) -> None:
                if len(player.frames) > 20:
                    enough.set()

            player.on_data = count
            task = asyncio.ensure_future(player.run())
            await asyncio.wait_for(enough.wait(), LIMIT_SECONDS)
            await feed.close()
            await task
            starts = [row[0] for row, _ in player.batch().bars["BTCUSD", "1min"]]
            assert len(starts) > 3000
            assert starts == sorted(set(starts))
            assert player.statuses[-1] == ("closed", "")

    asyncio.run(main())


# -- symbols and instruments ----------------------------------------------------------------------------


def open_only(path: str | Path, symbols: list[str], **options: Any) -> ReplayFeed:
    async def main() -> ReplayFeed:
        async with ReplayFeed(path, **options) as feed:
            await feed.open(symbols)
            return feed

    return asyncio.run(main())


def test_a_root_is_its_busiest_expiry_unless_told_otherwise() -> None:
    busiest = play("dataset:gold-ticks", "GC", speed="max", end="2013-10-07T02:00")
    named = play("dataset:gold-ticks", "gc201312", speed="max", end="2013-10-07T02:00")
    other = play("dataset:gold-ticks", "GC", speed="max", symbol="GC201402")
    assert busiest.batch().trades["GC"] == named.batch().trades["gc201312"]
    assert len(other.batch().trades["GC"]) == 213


@pytest.mark.parametrize(
    ("path", "symbols", "message"),
    [
        ("dataset:gold-ticks", ["MNQ"], r"does not hold 'MNQ'.*GC201310, GC201311"),
        ("dataset:gold-ticks", ["GC201313"], r"Did you mean 'GC201312'"),
        ("dataset:bitcoin-messages", ["BTC-USD"], r"does not hold 'BTC-USD'.*BTCUSDT"),
    ],
)
def test_symbols_that_are_not_there(path: str, symbols: list[str], message: str) -> None:
    with pytest.raises(SymbolError, match=message):
        open_only(path, symbols)


def test_frames_cannot_be_renamed() -> None:
    with pytest.raises(SymbolError, match="played as they are: open 'BTCUSDT', not 'BTC'"):
        open_only("dataset:bitcoin-messages", ["BTC"], symbol="BTCUSDT")


SAMPLES = samples()
NEW_VENUES = ["coinbase_advanced", "kraken_futures", "kucoin", "bitget", "deribit", "gemini"]


def recorded_samples(folder: Path, dialect: str) -> Path:
    """Write a recording of the single messages of a venue, as cryptofeed would."""
    path = folder / f"{dialect}.txt"
    held = [sample["frame"] for sample in SAMPLES if sample["dialect"] == dialect]
    path.write_text("".join(f"{1_790_500_000 + number}.5: {frame}\n" for number, frame in enumerate(held)))
    return path


@pytest.mark.parametrize("dialect", NEW_VENUES)
def test_the_messages_of_a_venue_are_played_and_understood(tmp_path: Path, dialect: str) -> None:
    path = recorded_samples(tmp_path, dialect)
    symbol = open_recording(path).symbols[0]
    player = play(path, symbol, speed="max")
    assert player.frames == [sample["frame"] for sample in SAMPLES if sample["dialect"] == dialect]
    batch = player.batch()
    assert (player.feed.dialect, batch.malformed) == (dialect, [])
    assert batch.trades
    assert batch.quotes
    assert batch.depth


def _coinbase(m: Any) -> list[tuple[str, str]]:
    return [
        (t["trade_id"], t["size"])
        for e in m["events"]
        for t in e.get("trades", ())
        if t["product_id"] == "ETH-USD"
    ]


def _kraken_futures(m: Any) -> list[tuple[str, str]]:
    return [(t["uid"], t["qty"]) for t in m.get("trades", [m] if "uid" in m else ())]


def _kucoin(m: Any) -> list[tuple[str, str]]:
    return [(m["data"]["tradeId"], m["data"]["size"])] if "/market/match:" in m.get("topic", "") else []


def _bitget(m: Any) -> list[tuple[str, str]]:
    is_v2 = m.get("arg", {}).get("channel") == "trade" and "tradeId" in str(m.get("data"))
    return [(t["tradeId"], t["size"]) for t in m["data"]] if is_v2 else []


def _deribit(m: Any) -> list[tuple[str, str]]:
    params = m.get("params", {})
    return (
        [(t["trade_id"], t["amount"]) for t in params["data"]]
        if "trades.ETH" in params.get("channel", "")
        else []
    )


def _gemini(m: Any) -> list[tuple[str, str]]:
    held = [m] if m["type"] == "trade" else m.get("trades", [])
    return [(t["event_id"], t["quantity"]) for t in held]


@pytest.mark.parametrize(
    ("dialect", "asked", "second", "trades"),
    [
        ("coinbase_advanced", "ETH/USD", 1790732485, _coinbase),
        ("kraken_futures", "FI_BCHUSD_210730", 1626994887, _kraken_futures),
        ("kucoin", "BTC/USDT", 1729843222, _kucoin),
        ("bitget", "BTC/USDT", 1695716762, _bitget),
        ("deribit", "ETH-PERPETUAL", 1590484255, _deribit),
        ("gemini", "ALCX/USD", 1624493651, _gemini),
    ],
)
def test_bars_are_made_of_each_trade_of_a_venue_once(
    tmp_path: Path, dialect: str, asked: str, second: int, trades: Callable[[Any], list[tuple[str, str]]]
) -> None:
    frames = [sample["frame"] for sample in SAMPLES if sample["dialect"] == dialect]
    held = [frame for frame in frames if trades(json.loads(frame))]
    if dialect == "kucoin":
        held = held[1:]  # the other is three years older
    # Some are told in a snapshot and by themselves.
    expected = dict(trade for frame in held for trade in trades(json.loads(frame)))
    path = tmp_path / f"{dialect}.txt"
    path.write_text("".join(f"{second + number}.9: {frame}\n" for number, frame in enumerate(held)))
    live = mdnb.live(asked, ["1sec"], feed=f"replay:{path}?speed=max")
    try:
        live.wait_ended(timeout=LIMIT_SECONDS)
        bars = live["1sec"].frame
        assert bars["tick_count"].sum() == live.accounting().in_bars == len(expected)
        assert bars["volume"].sum() == pytest.approx(sum(float(size) for size in expected.values()))
        assert live.accounting().malformed == 0
    finally:
        live.close()


@pytest.mark.parametrize(
    ("dialect", "asked", "count"),
    [
        ("coinbase_advanced", "BTC/USD", 1),
        ("kucoin", "BTC/USDT", 2),
        ("bitget", "btc-usdt", 3),
        ("bitget", "CULT/USDT", 3),
    ],
)
def test_a_symbol_arrives_as_it_was_asked_for(tmp_path: Path, dialect: str, asked: str, count: int) -> None:
    feed = ReplayFeed(recorded_samples(tmp_path, dialect))
    feed.load([asked])
    batch = decoder_of(feed).feed([s["frame"] for s in SAMPLES if s["dialect"] == dialect])
    assert len(batch.trades[asked]) == count


def test_frames_that_name_no_symbol_answer_to_any_name(tmp_path: Path) -> None:
    held = [s["frame"] for s in SAMPLES if s["dialect"] == "gemini" and "socket_sequence" in s["frame"]]
    path = tmp_path / "gemini.txt"
    path.write_text("".join(f"{1_790_400_000 + number}.5: {frame}\n" for number, frame in enumerate(held)))
    opened = open_recording(path)
    assert (opened.dialect, opened.symbols, opened.has_trades) == ("gemini", (), True)
    feed = ReplayFeed(path)
    feed.load(["BTC/USD"])
    batch = decoder_of(feed).feed(held)
    assert (list(batch.trades), list(batch.quotes), list(batch.depth)) == (["BTC/USD"],) * 3
    assert feed.instrument("BTC/USD").tick_size == 0.01


def test_one_symbol_is_not_opened_in_two_spellings(tmp_path: Path) -> None:
    path = recorded_samples(tmp_path, "kucoin")
    with pytest.raises(SymbolError, match="one symbol for 'BTC-USDT' and 'BTC/USDT': open one of them"):
        open_only(path, ["BTC-USDT", "BTC/USDT"])
    with pytest.raises(SymbolError, match=r"does not hold 'ETH/USDT'.*BTC-USDT"):
        open_only(path, ["ETH/USDT"])


def test_instruments_are_told_by_the_data() -> None:
    gold = open_only("dataset:gold-ticks", ["GC", "GC201402"])
    assert (gold.instrument("GC").tick_size, gold.instrument("GC").whole_lots) == (0.1, True)
    assert gold.instrument("GC").calendar is None
    assert gold.sessions("GC").always_open
    assert (gold.dialect, gold.ids, gold.has_trades, gold.source) == ("mdnb", "none", True, "trades")
    with pytest.raises(SymbolError, match=r"'MNQ' was not opened\. Allowed: GC, GC201402"):
        gold.instrument("MNQ")
    bitcoin = open_only("dataset:bitcoin-messages", ["BTCUSDT"])
    assert (bitcoin.instrument("BTCUSDT").tick_size, bitcoin.instrument("BTCUSDT").whole_lots) == (
        0.01,
        False,
    )
    assert (bitcoin.dialect, bitcoin.ids, bitcoin.has_trades) == ("binance", "sequential", True)
    bars = open_only("dataset:bitcoin-minutes", ["BTCUSD"])
    assert (bars.instrument("BTCUSD").tick_size, bars.has_trades, bars.source) == (0.01, False, "bars")


def test_a_calendar_gives_sessions() -> None:
    feed = open_only("dataset:gold-ticks", ["GC"], calendar="CMEGlobex_GC")
    sessions = feed.sessions("GC")
    opened_at = int(dt.datetime(2013, 10, 7, 12, tzinfo=dt.UTC).timestamp()) * 10**9
    assert not sessions.always_open
    assert sessions.contains(opened_at)
    assert not sessions.contains(opened_at - 2 * DAY)


def test_quotes_build_bars_of_the_side_that_is_asked_for() -> None:
    feed = open_only(shared("bars/lean_fxcm_eurusd_tick_20140505_quote.zip"), ["EURUSD"], price="bid")
    assert (feed.quote_price, feed.has_trades, feed.source) == ("bid", False, "quotes")
    assert feed.instrument("EURUSD").tick_size == 0.00001


@pytest.mark.parametrize("price", ["bid", "ask"])
@pytest.mark.parametrize(
    ("name", "symbol", "of"),
    [
        ("dataset:gold-ticks", "GC", "trades"),
        ("dataset:bitcoin-messages", "BTCUSDT", "trades"),
        ("dataset:bitcoin-minutes", "BTCUSD", "bars"),
    ],
)
def test_a_side_of_the_quotes_is_refused_where_bars_are_of_something_else(
    name: str, symbol: str, of: str, price: str
) -> None:
    with pytest.raises(
        OptionError, match=rf"price='{price}' is of recordings that have quotes alone.*its {of}"
    ):
        open_only(name, [symbol], price=price)
    assert open_only(name, [symbol], price="mid").source == of


def test_bars_of_quotes_are_of_the_side_that_is_asked_for() -> None:
    path = shared("bars/lean_fxcm_eurusd_minute_20140505_quote.zip")
    first = {}
    for price in ("bid", "ask", "mid"):
        feed = open_only(path, ["EURUSD"], price=price)
        first[price] = feed._tracks["EURUSD"].sample()[0][4]
    assert first["bid"] < first["mid"] < first["ask"]


def test_clocks() -> None:
    fast = open_only("dataset:gold-ticks", ["GC"], speed="max")
    assert isinstance(fast.clock, EventClock)
    assert fast.clock.now_ns() == 1381104000276000000
    slow = open_only("dataset:gold-ticks", ["GC"], speed=60)
    assert slow.clock.now_ns() == 1381104000276000000
    assert slow.clock.wall_seconds(60 * 10**9) == 1.0
    assert slow.clock.lag_ms(1381104000276000000 - 60 * 10**6) == pytest.approx(1.0)


def test_there_is_no_history() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks") as feed:
            await feed.open(["GC"])
            assert await feed.history_bars("GC", "1min", 0, 2**62) is None
            assert await feed.history_trades("GC", 0, 2**62) is None

    asyncio.run(main())


# -- options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 0}, "speed=0 is no speed"),
        ({"speed": "fast"}, "speed='fast' is no speed"),
        ({"speed": float("nan")}, "is no speed"),
        ({"price": "last"}, "price='last' is unknown.*Allowed: bid, ask, mid"),
        ({"start": "yesterday"}, "start='yesterday' is no ISO time"),
        ({"start": 20131007}, "start=20131007 is no time in nanoseconds"),
        ({"start": 1381147200.0}, "start=1381147200.0 is no time in nanoseconds"),
        ({"end": 10**20}, "end=100000000000000000000 is no time in nanoseconds"),
        ({"start": dt.date(2013, 10, 7)}, r"start=datetime.date\(2013, 10, 7\) is no ISO time"),
        ({"start": "2020-01-02", "end": "2020-01-01"}, "is not before"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ReplayFeed("dataset:gold-ticks", **options)


def test_frames_cannot_loop() -> None:
    with pytest.raises(OptionError, match="it cannot loop"):
        open_only("dataset:bitcoin-messages", ["BTCUSDT"], loop=True)


def test_by_name() -> None:
    feed = make_feed("replay:dataset:gold-ticks?speed=max&start=2013-10-07T06:00&loop=true&symbol=GC201402")
    assert isinstance(feed, ReplayFeed)
    assert (feed.speed, feed.loop, feed.path) == (float("inf"), True, datasets.path("gold-ticks"))
    assert repr(feed) == "RecordingFeed('lean_gc_tick_20131007_trade.zip', speed=inf)"
    with pytest.raises(FeedError, match=r"there is no dataset 'gold'.*Allowed: bitcoin-seconds"):
        make_feed("replay:dataset:gold")
    with pytest.raises(FeedError, match="Did you mean 'speed'"):
        make_feed("replay:dataset:gold-ticks?sped=2")


def test_the_dialect_is_known_before_anything_is_opened(tmp_path: Path) -> None:
    assert ReplayFeed("dataset:bitcoin-messages").dialect == "binance"
    assert ReplayFeed("dataset:gold-ticks").dialect == "mdnb"
    with pytest.raises(FeedError, match="cannot open the recording"):
        ReplayFeed(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(FeedError, match=r"the format of notes\.txt is none that is understood"):
        ReplayFeed(tmp_path / "notes.txt")


def test_open_comes_first_and_once() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks") as feed:
            with pytest.raises(FeedError, match=r"await open\(\) first"):
                await feed.run(print, print)
            with pytest.raises(FeedError, match=r"await open\(\) first"):
                _ = feed.recording
            await feed.open(["GC"])
            with pytest.raises(FeedError, match="open already"):
                await feed.open(["GC"])

    asyncio.run(main())


# -- the socket -----------------------------------------------------------------------------------------


def test_a_slow_client_holds_the_recording_up() -> None:
    produced = 0

    def big() -> Any:
        nonlocal produced
        for number in range(2000):
            produced += 1
            yield number + 10**18, f"{number}:" + "x" * 60_000

    async def main() -> None:
        server = ReplayServer(FrameSource(big(), Damage()), frozenset({"A"}), None, Wall())
        address = await server.start()
        most = 0
        async with ws.connect(address, compression=None, proxy=None) as socket:
            await socket.send('{"op":"subscribe","symbol":"A"}')
            for number in range(2000):
                frame = await socket.recv()
                assert str(frame).startswith(f"{number}:")
                most = max(most, produced - number)
        await server.close()
        assert produced == 2000
        # 120 MB went through; the sockets' buffers and 16 frames of the client are all that was held.
        assert most < 300

    asyncio.run(main())


def test_it_goes_on_where_a_lost_connection_stopped() -> None:
    expected = [frame for _, frame in received(datasets.path("bitcoin-messages"))]

    async def main() -> None:
        async with ReplayFeed("dataset:bitcoin-messages", speed="max") as feed:
            feed.backoff = Backoff(0.001, 2.0, 0.01)
            player = await opened(feed, "BTCUSDT")

            def cut(frame: str | bytes) -> None:
                if len(player.frames) == 1000 and feed._socket is not None:
                    feed._socket.transport.abort()

            player.on_data = cut
            await player.run()
            places = iter(enumerate(expected))
            for frame in player.frames:
                assert any(frame == held for _, held in places), "repeated or out of order"
            assert player.frames[-1] == expected[-1]
            assert [status for status, _ in player.statuses].count("reconnected") == 1
            assert player.statuses[-1] == ("closed", "end of recording")

    asyncio.run(main())


def test_it_begins_once_all_symbols_are_subscribed_to() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks", speed="max") as feed:
            await feed.open(["GC", "GC201402"])
            await feed.subscribe("GC", ["trades"])
            player = Player(feed)
            up = asyncio.Event()
            task = asyncio.ensure_future(
                feed.run(player.on_frame, lambda status, _: up.set() if status == "connected" else None)
            )
            await asyncio.wait_for(up.wait(), LIMIT_SECONDS)
            assert player.frames == []
            await feed.subscribe("GC201402", ["trades"])
            await asyncio.wait_for(task, LIMIT_SECONDS)
            batch = player.batch()
            assert (len(batch.trades["GC"]), len(batch.trades["GC201402"])) == (39702, 213)

    asyncio.run(main())


def test_a_symbol_given_back_is_played_no_more() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks", speed="max") as feed:
            player = await opened(feed, "GC", "GC201402")
            await run_and_give_back(player, "GC", CHANNELS)
            trades = player.batch().trades
            assert 0 < len(trades["GC"]) < 39702
            assert len(trades["GC201402"]) == 213

    asyncio.run(main())


def test_a_symbol_with_a_channel_left_is_played_on() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks", speed="max") as feed:
            player = await opened(feed, "GC")
            await run_and_give_back(player, "GC", ["quotes", "depth"])
            assert len(player.batch().trades["GC"]) == 39702

    asyncio.run(main())


def test_a_venues_frames_are_played_to_their_end_whoever_gives_his_symbol_back() -> None:
    expected = [frame for _, frame in received(datasets.path("bitcoin-messages"))]

    async def main() -> None:
        async with ReplayFeed("dataset:bitcoin-messages", speed="max") as feed:
            player = await opened(feed, "BTCUSDT")
            await run_and_give_back(player, "BTCUSDT", CHANNELS)
            assert player.frames == expected

    asyncio.run(main())


def test_of_clients_that_come_at_once_one_is_let_in() -> None:
    async def main() -> None:
        frames = [(10**18 + number, f"frame {number}") for number in range(3)]
        server = ReplayServer(FrameSource(iter(frames), Damage()), frozenset({"A"}), None, Wall())
        address = await server.start()

        async def client() -> list[str | bytes] | int:
            try:
                async with ws.connect(address, compression=None, proxy=None) as socket:
                    with contextlib.suppress(ConnectionClosed):
                        await socket.send('{"op":"subscribe","symbol":"A"}')
                    return [frame async for frame in socket]
            except InvalidStatus as refused:
                return refused.response.status_code

        async with asyncio.timeout(LIMIT_SECONDS):
            seen = await asyncio.gather(*(client() for _ in range(8)))
        await server.close()
        assert [one for one in seen if one != 503] == [[text for _, text in frames]]

    asyncio.run(main())


def test_strangers_are_turned_away() -> None:
    async def main() -> None:
        server = ReplayServer(FrameSource(iter([]), Damage()), frozenset({"A"}), None, Wall())
        address = await server.start()
        base = address.rpartition("/")[0]

        async def refusal(url: str, **headers: str) -> int:
            with pytest.raises(InvalidStatus) as caught:
                await ws.connect(url, additional_headers=headers, proxy=None)
            return caught.value.response.status_code

        assert address.startswith("ws://127.0.0.1:")
        # A web page in a browser on this machine says where it comes from.
        assert await refusal(address, Origin="http://evil.example") == 403
        async with ws.connect(address, compression=None, proxy=None):
            assert [await refusal(url) for url in (f"{base}/", f"{base}/guess", address)] == [404, 404, 503]
        await server.close()

    asyncio.run(main())


def test_requests_that_are_none_are_answered_and_the_server_lives() -> None:
    async def main() -> None:
        async with ReplayFeed("dataset:gold-ticks", speed="max") as feed:
            await feed.open(["GC"])
            async with ws.connect((await feed.endpoint()).url, compression=None, proxy=None) as socket:
                answers = []
                for asked in (
                    "{",
                    b"\xff",
                    '{"op":"buy","id":1}',
                    '{"op":"subscribe","id":2,"symbol":"MNQ"}',
                    '{"op":"subscribe","id":3,"symbol":"GC"}',
                ):
                    await socket.send(asked)
                    answers.append(json.loads(await socket.recv()))
                assert [(answer["id"], answer["ok"]) for answer in answers] == [
                    (0, False),
                    (0, False),
                    (1, False),
                    (2, False),
                    (3, True),
                ]
                assert "it answers subscribe and unsubscribe" in answers[2]["error"]
                assert json.loads(await socket.recv())["e"] == "trades"

    asyncio.run(main())


def test_closing_while_it_plays_leaves_nothing_behind() -> None:
    async def main() -> None:
        feed = ReplayFeed("dataset:gold-ticks", speed=0.001)
        player = await opened(feed, "GC")
        first = asyncio.Event()
        player.on_data = lambda frame: first.set()
        task = asyncio.ensure_future(player.run())
        await asyncio.wait_for(first.wait(), LIMIT_SECONDS)
        await feed.close()
        await feed.close()
        await asyncio.wait_for(task, LIMIT_SECONDS)
        assert player.statuses[-1][0] == "closed"
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    asyncio.run(main())


# -- damage ---------------------------------------------------------------------------------------------


def test_what_was_left_out_is_said_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "trades.json"
    row = [1570752011620, "1", None, "sell", 0.5, 23.0, 11.5]
    path.write_text(json.dumps([row, ["x"], row]))
    player = play(path, "A", speed="max")
    assert len(player.batch().trades["A"]) == 2
    assert player.statuses[-1] == (
        "closed",
        "end of recording; 1 unreadable left out, the first: row 2 of trades.json",
    )


def test_a_frame_that_no_connection_takes_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    frame = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'
    path.write_text("".join(f"{10**18} {held}\n" for held in (frame, "é" * 600_000, "x" * 900_000, frame)))
    player = play(path, "A", speed="max")
    assert player.frames == [frame, "x" * 900_000, frame]
    assert "the first: a frame of 1200000 bytes" in player.statuses[-1][1]


def test_a_file_that_turns_bad_ends_the_feed_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    frame = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'
    with path.open("w") as file:
        for _ in range(3000):
            file.write(f"{10**18} {frame}\n")
        file.write("x" * (5 * 2**20))

    async def main() -> None:
        async with ReplayFeed(path, speed="max") as feed:
            player = await opened(feed, "A")
            with pytest.raises(
                FeedError, match=r"cannot be played to its end: line 3001 of long\.txt is longer"
            ):
                await player.run()
            assert len(player.frames) == 3000
            assert "cannot be played to its end" in player.statuses[-1][1]

    asyncio.run(main())


@pytest.mark.skipif(os.name != "posix", reason="counts open files by /proc")
def test_no_file_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # only the number counts
    for _ in range(3):
        play("dataset:bitcoin-messages", "BTCUSDT", speed="max")
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208  # as above
