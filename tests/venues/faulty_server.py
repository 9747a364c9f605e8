"""A venue on real sockets: a tape, faults at places of it (`tests.venues.faults`), and a venue's dialect.

The tape is played once, to whoever has subscribed; it runs on while nobody is connected, so that trades are
missed. WebSocket and REST share a port. Faults happen at trades of the tape or at questions to the history,
never at seconds of the wall, so a test does not depend on how fast the machine is.

A venue of its own is a `Dialect` of some sixty lines: how it greets, what a client's message asks for, how
a trade, a heartbeat, a page of the history and a refusal are written. That of mdnb's own protocol is in
`tests.venues.mdnb_venue`.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import dataclasses
import http
import ssl
import zlib
from collections.abc import AsyncIterator, Sequence

from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from mdnb.rows import TradeRow
from tests.venues.faults import (
    Bomb,
    Busy,
    ClockOffset,
    Duplicate,
    Expiry,
    Fault,
    Fragment,
    HalfOpen,
    HistoryFault,
    Lacks,
    Loss,
    LostBook,
    Malformed,
    Merge,
    Mute,
    Oversize,
    Refuse,
    Reorder,
    Repeat,
    Restart,
    SequenceGap,
    Slow,
    SlowHistory,
    Split,
    Stretch,
    TapeFault,
)
from tests.venues.segments import Cut, SegmentedTransport

__all__ = ["Dialect", "FaultyServer", "Question", "Subscribe", "Unsubscribe", "faulty", "packed_frame"]

_SECOND = 1_000_000_000
_EVER = 2**63 - 1
_PART = 2**20


# What a venue's dialect gives


@dataclasses.dataclass(frozen=True)
class Subscribe:
    """A client's message that subscribes, and what it is answered.

    Attributes
    ----------
    trades, book
        To what: the trades, the order book.
    """

    reply: str | tuple[str, ...] | None = None
    trades: bool = True
    book: bool = False


@dataclasses.dataclass(frozen=True)
class Unsubscribe(Subscribe):
    """A client's message that ends that, and what it is answered."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question to the history, with whatever the dialect needs to answer it.

    Attributes
    ----------
    start_ns, end_ns
        Times asked for.
    limit
        Rows at a time.
    number
        The client's number of the question.
    first_id, last_id
        Ids asked for.
    newest
        Whether a page has the newest rows of all that is asked for, and not the oldest.
    bar_seconds
        Above 0 where bars of so many seconds are asked for, not trades.
    """

    start_ns: int = 0
    end_ns: int = _EVER
    limit: int = 1000
    number: int = 0
    first_id: int = 0
    last_id: int = _EVER
    newest: bool = False
    bar_seconds: int = 0


class Dialect(abc.ABC):
    """How a venue writes things."""

    def admits(self, path: str) -> int:
        """Return the status with which a client is turned away; 0 where it may come in."""
        return 0

    def expire(self) -> None:
        """Forget who has logged in."""
        raise NotImplementedError

    def welcome(self, now_ns: int) -> str | None:
        """Return what a client is sent first."""
        return None

    @abc.abstractmethod
    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | tuple[str, ...] | None:
        """Return what a message asks for; a text is an answer as it stands, several are, None is ignored."""

    def at_subscribe(self, past: Sequence[TradeRow]) -> Sequence[str]:
        """Return the frames that follow a subscription: at some venues trades of before."""
        return ()

    @abc.abstractmethod
    def trade(self, row: TradeRow) -> str:
        """Return the frame of a trade."""

    def book(self, at: int, *, whole: bool) -> str:
        """Return the frame of the order book after so many trades, or of what the last one changed."""
        raise NotImplementedError

    def heartbeat(self, now_ns: int) -> str | None:
        """Return the frame that is sent where nothing trades."""
        return None

    def at_path(self, path: str, frame: str) -> str:
        """Return a frame as it is written to those who came in by a path."""
        return frame

    def page(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> str:
        """Return an answer of the history over the socket."""
        raise NotImplementedError

    def refusal(self, question: Question, status: int, retry_after: float | None) -> str:
        """Return a refusal of the history over the socket."""
        raise NotImplementedError

    def rest(self, path: str) -> Question | None:
        """Return what a GET asks for; None where there is no such page."""
        return None

    def body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Return the body of the answer to a GET."""
        raise NotImplementedError


class FaultyServer:
    """Plays a tape, with faults.

    Parameters
    ----------
    dialect
        How it speaks.
    tape
        The trades, in order of their times.
    faults
        What goes wrong.
    pace
        Seconds between two trades.
    begun
        How many trades have been when it is opened.
    tls
        What it has of TLS; by default none.

    Attributes
    ----------
    refusing
        With which HTTP status all are turned away; 0: none is.
    handshakes
        How many asked to come in, all told.
    tape
        The trades as they are told: with times that are off where a fault has it so.
    at
        How many trades of the tape have been.
    questions
        What the history was asked, in order.
    connections
        How many clients came in, all told.
    heard
        Messages of clients that asked for something.
    joined
        At which trade of the tape somebody subscribed.
    """

    def __init__(
        self,
        dialect: Dialect,
        tape: Sequence[TradeRow],
        faults: Sequence[Fault] = (),
        pace: float = 0.001,
        begun: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.at = begun
        self.refusing = 0
        self.handshakes = 0
        self._tls = tls
        self.questions: list[Question] = []
        self.connections = 0
        self.heard: list[str] = []
        self.joined: list[int] = []
        self._beats = 0
        self.over = asyncio.Event()
        self._dialect = dialect
        offsets = sorted((one.at, one.seconds) for one in faults if isinstance(one, ClockOffset))
        self.tape = [
            (
                row[0] + round([0.0, *(seconds for at, seconds in offsets if at <= place)][-1] * _SECOND),
                *row[1:],
            )
            for place, row in enumerate(tape)
        ]
        self._faults = faults
        self._pace = pace
        self._port = 0
        self._server: Server | None = None
        self._lines: set[ServerConnection] = set()
        self._clients: set[ServerConnection] = set()
        self._readers: set[ServerConnection] = set()
        self._gone: set[ServerConnection] = set()
        self._held: dict[ServerConnection, list[str]] = {}
        self._closed_until = 0
        self._closed_status = 503
        self._repeats = 0
        self._moved = asyncio.Condition()
        self._subscribed = asyncio.Event()
        self._playing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self._port}"

    # -- listening --------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Accept clients."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._admit,
            compression=None,
            ping_interval=None,
            close_timeout=0.1,
            ssl=self._tls,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def deafen(self) -> None:
        """Accept nobody; those who are connected are closed with 1012."""
        server, self._server = self._server, None
        if server is not None:
            server.close(code=1012, reason="restart")
            await server.wait_closed()

    async def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" not in request.headers:
            return await self._get(request.path)
        self.handshakes += 1
        if self.at < self._closed_until:
            return _response(self._closed_status, b"not yet\n")
        refused = self.refusing or self._dialect.admits(request.path)
        return _response(refused, b"no\n") if refused else None

    async def _get(self, path: str) -> Response:
        question = self._dialect.rest(path)
        if question is None:
            return _response(404, b"nothing here\n")
        refused = await self.hear(question)
        if refused is not None:
            return _response(refused.status, b"later\n", refused.retry_after)
        rows, more = self.rows(question)
        return _response(200, self._dialect.body(question, rows, more=more))

    async def _serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        socket.transport = SegmentedTransport(socket.transport)  # type: ignore[assignment]
        self._lines.add(socket)
        # The client is the one under test: that it left is no news here.
        with contextlib.suppress(ConnectionClosed):
            hello = self._dialect.welcome(self._now_ns())
            if hello is not None:
                await socket.send(hello)
            async for frame in socket:
                await self._answer(socket, frame if isinstance(frame, str) else frame.decode())
        for held in (self._lines, self._clients, self._readers, self._gone):
            held.discard(socket)
        self._held.pop(socket, None)

    async def _answer(self, socket: ServerConnection, text: str) -> None:
        heard = None if socket in self._gone else self._dialect.hear(text)
        if heard is not None:
            self.heard.append(text)
        if isinstance(heard, Unsubscribe):
            if heard.trades:
                self._clients.discard(socket)
            if heard.book:
                self._readers.discard(socket)
            await _send_each(socket, heard.reply)
        elif isinstance(heard, Subscribe):
            await _send_each(socket, heard.reply)
            if heard.book:
                self._readers.add(socket)
                await socket.send(self._dialect.book(self.at, whole=True))
            if heard.trades:
                await self._begin_trades(socket)
        elif isinstance(heard, Question):
            refused = await self.hear(heard)
            if refused is not None:
                await socket.send(self._dialect.refusal(heard, refused.status, refused.retry_after))
            else:
                rows, more = self.rows(heard)
                await socket.send(self._dialect.page(heard, rows, more=more))
        else:
            await _send_each(socket, heard)

    async def _begin_trades(self, socket: ServerConnection) -> None:
        self.joined.append(self.at)
        past = self.tape[: self.at]
        repeated = [self._dialect.trade(row) for row in past[-self._repeats :]] if self._repeats else None
        for frame in repeated or self._dialect.at_subscribe(past):
            await socket.send(self._dialect.at_path(_path(socket), frame))
        self._clients.add(socket)
        self._subscribed.set()

    # -- the history ------------------------------------------------------------------------------------

    async def hear(self, question: Question) -> Busy | None:
        """Return how a question is refused, None where it is answered; after a while where it is slow."""
        number = len(self.questions)
        self.questions.append(question)
        for fault in self._faults:
            if isinstance(fault, SlowHistory) and fault.covers(number):
                await self.reach(self.at + fault.trades)
            if isinstance(fault, Busy) and fault.covers(number):
                return fault
        return None

    def rows(self, question: Question) -> tuple[list[TradeRow], bool]:
        """Return the trades that a question asks for, of those that have been, and whether there are more."""
        lacking = [fault for fault in self._faults if isinstance(fault, Lacks)]
        # Where a venue sets its clock back they are in no order.
        held = [
            row
            for place, row in enumerate(self.tape[: self.at])
            if question.start_ns <= row[0] < question.end_ns
            and question.first_id <= row[5] <= question.last_id
            and not any(each.covers(place) for each in lacking)
        ]
        rows = held[-question.limit :] if question.newest else held[: question.limit]
        return rows, len(held) > question.limit

    # -- the tape ---------------------------------------------------------------------------------------

    async def reach(self, at: int) -> None:
        """Wait until so many trades of the tape have been, or all."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.at >= min(at, len(self.tape)))

    async def quiet_beats(self, count: int) -> None:
        """Wait until so many heartbeats more were sent in which nothing traded."""
        async with self._moved:
            enough = self._beats + count
            await self._moved.wait_for(lambda: self._beats >= enough)

    async def until_listeners(self, count: int) -> None:
        """Wait until so many clients are subscribed."""
        async with self._moved:
            await self._moved.wait_for(lambda: len(self._clients) == count)

    def _now_ns(self) -> int:
        return self.tape[min(self.at, len(self.tape) - 1)][0]

    def play(self) -> None:
        """Play the tape once, from the first subscription on, then heartbeats until it is closed."""
        self._playing = asyncio.create_task(self._play())

    async def close(self) -> None:
        """Play no more, and accept nobody."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.wait({self._playing})
        await self.deafen()

    async def _play(self) -> None:
        await self._subscribed.wait()
        for number in self._order()[self.at :]:
            await self._before(self.at)
            if number is not None:
                await self._send(self._frames(number), in_fragments=self._goes_on(Fragment))
            async with self._moved:
                self.at += 1
                self._moved.notify_all()
            await self._send_book()
            await asyncio.sleep(self._pace)
        await self._let_in()
        self._cut()
        await self._speak()
        self.over.set()
        while True:
            beat = self._dialect.heartbeat(self._now_ns())
            if beat is not None:
                await self._send([beat])
            async with self._moved:
                self._beats += 1
                self._moved.notify_all()
            await asyncio.sleep(0.05)

    def _order(self) -> list[int | None]:
        """Return which trade is sent at each place of the tape; None where none is."""
        order: list[int | None] = list(range(len(self.tape)))
        for fault in self._faults:
            if isinstance(fault, Reorder):
                part = slice(fault.at, fault.at + fault.count)
                order[part] = order[part][::-1]
            elif isinstance(fault, SequenceGap):
                part = slice(fault.at, fault.at + fault.count)
                order[part] = [None] * len(order[part])
        return order

    def _goes_on(self, kind: type[Stretch]) -> bool:
        if self.at >= len(self.tape):
            return False
        return any(isinstance(fault, kind) and fault.covers(self.at) for fault in self._faults)

    def _cut(self) -> None:
        """Let what is written from here on be cut as the faults say."""
        cut: Cut = "split" if self._goes_on(Split) else "merge" if self._goes_on(Merge) else "whole"
        for socket in self._lines:
            assert isinstance(socket.transport, SegmentedTransport)
            if socket.transport.cut != cut:
                socket.transport.flush()
                socket.transport.cut = cut

    async def _before(self, place: int) -> None:
        await self._let_in()
        self._cut()
        if not self._goes_on(Mute):
            await self._speak()
        for fault in self._faults:
            if isinstance(fault, Slow) and fault.covers(place):
                await asyncio.sleep(fault.seconds)
            if isinstance(fault, HistoryFault) or fault.at != place:
                continue
            await self._begin(fault)

    async def _begin(self, fault: TapeFault) -> None:
        """Let a fault begin whose place has come."""
        if isinstance(fault, Loss):
            await self._lose(fault)
        elif isinstance(fault, HalfOpen):
            for socket in self._lines:
                # Whoever is gone answers no ping either.
                socket.transport.pause_reading()
            self._gone |= self._lines
            self._clients.clear()
            self._readers.clear()
            self._held.clear()
        elif isinstance(fault, Expiry):
            self._dialect.expire()
        elif isinstance(fault, Malformed):
            await self._send([fault.text])
        elif isinstance(fault, Oversize):
            await self._send(["x" * fault.size])
        elif isinstance(fault, Bomb):
            for socket in self._clients:
                socket.transport.write(packed_frame(fault.size))
        elif isinstance(fault, Repeat):
            self._repeats = fault.count

    async def _lose(self, fault: Loss) -> None:
        # One that begins within another does not end it, and after the tape all come in.
        until = min(fault.at + fault.misses, len(self.tape))
        if until >= self._closed_until:
            self._closed_until = until
            self._closed_status = fault.status if isinstance(fault, Refuse) else 503
        lines = self._lines - self._gone
        self._clients.clear()
        self._readers.clear()
        self._held.clear()
        if isinstance(fault, Restart):
            await self.deafen()
        else:
            for socket in lines:
                socket.transport.abort()

    async def _let_in(self) -> None:
        if self._server is None and self.at >= self._closed_until:
            await self.listen()

    def _frames(self, number: int) -> list[str]:
        times = 1 + sum(one.times for one in self._faults if isinstance(one, Duplicate) and one.at == number)
        return [self._dialect.trade(self.tape[number])] * times

    async def _send(self, frames: Sequence[str], *, in_fragments: bool = False) -> None:
        for socket in list(self._clients):
            texts = [self._dialect.at_path(_path(socket), frame) for frame in frames]
            await self._tell(socket, texts, in_fragments=in_fragments)

    async def _send_book(self) -> None:
        """Send what the trade before changed of the order book, unless that is lost."""
        if any(isinstance(fault, LostBook) and fault.covers(self.at) for fault in self._faults):
            return
        for socket in list(self._readers):
            await self._tell(socket, [self._dialect.book(self.at, whole=False)])

    async def _tell(
        self, socket: ServerConnection, texts: Sequence[str], *, in_fragments: bool = False
    ) -> None:
        """Send texts to one client, or keep them for it while nothing is sent."""
        if self._goes_on(Mute) or socket in self._held:
            self._held.setdefault(socket, []).extend(texts)
            return
        with contextlib.suppress(ConnectionClosed):
            for text in texts:
                await socket.send(_fragments(text) if in_fragments else text)

    async def _speak(self) -> None:
        """Send each client what was kept for it."""
        held, self._held = self._held, {}
        for socket, texts in held.items():
            with contextlib.suppress(ConnectionClosed):
                await _send_each(socket, tuple(texts))


def _path(socket: ServerConnection) -> str:
    return "" if socket.request is None else socket.request.path


def _fragments(text: str, size: int = 16) -> list[str]:
    return [text[first : first + size] for first in range(0, len(text), size)]


def packed_frame(size: int) -> bytes:
    """Return the frame of a text of so many letters, as RFC 7692 has it packed."""
    packer = zlib.compressobj(wbits=-15)
    # Not even here it is held as a whole.
    parts = (b" " * min(_PART, size - first) for first in range(0, size, _PART))
    packed = b"".join(map(packer.compress, parts)) + packer.flush(zlib.Z_SYNC_FLUSH)
    packed = packed.removesuffix(b"\x00\x00\xff\xff")
    # FIN, RSV1 and the opcode of text; a length of 64 bits.
    return b"\xc1\x7f" + len(packed).to_bytes(8) + packed


async def _send_each(socket: ServerConnection, reply: str | tuple[str, ...] | None) -> None:
    for text in (reply,) if isinstance(reply, str) else reply or ():
        await socket.send(text)


def _response(status: int, body: bytes, retry_after: float | None = None) -> Response:
    headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    return Response(status, http.HTTPStatus(status).phrase, headers, body)


@contextlib.asynccontextmanager
async def faulty(
    dialect: Dialect, tape: Sequence[TradeRow], faults: Sequence[Fault] = (), pace: float = 0.001
) -> AsyncIterator[FaultyServer]:
    """Serve a tape with faults, as long as the block runs."""
    server = FaultyServer(dialect, tape, faults, pace)
    await server.listen()
    server.play()
    try:
        yield server
    finally:
        await server.close()
