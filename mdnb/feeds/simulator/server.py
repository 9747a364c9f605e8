"""The simulator's WebSocket server: mdnb's wire protocol on loopback.

It runs in the loop of its caller. What may take long (making a market, old bars, old trades) runs on one
worker thread; the live stream is made on the loop, a minute at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from mdnb.clock import Clock
from mdnb.errors import FeedError, MdnbError, suggest
from mdnb.feeds.base import Channel
from mdnb.feeds.simulator.exchange import Exchange
from mdnb.feeds.simulator.history import closed_bars
from mdnb.feeds.simulator.stream import Stream
from mdnb.feeds.wire import PAGE_ROWS, PROTOCOL_VERSION
from mdnb.timeframes import Timeframe

__all__ = ["SimulatorServer"]

_HEARTBEAT_SECONDS = 1.0
# Trades nearer to each other than this share a frame: wake-ups cost more than trades, and no timer is finer.
_SHORTEST_PAUSE = 0.001
_SHORTEST_PAUSE_FAST = 0.004
_LIVE: tuple[Channel, ...] = ("trades", "quotes", "depth", "bars")
_OPS = ("subscribe", "unsubscribe", "bars", "trades", "instrument")

_encode = msgspec.json.Encoder().encode
_socket_log = logging.getLogger("mdnb.feeds.simulator.socket")
_socket_log.setLevel(logging.ERROR)

_Ns = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class _Request(msgspec.Struct):
    op: str
    id: Annotated[int, Meta(ge=0, le=2**53)] = 0
    symbol: str = ""
    channels: list[str] = []
    timeframe: str = ""
    start: _Ns = 0
    end: _Ns = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_ROWS)] = PAGE_ROWS


_decode = msgspec.json.Decoder(_Request).decode


class _Client:
    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.streams: dict[str, Stream] = {}
        self.changed = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        await self.socket.send(frame, text=True)


class SimulatorServer:
    """Serves an exchange to any number of clients on 127.0.0.1.

    Parameters
    ----------
    exchange
        The markets.
    clock
        The market's time.
    speed
        The clock's speed, as sent to clients.
    """

    def __init__(self, exchange: Exchange, clock: Clock, speed: float) -> None:
        self._exchange = exchange
        self._clock = clock
        self._speed = speed
        # Who runs a market faster than it is wants many trades, not each one at its millisecond.
        self._shortest_pause = _SHORTEST_PAUSE if speed <= 2 else _SHORTEST_PAUSE_FAST
        self._server: Server | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="mdnb-simulator")

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises
        ------
        FeedError
            When it does not run.
        """
        if self._server is None:
            raise FeedError("the simulator's server is not running")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            # Web pages send an Origin; they have no business here.
            origins=[None],
            compression=None,
            ping_interval=None,
            close_timeout=1.0,
            logger=_socket_log,
        )

    async def prepare(self, symbol: str) -> None:
        """Make a symbol's market, off the loop.

        Raises
        ------
        SymbolError
            When the simulator does not know it.
        """
        await asyncio.get_running_loop().run_in_executor(self._worker, self._exchange.tape, symbol)

    async def close(self) -> None:
        """Drop all clients and stop; calling it again does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, socket: ServerConnection) -> None:
        client = _Client(socket)
        now_ns = self._clock.now_ns()
        welcome = {"e": "welcome", "v": PROTOCOL_VERSION, "t": now_ns, "speed": self._speed, "venue": "sim"}
        pump: asyncio.Task[None] | None = None
        # A client that leaves in mid-frame is no news.
        with contextlib.suppress(ConnectionClosed):
            try:
                await client.send(_encode(welcome))
                pump = asyncio.create_task(self._pump(client))
                async for frame in socket:
                    await self._take(client, frame)
            finally:
                if pump is not None:
                    pump.cancel()
                    await asyncio.wait({pump})

    # -- live -------------------------------------------------------------------------------------------

    async def _pump(self, client: _Client) -> None:
        loop = asyncio.get_running_loop()
        beat = loop.time() + _HEARTBEAT_SECONDS
        with contextlib.suppress(ConnectionClosed):
            while True:
                now_ns = self._clock.now_ns()
                client.changed.clear()
                told_ns = now_ns
                for stream in list(client.streams.values()):
                    for frame in stream.due(now_ns):
                        await client.send(frame)
                    told_ns = min(told_ns, stream.position_ns)
                if loop.time() >= beat:
                    beat = loop.time() + _HEARTBEAT_SECONDS
                    # Never ahead of a trade that is still to be sent: bars are closed by it.
                    await client.send(_encode({"e": "clock", "t": told_ns}))
                if told_ns < now_ns:
                    await asyncio.sleep(0)
                    continue
                pause = beat - loop.time()
                now_ns = self._clock.now_ns()
                for stream in client.streams.values():
                    pause = min(pause, self._clock.wall_seconds(stream.next_time() - now_ns))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(pause, self._shortest_pause)):
                        await client.changed.wait()

    # -- requests ---------------------------------------------------------------------------------------

    async def _take(self, client: _Client, frame: str | bytes) -> None:
        request = _Request("")
        try:
            request = _decode(frame)
            answer = await self._answer(client, request)
        except MdnbError as error:
            answer = {"ok": False, "error": str(error)}
        except (ValueError, RecursionError) as error:
            answer = {"ok": False, "error": f"not a request of mdnb's protocol {PROTOCOL_VERSION}: {error}"}
        await client.send(_encode({"e": "reply", "id": request.id, "ok": True} | answer))
        client.changed.set()

    async def _answer(self, client: _Client, request: _Request) -> dict[str, Any]:
        if request.op not in _OPS:
            raise FeedError(f"there is no request {request.op!r}. {suggest(request.op, _OPS)}")
        if request.op in ("subscribe", "unsubscribe"):
            for channel in request.channels:
                if channel not in _LIVE:
                    raise FeedError(f"the simulator has no channel {channel!r}. {suggest(channel, _LIVE)}")
        if request.op == "subscribe":
            await self.prepare(request.symbol)
            return self._subscribe(client, request)
        if request.op == "unsubscribe":
            return self._unsubscribe(client, request)
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._look_up, request)

    def _subscribe(self, client: _Client, request: _Request) -> dict[str, Any]:
        stream = client.streams.get(request.symbol)
        if stream is None:
            tape = self._exchange.tape(request.symbol)
            stream = client.streams[request.symbol] = Stream(tape, self._clock.now_ns(), self._speed)
        held = {*stream.channels, *request.channels}
        stream.set_channels([channel for channel in _LIVE if channel in held])
        return {"t": stream.position_ns, "next_id": stream.next_id}

    def _unsubscribe(self, client: _Client, request: _Request) -> dict[str, Any]:
        stream = client.streams.get(request.symbol)
        if stream is not None:
            stream.set_channels([channel for channel in stream.channels if channel not in request.channels])
            if not stream.channels:
                del client.streams[request.symbol]
        return {}

    def _look_up(self, request: _Request) -> dict[str, Any]:
        tape = self._exchange.tape(request.symbol)
        now_ns = self._clock.now_ns()
        if request.op == "bars":
            timeframe = Timeframe.parse(request.timeframe)
            rows, more = closed_bars(tape, timeframe, request.start, request.end, now_ns, request.limit)
            return {"rows": rows, "more": more}
        if request.op == "trades":
            ticks, more = tape.page(request.start, min(request.end, now_ns), request.limit)
            return {"rows": tape.rows(ticks), "more": more}
        sessions = tape.market.sessions
        spans = list(zip(sessions.opens.tolist(), sessions.closes.tolist(), strict=True))
        return {"instrument": tape.model.instrument, "sessions": spans}
