"""The simulator over a real socket: live joins history, and no client can harm it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from mdnb.clock import Clock
from mdnb.decode.wire import Decoder
from mdnb.errors import FeedError, FeedRefusedError, OptionError, SymbolError
from mdnb.feeds.simulator import SimulatorFeed
from mdnb.feeds.simulator.exchange import Exchange
from mdnb.feeds.simulator.server import SimulatorServer
from mdnb.rows import TradeRow
from tests.feeds.simulated import DAY, HOUR, MINUTE, SECOND, instant, tape_of
from tests.limits import LIMIT_SECONDS
from tests.virtual_time import HandClock

START = "2025-11-19T15:00"
TIMEOUT = LIMIT_SECONDS


class Reader:
    """The client side of a feed in a test: decodes, hands replies back, keeps everything."""

    def __init__(self, feed: SimulatorFeed) -> None:
        self.feed = feed
        self.trades: dict[str, list[TradeRow]] = {}
        self.quotes: list[Any] = []
        self.depth: list[Any] = []
        self.malformed: list[str] = []
        self.statuses: list[str] = []
        self.clocks: list[int] = []
        self._news = asyncio.Event()
        self._decoder = Decoder()

    def on_frame(self, frame: str | bytes) -> None:
        batch = self._decoder.feed([frame])
        for reply in batch.replies:
            self.feed.on_reply(reply)
        for symbol, rows in batch.trades.items():
            self.trades.setdefault(symbol, []).extend(rows)
        self.quotes += [row for rows in batch.quotes.values() for row in rows]
        self.depth += [update for updates in batch.depth.values() for update in updates]
        self.malformed += batch.malformed
        if batch.control:
            self.clocks.append(batch.clock_ns)
        self._news.set()

    def on_status(self, status: str, detail: str) -> None:
        self.statuses.append(status)
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not holds():
                self._news.clear()
                await self._news.wait()


def run(
    then: Callable[[SimulatorFeed, Reader], Awaitable[None]], symbols: list[str], **options: Any
) -> Reader:
    """Open a simulator, run it while ``then`` looks at it, close it, and see that nothing is left."""

    async def main() -> Reader:
        feed = SimulatorFeed(**({"start": START} | options))
        reader = Reader(feed)
        await feed.open(symbols)
        running = asyncio.create_task(feed.run(reader.on_frame, reader.on_status))
        try:
            await then(feed, reader)
        finally:
            async with asyncio.timeout(TIMEOUT):
                await feed.close()
                await running
                await feed.close()
        assert reader.malformed == []
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return reader

    return asyncio.run(main())


# -- live and history are one ------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "count"), [(30.0, 200), (3000.0, 60_000)])
def test_history_joins_the_live_stream_without_a_lost_or_doubled_trade(speed: float, count: int) -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await reader.until(lambda: "connected" in reader.statuses)
        reply = await feed.request("subscribe", symbol="MNQ", channels=["trades"])
        joined_ns, next_id = reply.payload["t"], reply.payload["next_id"]
        before = await feed.history_trades("MNQ", joined_ns - 2 * MINUTE, joined_ns)
        await reader.until(lambda: len(reader.trades.get("MNQ", [])) >= count)
        live = list(reader.trades["MNQ"])
        assert before is not None
        assert live[0][5] == next_id
        assert before[-1][5] == next_id - 1
        whole = before + live
        assert all(second[5] - first[5] == 1 for first, second in itertools.pairwise(whole))
        # The same trades, asked for again: history has what was live.
        again = await feed.history_trades("MNQ", live[0][0], live[min(len(live), 9000) - 1][0] + 1)
        assert again is not None
        assert again[: min(len(live), 9000)] == live[:9000]

    run(then, ["MNQ"], speed=speed)


def test_a_second_process_sees_the_same_market() -> None:
    rows: list[list[TradeRow]] = []

    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        low = instant("2025-11-19T14:31")
        trades = await feed.history_trades("MNQ", low, low + 7 * MINUTE)
        assert trades is not None
        rows.append(trades)

    run(then, ["MNQ"], hours="venue")
    run(then, ["MNQ"], hours="venue", start="2025-11-20T02:00")
    assert rows[0] == rows[1]
    tape = tape_of()
    low = instant("2025-11-19T14:31")
    assert rows[0] == tape.rows(tape.between(low, low + 7 * MINUTE))


def test_bars_come_in_pages_and_agree_with_the_trades() -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        end = instant(START)
        bars = await feed.history_bars("MNQ", "15sec", end - DAY, end)
        trades = await feed.history_trades("MNQ", end - 10 * MINUTE, end)
        assert bars is not None
        assert trades is not None
        assert len(bars) == 23 * 240, "more than one page"
        assert all(
            second[0] - first[0] in (15 * SECOND, HOUR + 15 * SECOND)
            for first, second in itertools.pairwise(bars)
        )
        for bar in bars[-40:]:
            held = [row for row in trades if bar[0] <= row[0] < bar[0] + 15 * SECOND]
            prices = [row[1] for row in held]
            expected = (
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                sum(row[2] for row in held),
                len(held),
            )
            assert bar[1:7] == expected
            assert bar[7] == sum(row[1] * row[2] for row in held)
        assert await feed.history_bars("MNQ", "500tick", end - DAY, end) is None
        assert await feed.history_bars("MNQ", "1min", end, end) == []

    run(then, ["MNQ"], hours="venue")


def test_pages_of_trades_may_end_amid_trades_of_one_nanosecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdnb.feeds.wire.PAGE_ROWS", 23)
    tape = tape_of()
    low = instant("2025-11-19T14:31")
    expected = tape.rows(tape.between(low, low + 30 * SECOND))
    times = [row[0] for row in expected]
    assert any(times[at] == times[at + 1] for at in range(22, len(times) - 1, 23)), "some page does"

    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        assert await feed.history_trades("MNQ", low, low + 30 * SECOND) == expected

    run(then, ["MNQ"], hours="venue")


def test_all_channels_of_two_symbols_flow_beside_each_other() -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await feed.subscribe("MNQ", ["trades", "quotes", "depth"])
        await feed.subscribe("BTC-USD", ["trades"])
        await reader.until(
            lambda: len(reader.trades) == 2 and len(reader.depth) > 20 and len(reader.quotes) > 20
        )
        await feed.unsubscribe("BTC-USD", ["trades"])
        known = len(reader.trades["BTC-USD"])
        await reader.until(lambda: len(reader.depth) > 40)
        assert len(reader.trades["BTC-USD"]) == known
        assert [update.snapshot for update in reader.depth] == [True] + [False] * (len(reader.depth) - 1)
        assert all(bid < ask for _, bid, _, ask, _ in reader.quotes)
        assert feed.instrument("BTC-USD").whole_lots is False
        assert feed.sessions("BTC-USD").always_open
        assert feed.sessions("MNQ").contains(instant(START))

    run(then, ["MNQ", "BTC-USD"], speed=30.0)


def test_the_clock_is_told_and_never_ahead_of_a_trade() -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await reader.until(lambda: "connected" in reader.statuses)
        await feed.subscribe("MNQ", ["trades"])
        told: list[tuple[int, int]] = []
        while len(told) < 3:
            known = len(reader.clocks)
            await reader.until(lambda known=known: len(reader.clocks) > known)  # type: ignore[misc]  # bound at once
            told.append((reader.clocks[-1], len(reader.trades["MNQ"])))
        tape = tape_of(hours="auto")
        for moment, count in told:
            assert reader.trades["MNQ"][count - 1][0] < moment
            assert count == tape.next_id(moment) - reader.trades["MNQ"][0][5]
        assert abs(feed.clock.lag_ms(told[-1][0])) < 60_000

    run(then, ["MNQ"], speed=20.0)


# -- faults ------------------------------------------------------------------------------------------------


def test_after_a_drop_the_stream_goes_on_and_history_fills_the_gap() -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await feed.subscribe("MNQ", ["trades"])
        for drop in (1, 2, 3):
            known = len(reader.trades.get("MNQ", []))
            await reader.until(lambda known=known: len(reader.trades.get("MNQ", [])) > known + 50)  # type: ignore[misc]  # bound at once
            assert feed._server is not None
            assert feed._server._server is not None
            for connection in feed._server._server.connections:
                connection.transport.abort()
            await reader.until(lambda drop=drop: reader.statuses.count("reconnected") == drop)  # type: ignore[misc]  # bound at once
        last = len(reader.trades["MNQ"])
        await reader.until(lambda: len(reader.trades["MNQ"]) > last)
        live = reader.trades["MNQ"]
        gaps = [(first, second) for first, second in itertools.pairwise(live) if second[5] != first[5] + 1]
        assert len(gaps) <= 3
        for first, second in gaps:
            missed = await feed.history_trades("MNQ", first[0], second[0] + 1)
            assert missed is not None
            ids = [row[5] for row in missed if first[5] < row[5] < second[5]]
            assert ids == list(range(first[5] + 1, second[5]))

    run(then, ["MNQ"], speed=60.0)


@asynccontextmanager
async def served(clock: Clock) -> AsyncIterator[SimulatorServer]:
    server = SimulatorServer(Exchange(7, instant(START), "venue", 1.0), clock, 1.0)
    await server.start()
    try:
        yield server
    finally:
        async with asyncio.timeout(TIMEOUT):
            await server.close()
            await server.close()


async def asked(client: ws.ClientConnection, frame: str | bytes) -> dict[str, Any]:
    await client.send(frame)
    async with asyncio.timeout(TIMEOUT):
        async for answer in client:
            message: dict[str, Any] = json.loads(answer)
            if message["e"] == "reply":
                return message
    raise AssertionError("the server left")


def test_a_client_that_does_not_read_costs_no_memory_and_loses_no_trade() -> None:
    async def main() -> None:
        clock = HandClock(instant(START), pace=0.0)
        async with served(clock) as server:
            uri = f"ws://127.0.0.1:{server.port}"
            async with ws.connect(
                uri, proxy=None, max_queue=1, compression=None, close_timeout=0.1
            ) as client:
                ask = {"op": "subscribe", "id": 1, "symbol": "MNQ", "channels": ["trades", "quotes"]}
                reply = await asked(client, json.dumps(ask))
                clock.now += 3 * HOUR
                assert server._server is not None
                (connection,) = server._server.connections
                async with asyncio.timeout(TIMEOUT):
                    while connection.transport.get_write_buffer_size() < 2**15:  # noqa: ASYNC110  # the system's buffer has no event
                        await asyncio.sleep(0.01)
                held = connection.transport.get_write_buffer_size()
                for _ in range(50):
                    await asyncio.sleep(0.001)
                assert connection.transport.get_write_buffer_size() == held < 2**17, "it waits"
                tape = tape_of()
                count = tape.next_id(clock.now) - reply["next_id"]
                trades: list[TradeRow] = []
                quotes = 0
                decoder = Decoder()
                async with asyncio.timeout(TIMEOUT):
                    while len(trades) < count:
                        batch = decoder.feed([await client.recv()])
                        trades += batch.trades.get("MNQ", [])
                        quotes += len(batch.quotes.get("MNQ", []))
                assert [row[5] for row in trades] == list(range(reply["next_id"], reply["next_id"] + count))
                assert quotes < count / 100, "of the quotes that nobody waited for, only the last ones"

    asyncio.run(main())


BAD_FRAMES: list[tuple[str | bytes, str]] = [
    ("", "truncated"),
    ("{", "truncated"),
    (b"\xff\xfe", "malformed"),
    ("[]", "Expected `object`"),
    ('{"op":5}', "Expected `str`"),
    ("[" * 100_000, "Expected `object`"),
    ('{"op":"bars","x":' + "[" * 100_000, "recursion"),
    ('{"op":"bars","symbol":"MNQ","start":1e999}', "out of range"),
    ('{"op":"bars","id":-1}', "Expected `int` >= 0"),
    ('{"op":"bars","limit":0}', "Expected `int` >= 1"),
    ('{"op":"bars","limit":5001}', "Expected `int` <= 5000"),
    ('{"op":"bars","end":9223372036854775808}', "Expected `int`"),
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"op": "subscrib"}, "Did you mean 'subscribe'?"),
    ({"op": "subscribe", "symbol": "MNK", "channels": ["trades"]}, "Did you mean 'MNQ'?"),
    ({"op": "subscribe", "symbol": "MNQ", "channels": ["news"]}, "no channel 'news'"),
    ({"op": "bars", "symbol": "MNQ", "timeframe": "1mn"}, "1mn"),
    ({"op": "bars", "symbol": "MNQ", "timeframe": "500tick"}, "not on a clock"),
    ({"op": "trades", "symbol": ""}, "does not know ''"),
    ({"op": "instrument", "symbol": "XYZ"}, "Allowed: MNQ"),
]


def test_no_frame_of_a_client_ends_the_server() -> None:
    async def main() -> None:
        async with (
            served(HandClock(instant(START), pace=0.0)) as server,
            ws.connect(f"ws://127.0.0.1:{server.port}", proxy=None) as client,
        ):
            welcome = json.loads(await client.recv())
            assert welcome == {"e": "welcome", "v": 1, "t": instant(START), "speed": 1.0, "venue": "sim"}
            for frame, reason in BAD_FRAMES:
                answer = await asked(client, frame)
                assert (answer["id"], answer["ok"]) == (0, False), frame[:80]
                assert reason in answer["error"], answer
            for number, (request, reason) in enumerate(REFUSED, 1):
                answer = await asked(client, json.dumps(request | {"id": number}))
                assert (answer["id"], answer["ok"]) == (number, False)
                assert reason in answer["error"], answer
            extremes = {"start": -(2**63), "end": 2**63 - 1, "symbol": "MNQ"}
            answer = await asked(client, json.dumps({"op": "trades", "id": 1, "limit": 3} | extremes))
            assert len(answer["rows"]) == 3
            assert answer["more"]
            answer = await asked(
                client, json.dumps({"op": "bars", "id": 2, "limit": 3, "timeframe": "1min"} | extremes)
            )
            assert len(answer["rows"]) == 3
            assert answer["more"]
            answer = await asked(client, json.dumps({"op": "instrument", "id": 3, "symbol": "MNQ"}))
            assert answer["instrument"]["tick_size"] == 0.25
            assert all(opened < closed for opened, closed in answer["sessions"])
            answer = await asked(client, json.dumps({"op": "unsubscribe", "id": 4, "symbol": "MES"}))
            assert answer["ok"], "giving back what one does not have is no mistake"

    asyncio.run(main())


def test_a_web_page_may_not_connect() -> None:
    async def main() -> None:
        async with served(HandClock(instant(START), pace=0.0)) as server:
            with pytest.raises(InvalidStatus, match="403"):
                await ws.connect(f"ws://127.0.0.1:{server.port}", proxy=None, origin="https://evil.example")  # type: ignore[arg-type]

    asyncio.run(main())


def test_a_server_that_does_not_run_has_no_port() -> None:
    async def main() -> None:
        async with served(HandClock(instant(START), pace=0.0)) as server:
            assert server.port > 0
        with pytest.raises(FeedError, match="server is not running"):
            _ = server.port

    asyncio.run(main())


# -- the feed ----------------------------------------------------------------------------------------------


def test_unknown_symbols_are_refused_before_anything_starts() -> None:
    async def main() -> None:
        feed = SimulatorFeed()
        with pytest.raises(SymbolError, match="Did you mean 'MNQ'"):
            await feed.open(["MNG"])
        with pytest.raises(FeedError, match="not open yet"):
            feed.sessions("MNQ")
        with pytest.raises(FeedError, match="open the simulator"):
            await feed.run(lambda frame: None, lambda *status: None)
        await feed.close()

    asyncio.run(main())


def test_a_refused_subscription_says_why() -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await reader.until(lambda: "connected" in reader.statuses)
        with pytest.raises(FeedRefusedError, match="does not know 'EURUSD'"):
            await feed.subscribe("EURUSD", ["trades"])
        with pytest.raises(OptionError, match="no channel 'trade'"):
            await feed.subscribe("MNQ", ["trade"])  # type: ignore[list-item]

    run(then, ["MNQ"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"speed": 0}, "speed must be above 0"),
        ({"speed": float("nan")}, "speed must be above 0"),
        ({"speed": float("inf")}, "speed must be above 0"),
        ({"rate": -1}, "rate must be above 0 and at most 100"),
        ({"rate": "much"}, "rate must be above 0"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"hours": "always"}, "Allowed: auto, venue"),
        ({"start": "yesterday"}, "'now' or ISO 8601"),
        ({"start": "1999-01-01"}, "between 2019"),
        ({"start": "2999-01-01"}, "between 2019"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        SimulatorFeed(**options)


def test_a_start_may_name_its_zone() -> None:
    async def main() -> None:
        for start in ("2025-11-19T15:00", "2025-11-19T15:00:00+00:00", "2025-11-19T09:00-06:00"):
            async with SimulatorFeed(start=start) as feed:
                await feed.open([])
                assert 0 <= feed.clock.now_ns() - instant(START) < TIMEOUT * SECOND

    asyncio.run(main())


def test_threads_end_with_the_feed(no_thread_leak: None) -> None:
    async def then(feed: SimulatorFeed, reader: Reader) -> None:
        await feed.history_bars("MNQ", "1min", instant(START) - HOUR, instant(START))

    run(then, ["MNQ"])
