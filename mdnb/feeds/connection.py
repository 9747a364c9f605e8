"""A WebSocket connection that reconnects by itself: the base of every WebSocket feed.

`WebSocketFeed` connects, reads, pings, watches for signs of life, reconnects with exponential backoff and
full jitter, subscribes again, and pairs requests with their replies. What differs from venue to venue is
in its hooks: `WebSocketFeed.endpoint` (must be given) and `WebSocketFeed.greet`,
`WebSocketFeed.send_subscribe`, `WebSocketFeed.send_unsubscribe`, `WebSocketFeed.encode_request`,
`WebSocketFeed.heartbeat` and `WebSocketFeed.is_end` (have defaults).

On the hot path: `WebSocketFeed._read` runs once a frame.
"""

from __future__ import annotations

import abc
import asyncio
import collections
import contextlib
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import websockets.asyncio.client as ws
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

from mdnb.clock import MarketClock
from mdnb.errors import ClosedError, FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus, check_channels
from mdnb.feeds.endpoint import (
    Endpoint,
    after,
    after_refusal,
    hide_in,
    proxy_refused,
    proxy_words,
    server_time_ns,
    why_lost,
)
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.rows import Reply

__all__ = ["MAX_FRAME_BYTES", "Backoff", "Endpoint", "Liveness", "Timeouts", "Wall", "WebSocketFeed"]

MAX_FRAME_BYTES = 2**20
"""Larger frames end the connection (close code 1009) before they can fill the memory."""

_log = logging.getLogger("mdnb.feeds")
# At DEBUG level websockets logs query strings, the Authorization header and every frame: no credentials here.
_socket_log = logging.getLogger("mdnb.feeds.socket")
_socket_log.setLevel(logging.WARNING)


class _Connecting(ws.connect):
    """Follows no redirection: who redirects may be anybody, and where to has not been checked for TLS."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _LostError(Exception):
    """The connection ended while a request was under way."""


class WebSocketFeed(Feed):
    """A feed over one WebSocket; a venue's adapter derives from it and gives `endpoint`.

    Everything happens on the loop that runs `run`. `subscribe`, `request` and `close` must be called on
    that loop too.

    Parameters
    ----------
    backoff, timeouts, wall
        How it reconnects and what it waits for.
    liveness
        What counts as life; default that of the class.

    Attributes
    ----------
    max_frame_bytes
        Larger frames end the connection.
    numbers_replies
        Whether a venue's replies bear the numbers of the requests; else they are taken in their order.

    Examples
    --------
    A venue in four lines::

        class Venue(WebSocketFeed):
            dialect = "venue"

            async def endpoint(self) -> Endpoint:
                return Endpoint("wss://venue.example/v1")
    """

    max_frame_bytes: int = MAX_FRAME_BYTES
    numbers_replies: bool = True

    def __init__(
        self,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        super().__init__()
        if liveness is not None:
            self.liveness = liveness
        self.backoff = backoff or Backoff()
        self.timeouts = timeouts or Timeouts()
        self._wall = wall or Wall()
        self._wanted: dict[str, tuple[Channel, ...]] = {}
        self._socket: ws.ClientConnection | None = None
        self._open = asyncio.Event()
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._unanswered: collections.deque[int] = collections.deque()
        self._answers_left: dict[int, int] = {}
        self._last_id = 0
        self._work: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._ended = False
        self._was_connected = False
        self._stale = False
        self._unheard = True
        self._last_sign = 0.0
        self._answered = asyncio.Event()
        self._endpoint: Endpoint | None = None

    # -- what a venue's adapter gives -------------------------------------------------------------------

    @abc.abstractmethod
    async def endpoint(self) -> Endpoint:
        """Return where to connect; asked before each attempt, so that a token can be fresh.

        A FeedError counts as a connection that could not be made, a FeedRefusedError ends `run`.
        """

    def renews_credentials(self, status: int) -> bool:
        """Return whether another attempt is of use after the handshake was refused with an HTTP status.

        By default it is not, beside the statuses that tell of a busy server: whoever has a token that can be
        renewed does so, and says yes.
        """
        return False

    async def greet(self) -> None:
        """Send what a venue wants after connecting and before subscribing, such as a login."""

    async def send_subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Send the venue's subscribe request; by default that of mdnb's own protocol."""
        await self.request("subscribe", symbol=symbol, channels=list(channels))

    async def send_subscriptions(self, wanted: Mapping[str, tuple[Channel, ...]]) -> list[str]:
        """Subscribe to all that is wanted on a new connection; return what was refused, a text each.

        By default symbol by symbol: one that is gone does not take the others down.
        """
        refused: list[str] = []
        for symbol, channels in wanted.items():
            try:
                await self.send_subscribe(symbol, channels)
            except FeedRefusedError as error:
                refused.append(f"{symbol}: {error}")
                _log.info("subscription refused: %s: %s", symbol, error)
        return refused

    async def send_unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Send the venue's unsubscribe request; by default that of mdnb's own protocol."""
        await self.request("unsubscribe", symbol=symbol, channels=list(channels))

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return the frame of a request; by default in mdnb's own protocol."""
        return msgspec.json.encode({"op": op, "id": request_id, **fields}).decode()

    def tell_subscribed(self, symbol: str, why_refused: str) -> None:
        """Tell that a new connection has asked for a symbol, and why it was refused, where it was."""
        self.on_subscribed(symbol, "", why_refused)

    def heartbeat(self) -> str | None:
        """Return the frame to send each `Timeouts.heartbeat` seconds; None where the venue wants none."""
        return None

    def is_end(self, code: int, reason: str) -> bool:
        """Return whether a close with this code and reason is the regular end: no reconnecting."""
        return False

    # -- Feed -------------------------------------------------------------------------------------------

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver frames until `close` is called or the server is at its end; survive disconnects.

        Raises
        ------
        FeedRefusedError
            When the venue refuses us for good (401, 403, another 4xx, a certificate that does not hold).
        FeedError
            When it runs already.
        """
        if self._closed.is_set():
            on_status("closed", "closed before it ran")
            return
        if self._work is not None:
            raise FeedError(f"this {self._name} is running already")
        self._ended = False
        self._open.clear()
        self._work = asyncio.create_task(self._stay_connected(on_frame, on_status))
        detail = ""
        try:
            await self._work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._closed.is_set() or (task is not None and task.cancelling()):
                raise
        except FeedError as error:
            detail = str(error)
            raise
        finally:
            self._work = None
            self._end()
            on_status("closed", detail)

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to channels of a symbol, also after reconnects.

        While the socket is down this returns at once: what is remembered is asked for as soon as it is up.

        Raises
        ------
        FeedRefusedError
            When the venue says no.
        """
        wanted = check_channels(channels)
        self._wanted[symbol] = check_channels([*self._wanted.get(symbol, ()), *wanted])
        if self._open.is_set():
            try:
                await self.send_subscribe(symbol, wanted)
            except FeedRefusedError:
                self._forget(symbol, wanted)
                raise

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Unsubscribe from channels of a symbol."""
        unwanted = check_channels(channels)
        self._forget(symbol, unwanted)
        if self._open.is_set():
            await self.send_unsubscribe(symbol, unwanted)

    async def close(self) -> None:
        """Close the socket and end `run`; calling it again does nothing."""
        self._closed.set()
        work = self._work
        if work is not None and not work.done():
            work.cancel()
            await asyncio.wait({work})
        self._end()

    def silent_seconds(self) -> float:
        """Return the seconds since the last sign of life; infinity while there is no connection."""
        return float("inf") if self._socket is None else self._wall.monotonic() - self._last_sign

    def on_reply(self, reply: Reply) -> None:
        """Handle the reply to a request."""
        if not reply.ok:
            reply = msgspec.structs.replace(reply, error=self.hide(reply.error))
        number = reply.id
        if not self.numbers_replies:
            number = self._unanswered.popleft() if self._unanswered else 0
        elif not number and not reply.ok:
            # A request that a venue could not read is refused without its number: the oldest that waits.
            number = min(self._pending, default=0)
        future = self._pending.get(number)
        if future is None:
            self.on_stray_reply(reply)
            return
        if future.done():
            return
        self._answers_left[number] -= 1
        if not reply.ok or self._answers_left[number] <= 0:
            future.set_result(reply)

    def on_stray_reply(self, reply: Reply) -> None:
        """Handle a reply that nobody waits for, or waits for any more; by default it is dropped."""

    @property
    def _name(self) -> str:
        """What it is called in messages."""
        return type(self).__name__

    # -- for adapters -----------------------------------------------------------------------------------

    def hide(self, text: str) -> str:
        """Return what the venue says without what may be a credential of ours."""
        text = super().hide(text)
        return text if self._endpoint is None else self._endpoint.hide(text)

    def quotable(self) -> Sequence[str]:
        """Return what the venue may quote of our credentials, those of the address as well."""
        return [*self.secrets(), *(() if self._endpoint is None else self._endpoint.tokens)]

    async def send(self, frame: str | bytes) -> None:
        """Send one frame.

        Raises
        ------
        FeedError
            When the socket is down.
        """
        if self._socket is None:
            raise FeedError(f"{self._name} is not connected; nothing was sent")
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            # The reader finds out a moment later; a request must not be repeated on this socket.
            self._socket = None
            self._open.clear()
            raise FeedError(f"{self._name} lost its connection while sending") from error

    async def request(self, op: str, *, answers: int = 1, **fields: Any) -> Reply:
        """Ask the venue and wait for its reply; asked again if the connection is lost meanwhile.

        Parameters
        ----------
        op
            What is asked for.
        answers
            How many replies it has, at a venue that answers for each symbol: the last is returned, or the
            first that is a refusal.
        **fields
            What else stands in the request.

        Raises
        ------
        FeedRefusedError
            When the venue answers that it will not.
        FeedBusyError
            When it names the seconds after which it may.
        FeedError
            When no answer came within `Timeouts.reply` seconds.
        ClosedError
            When the feed was closed.
        """
        self._last_id += 1
        request_id = self._last_id
        try:
            async with asyncio.timeout(self.timeouts.reply):
                reply = await self._ask(op, request_id, fields, answers)
        except TimeoutError as error:
            raise FeedError(f"no answer to {op!r} within {self.timeouts.reply:g} s") from error
        finally:
            self._pending.pop(request_id, None)
            self._answers_left.pop(request_id, None)
        if not reply.ok and "retry_after" in reply.payload:
            raise FeedBusyError(f"not now: {op!r}: {reply.error}", after(reply.payload["retry_after"]))
        if not reply.ok:
            raise FeedRefusedError(f"the venue refused {op!r}: {reply.error}")
        return reply

    async def _ask(self, op: str, request_id: int, fields: Mapping[str, Any], answers: int) -> Reply:
        while True:
            # greet() and the first subscriptions ask before the connection counts as open.
            if self._socket is None:
                await self._open.wait()
            if self._ended:
                raise ClosedError(f"this {self._name} was closed before the venue answered {op!r}")
            future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            self._pending[request_id], self._answers_left[request_id] = future, answers
            if not self.numbers_replies:
                self._unanswered.append(request_id)
            # A _LostError or a failed send: the same request goes out again on the next socket.
            with contextlib.suppress(_LostError, FeedError):
                await self.send(self.encode_request(op, request_id, fields))
                return await future

    def _end(self) -> None:
        # Whoever waits for a connection finds out that there will be none.
        self._ended = True
        self._open.set()

    def _forget(self, symbol: str, channels: Sequence[Channel]) -> None:
        left = tuple(channel for channel in self._wanted.get(symbol, ()) if channel not in channels)
        if left:
            self._wanted[symbol] = left
        else:
            self._wanted.pop(symbol, None)

    # -- the life of the connection ---------------------------------------------------------------------

    async def _stay_connected(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        attempt = 0
        while True:
            began = self._wall.monotonic()
            lost = await self._live_once(on_frame, on_status)
            if lost is None:
                return
            wait, detail = lost
            # Only a connection that held is a fresh start: one that is dropped at once must not be stormed.
            if self._wall.monotonic() - began > self.backoff.cap:
                attempt = 0
            wait = max(wait, self.backoff.delay(attempt, self._wall.dice()))
            attempt += 1
            on_status("disconnected", detail)
            _log.info("%s: %s; next attempt in %.2f s", self._name, detail, wait)
            await self._wall.sleep(wait)

    async def _live_once(self, on_frame: OnFrame, on_status: OnStatus) -> tuple[float, str] | None:
        """Make an attempt; return the seconds asked for before the next, and why; None at the end."""
        try:
            endpoint = await self.endpoint()
        except FeedRefusedError:
            raise
        except FeedError as error:
            return (error.retry_after if isinstance(error, FeedBusyError) else 0.0), str(error)
        self._endpoint = endpoint
        on_status("reconnecting" if self._was_connected else "connecting", str(endpoint))
        try:
            code, detail = await self._connect_once(endpoint, on_frame, on_status)
            if self.is_end(code, detail):
                return None
        # Refusals come from nothing: where they arose addresses are in variables, which tracebacks show.
        except InvalidStatus as error:
            if self.renews_credentials(error.response.status_code):
                return 0.0, f"HTTP {error.response.status_code}: the credentials are renewed"
            return after_refusal(error, endpoint)
        except (InvalidProxy, ImportError) as error:
            raise proxy_refused(error) from None
        except (InvalidURI, UnicodeError):
            raise FeedRefusedError(f"{endpoint} is not an address to connect to") from None
        except ssl.SSLCertVerificationError as error:
            raise FeedRefusedError(
                f"{endpoint}: the certificate does not hold: {error.verify_message}"
            ) from None
        except FeedRefusedError as error:
            hide_in(error, self.hide)
            # There what was received is, too, which may quote a token.
            raise error.with_traceback(None) from None
        except (OSError, WebSocketException, FeedError) as error:
            way = "" if isinstance(error, FeedError) else proxy_words(endpoint.url)
            return 0.0, self.hide(why_lost(error, tls=endpoint.url.startswith("wss:"))) + way
        return 0.0, f"connection closed ({code}{': ' * bool(detail)}{detail})"

    async def _connect_once(
        self, endpoint: Endpoint, on_frame: OnFrame, on_status: OnStatus
    ) -> tuple[int, str]:
        """Live through one connection; return the code and reason with which it was closed."""
        async with _Connecting(
            endpoint.url,
            additional_headers=dict(endpoint.headers),
            compression=None,
            proxy=None if endpoint.is_loopback else True,
            open_timeout=self.timeouts.open,
            close_timeout=self.timeouts.close,
            max_size=self.max_frame_bytes,
            ping_interval=None,
            logger=_socket_log,
        ) as socket:
            self._socket, self._stale, self._unheard = socket, False, True
            self._last_sign = self._wall.monotonic()
            self._answered.clear()
            self._unanswered.clear()
            if isinstance(self.clock, MarketClock) and socket.response is not None:
                told = server_time_ns(socket.response.headers)
                if told is not None:
                    self.clock.hint(told)
            helpers = [
                asyncio.create_task(work)
                for work in (
                    self._settle(socket, on_status),
                    self._watch(socket, on_status),
                    self._ping(socket, on_status),
                    self._beat(),
                )
            ]
            try:
                closed = await self._read(socket, on_frame, on_status)
            except asyncio.CancelledError:
                if self._closed.is_set():
                    # Else the other end is told of an internal error (1011) where all is well.
                    await socket.close()
                raise
            finally:
                self._socket = None
                self._open.clear()
                for helper in helpers:
                    helper.cancel()
                for future in self._pending.values():
                    if not future.done():
                        future.set_exception(_LostError())
                failures = await asyncio.gather(*helpers, return_exceptions=True)
        for failure in failures:
            if isinstance(failure, Exception):
                raise failure
        code, reason = closed
        return code, self.hide(reason)

    async def _read(
        self, socket: ws.ClientConnection, on_frame: OnFrame, on_status: OnStatus
    ) -> tuple[int, str]:
        monotonic, receive = self._wall.monotonic, socket.recv
        try:
            while True:
                frame = await receive()
                self._last_sign = monotonic()
                if self._unheard:
                    self._hear(on_status)
                on_frame(frame)
        except ConnectionClosed as error:
            # What the other end said, or else what we did not like about it.
            frame_of_close = error.rcvd or error.sent
            return (frame_of_close.code, frame_of_close.reason) if frame_of_close else (1006, "")

    async def _settle(self, socket: ws.ClientConnection, on_status: OnStatus) -> None:
        try:
            await self.greet()
            wanted = dict(self._wanted)
            refused = await self.send_subscriptions(wanted)
            # Not every venue answers a subscription, and one may hang up on it: a frame or a pong is first.
            await self._answered.wait()
        except Exception:
            # Whatever an adapter's greeting raises, a connection that is not set up is of no use.
            socket.transport.abort()
            raise
        self._open.set()
        for symbol in wanted:
            why = [text.removeprefix(f"{symbol}: ") for text in refused if text.startswith(f"{symbol}: ")]
            self.tell_subscribed(symbol, "; ".join(why))
        on_status("reconnected" if self._was_connected else "connected", "; ".join(refused))
        self._was_connected = True

    async def _watch(self, socket: ws.ClientConnection, on_status: OnStatus) -> None:
        stale, dead = self.liveness.stale_seconds, self.liveness.dead_seconds
        sign = "no frame" if self.liveness.signs == "frames" else "neither frame nor pong"
        while True:
            idle = self._wall.monotonic() - self._last_sign
            if idle >= dead:
                socket.transport.abort()
                raise FeedError(f"{sign} for {idle:.1f} s: connection dropped")
            if idle >= stale and not self._stale:
                self._stale = self._unheard = True
                on_status("stale", f"{sign} for {idle:.1f} s")
            await self._wall.sleep(max((dead if self._stale else stale) - idle, 0.001))

    async def _ping(self, socket: ws.ClientConnection, on_status: OnStatus) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.round_trip_ms = 1e3 * await (await socket.ping())
                if self.liveness.signs == "frames and pongs":
                    self._last_sign = self._wall.monotonic()
                    if self._unheard:
                        self._hear(on_status)
                self._answered.set()
                await self._wall.sleep(self.liveness.ping_seconds)

    def _hear(self, on_status: OnStatus) -> None:
        self._unheard = False
        self._answered.set()
        if self._stale:
            self._stale = False
            on_status("connected", "alive again")

    async def _beat(self) -> None:
        while (frame := self.heartbeat()) is not None:
            await self._wall.sleep(self.timeouts.heartbeat)
            await self.send(frame)
