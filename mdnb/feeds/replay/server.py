"""The loopback server that plays a recording to one client, as a venue would.

Frames of a frame recording are sent as they are. Rows travel over mdnb's wire protocol: as many as are due
in one frame, up to 500; at a low speed that is one. A slow client holds the server up by the socket's own
backpressure: nothing is dropped, and no more than the socket's buffers is in memory.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import http
import logging
import secrets
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
import websockets.asyncio.server as ws
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from mdnb.errors import FeedError
from mdnb.feeds.connection import MAX_FRAME_BYTES
from mdnb.feeds.playback import Playback
from mdnb.feeds.replay.clock import PlaybackClock
from mdnb.feeds.replay.playlist import Timed
from mdnb.feeds.replay.recording import QUOTE_FIELDS, Damage, Frame, Row, Track
from mdnb.feeds.timeouts import Wall
from mdnb.feeds.wire import END_REASON

__all__ = ["FRAME_ROWS", "Due", "FrameSource", "ReplayServer", "RowSource"]

FRAME_ROWS = 500
"""Rows in one frame, at most."""

_OPEN_BAR_FIELDS = 9
_MARKED_FIELDS = 7
_YIELD_BYTES = 65_536
_STEP_BYTES = 256
_HEARTBEAT = 0.1
"""Seconds between one telling of the time and the next while nothing is due."""

_SOON = 0.001
_MAX_REQUEST = 65_536
_NS_PER_US = 1000

_socket_log = logging.getLogger("mdnb.feeds.replay.socket")
_socket_log.setLevel(logging.ERROR)
_encode = msgspec.json.Encoder().encode


class _Request(msgspec.Struct):
    op: str
    id: int = 0
    symbol: str = ""
    channels: list[str] = []


_request = msgspec.json.Decoder(_Request).decode


class Due(NamedTuple):
    """What is to be sent next.

    Attributes
    ----------
    at_ns
        When it is due, UTC epoch nanoseconds.
    from_ns, until_ns
        When it was received, of rows the first and the last of them.
    frames
        What is sent.
    """

    at_ns: int
    from_ns: int
    until_ns: int
    frames: list[str | bytes]

    def received(self) -> list[tuple[int, int, str | bytes]]:
        """Return each frame with its times, as `Playback.arrivals` has them."""
        last = len(self.frames) - 1
        return [
            (self.from_ns, self.until_ns if number == last else self.from_ns, frame)
            for number, frame in enumerate(self.frames)
        ]


class FrameSource:
    """Plays a venue's frames; what a client asks for makes no difference to a recording.

    Parameters
    ----------
    frames
        ``(time of receipt, frame)``, read as needed.
    damage
        Notes frames that are too large for a connection of ours to take; they are passed over.
    """

    talks = False

    def __init__(self, frames: Iterator[Frame], damage: Damage) -> None:
        self._frames = frames
        self._damage = damage

    def next_frames(self, symbols: frozenset[str], due_ns: int | None) -> Due | None:
        """Return the next frame and when it is due, None at the end."""
        for at_ns, frame in self._frames:
            if len(frame) * 4 > MAX_FRAME_BYTES and _size(frame) > MAX_FRAME_BYTES:
                self._damage.note(f"a frame of {_size(frame)} bytes, received at {at_ns}")
                continue
            return Due(at_ns, at_ns, at_ns, [frame])
        return None


class RowSource:
    """Plays rows, packed into frames of mdnb's wire protocol.

    Parameters
    ----------
    tracks
        By the symbol they are sent under.
    rows
        ``(time, symbol, row)`` of all tracks, in order of time, read as needed.
    until_ns
        Until when time is to pass behind the last one; 0 is that of the last one.
    """

    talks = True

    def __init__(self, tracks: Mapping[str, Track], rows: Iterator[Timed], until_ns: int = 0) -> None:
        self._tracks = tracks
        self._rows = rows
        self._until_ns = until_ns
        self._held: Timed | None = None
        self._newest_ns = 0

    def next_frames(self, symbols: frozenset[str], due_ns: int | None) -> Due | None:
        """Return what is due next, and when: the next row, and those after it that are due by then.

        A row that is late, with a time before the one before it, begins a frame of its own.

        Parameters
        ----------
        symbols
            Those subscribed to; rows of others are passed over.
        due_ns
            The market's time now; None for as fast as possible.
        """
        packed: dict[tuple[str, bool], list[Row]] = {}
        kinds: dict[str, bool] = {}
        at_ns = from_ns = 0
        for taken in range(FRAME_ROWS):
            held = self._held or next(self._rows, None)
            if held is None:
                if not taken:
                    return self._last()
                break
            is_quote = len(held[2]) == QUOTE_FIELDS
            if taken and (
                held[0] < at_ns
                or (due_ns is not None and held[0] > max(due_ns, at_ns))
                # A quote among trades stays where it was.
                or kinds.setdefault(held[1], is_quote) != is_quote
            ):
                self._held = held
                break
            kinds[held[1]] = is_quote
            self._held = None
            at_ns, symbol, row = held
            self._newest_ns = max(self._newest_ns, at_ns)
            from_ns = from_ns or self._newest_ns
            if symbol in symbols:
                closed = len(row) < _OPEN_BAR_FIELDS
                packed.setdefault((symbol, closed), []).append(row if closed else row[:-1])
        frames = [self._frame(symbol, closed, rows) for (symbol, closed), rows in packed.items()]
        if any(self._tracks[symbol].step_ns for symbol, _ in packed):
            # A bar tells when it began, not what time it is now.
            frames.append(_clock(at_ns))
        return Due(at_ns, from_ns, self._newest_ns, frames)

    def _last(self) -> Due | None:
        """Return what tells the time at which nothing more comes; None once that was told."""
        at_ns, self._until_ns = self._until_ns, 0
        if at_ns <= self._newest_ns:
            return None
        self._newest_ns = at_ns
        return Due(at_ns, at_ns, at_ns, [_clock(at_ns)])

    def _frame(self, symbol: str, closed: bool, rows: list[Row]) -> str | bytes:
        track = self._tracks[symbol]
        channel: str = "quotes" if len(rows[0]) == QUOTE_FIELDS else track.channel
        if channel == "trades" and len(rows[0]) == _MARKED_FIELDS:
            channel = "marked"
        fields: dict[str, object] = {"e": channel, "s": symbol}
        if channel == "bars":
            fields |= {"tf": track.timeframe, "closed": closed}
        return _encode({**fields, "r": rows}).decode()


class ReplayServer:
    """Serves one recording on 127.0.0.1, once.

    Parameters
    ----------
    source
        What to play.
    symbols
        It begins to play once all of these are subscribed to.
    clock
        Paces it; None for as fast as the client takes it.
    wall
        The clock it sleeps by.
    playback
        How it is played, and where it tells when each frame was received.
    """

    def __init__(
        self,
        source: FrameSource | RowSource,
        symbols: frozenset[str],
        clock: PlaybackClock | None,
        wall: Wall,
        playback: Playback | None = None,
    ) -> None:
        self._playback = playback or Playback()
        self._source = source
        self._awaited = symbols
        self.clock = clock
        self._wall = wall
        self._subscribed: frozenset[str] = frozenset()
        self._ready = asyncio.Event()
        self._pending: Due | None = None
        self._unsent: collections.deque[tuple[int, int, str | bytes]] = collections.deque()
        self._last_ns = self._known_ns = 0
        self._has_begun = False
        self._server: ws.Server | None = None
        self._busy = False
        self.failure: FeedError | None = None
        self._path = f"/{secrets.token_urlsafe(16)}"

    @property
    def has_begun(self) -> bool:
        """Whether something was played."""
        return self._has_begun

    def is_idle(self, now_ns: int) -> bool:
        """Return whether nothing is on its way, and nothing is due at an instant."""
        due = self._pending
        return due is not None and due.at_ns > now_ns and not self._playback.arrivals

    async def start(self) -> str:
        """Listen; return the address."""
        self._server = await ws.serve(
            self._serve,
            "127.0.0.1",
            0,
            origins=[None],
            compression=None,
            max_size=_MAX_REQUEST,
            ping_interval=None,
            close_timeout=1.0,
            process_request=self._admit,
            logger=_socket_log,
        )
        port = self._server.sockets[0].getsockname()[1]
        return f"ws://127.0.0.1:{port}{self._path}"

    async def close(self) -> None:
        """Stop listening and playing; calling it again does nothing."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _admit(self, socket: ws.ServerConnection, request: Request) -> Response | None:
        # A replay is one client's: anybody else on this machine would eat its frames.
        if not secrets.compare_digest(request.path, self._path):
            return socket.respond(http.HTTPStatus.NOT_FOUND, "nothing here\n")
        if self._busy:
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "it plays already\n")
        return None

    async def _serve(self, socket: ws.ServerConnection) -> None:
        # `_admit` let in this one alone: nothing runs between its answer and this.
        self._busy = True
        self._playback.arrivals.clear()  # what the connection before it did not deliver is lost with it
        player = asyncio.create_task(self._play(socket))
        try:
            async for message in socket:
                await self._answer(socket, message)
        except ConnectionClosed:
            pass
        finally:
            self._busy = False
            player.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await player

    async def _answer(self, socket: ws.ServerConnection, message: str | bytes) -> None:
        try:
            asked = _request(message)
        except (ValueError, RecursionError):
            await self._reply(socket, 0, "this is no request")
            return
        error = ""
        if asked.op not in ("subscribe", "unsubscribe"):
            error = f"a recording does not know {asked.op!r}: it answers subscribe and unsubscribe"
        elif asked.symbol not in self._awaited and self._source.talks:
            error = f"{asked.symbol!r} is not played"
        elif asked.op == "subscribe":
            self._subscribed |= {asked.symbol}
        else:
            self._subscribed -= {asked.symbol}
        await self._reply(socket, asked.id, error)
        if self._subscribed >= self._awaited:
            self._ready.set()

    async def _reply(self, socket: ws.ServerConnection, number: int, error: str) -> None:
        if not self._source.talks:
            return
        answer: dict[str, object] = (
            {"ok": False, "error": error} if error else {"ok": True, "t": self._last_ns}
        )
        await self._send(socket, _encode({"e": "reply", "id": number, **answer}).decode())

    async def _send(
        self, socket: ws.ServerConnection, frame: str | bytes, received: tuple[int, int] | None = None
    ) -> None:
        self._playback.arrivals.append(received or (self._known_ns, self._known_ns))
        await socket.send(frame)

    async def _play(self, socket: ws.ServerConnection) -> None:
        await self._ready.wait()
        await self._playback.begun.wait()
        try:
            await self._play_on(socket)
            if self._source.talks:
                await self._send(socket, _encode({"e": "end", "t": self._last_ns}).decode())
        except ConnectionClosed:
            # The next connection goes on where this one stopped.
            return
        except (FeedError, OSError) as error:
            self.failure = FeedError(f"the recording cannot be played to its end: {error}")
        await socket.close(1000, END_REASON)

    async def _play_on(self, socket: ws.ServerConnection) -> None:
        unyielded = 0
        while True:
            await self._playback.flowing.wait()
            if self._pending is None:
                self._pending = self._source.next_frames(self._subscribed, self._due_ns())
                if self._pending is None:
                    return
                self._unsent.extend(self._pending.received())
            at_ns = self._pending.at_ns
            await self._until(at_ns)
            await self._while_paused(at_ns)
            while self._unsent:
                from_ns, until_ns, frame = self._unsent[0]
                self._known_ns = max(self._known_ns, from_ns)
                await self._send(socket, frame, (from_ns, until_ns))
                self._unsent.popleft()
                unyielded += len(frame)
            self._known_ns = max(self._known_ns, self._pending.until_ns)
            self._pending, self._last_ns = None, at_ns
            unyielded += _STEP_BYTES
            if unyielded >= _YIELD_BYTES:
                # send() returns at once while the socket's buffers have room: let the client read.
                unyielded = 0
                await asyncio.sleep(0)

    def _due_ns(self) -> int | None:
        """Return until when rows are packed into one frame: now, each by itself, or as many as fit."""
        if self.clock is not None:
            return self.clock.now_ns()
        if self._playback.paused:
            return self._playback.limit_ns
        return 0 if self._playback.in_single_rows() else None

    async def _until(self, at_ns: int) -> None:
        is_first, self._has_begun = not self._has_begun, True
        if self.clock is not None and is_first:
            self.clock.start(max(at_ns, self._playback.begins_ns))
            if self._playback.paused:
                self.clock.stop()
        # It may be paused, or get another clock, meanwhile.
        while (clock := self.clock) is not None:
            wait = clock.wall_seconds(at_ns - clock.now_ns())
            if wait <= 0 or self._playback.holds(at_ns):
                return
            await self._wall.sleep(min(wait, _HEARTBEAT))
            # Never to the very instant of what comes next: who looks then has not seen it.
            if not self._playback.paused:
                self._playback.pass_time(min(clock.now_ns(), at_ns - _NS_PER_US))

    async def _while_paused(self, at_ns: int) -> None:
        """Wait while what is due next has to; time passes up to where it is held."""
        playback = self._playback
        while playback.holds(at_ns):
            playback.changed.clear()
            while playback.arrivals:
                # On their way: time passes once they are there.
                await self._wall.sleep(_SOON)
            if playback.limit_ns:
                playback.pass_time(playback.limit_ns)
            await playback.changed.wait()
            # The clock decides anew when it is due.
            await self._until(at_ns)


def _size(frame: str | bytes) -> int:
    return len(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame)


def _clock(ns: int) -> str | bytes:
    return _encode({"e": "clock", "t": ns}).decode()
