"""One feed over two connections: quotes and depth come from another address than trades and bars."""

from __future__ import annotations

import abc
import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mdnb.errors import FeedError
from mdnb.feeds.base import Channel, OnFrame, OnStatus, check_channels
from mdnb.feeds.connection import Endpoint, WebSocketFeed
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.venue import VenueFeed, in_one_go
from mdnb.rows import Reply

__all__ = ["TwoStreamFeed"]

_FIRST_ID_OF_SECOND = 2**31


class TwoStreamFeed(VenueFeed):
    """A venue with a stream of trades and bars, and one of quotes and depth.

    An adapter gives `ask_on` in place of `ask_for`. The second connection is made once something is asked of
    it. While it is lost the feed is ``stale`` and says why; trades come on. Replies must bear the numbers of
    the requests: by them it is known which connection's they are.

    Attributes
    ----------
    second_path
        What is put behind the address for the second stream, as `stream_path` is for the first.
    """

    second_path: ClassVar[str]

    @functools.cached_property
    def _second(self) -> _SecondStream:
        return _SecondStream(self)

    @abc.abstractmethod
    async def ask_on(
        self, stream: WebSocketFeed, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool
    ) -> None:
        """Subscribe to channels of symbols, or unsubscribe, by requests of a stream that has them.

        Raises
        ------
        FeedRefusedError
            When the venue says no.
        """

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols on the first stream, or unsubscribe."""
        await self.ask_on(self, symbols, channels, on=on)

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver frames of both connections until `close` is called; survive disconnects.

        Raises
        ------
        FeedRefusedError
            When the venue refuses us trades and bars for good.
        FeedError
            When it runs already.
        """
        told = _OneStatus(on_status)
        self._second.clock = self.clock
        second = asyncio.create_task(self._run_second(on_frame, told.of_second))
        second.add_done_callback(self._end_where_failed)
        try:
            await super().run(on_frame, told.of_first)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if _failure(second) is None or (task is not None and task.cancelling()):
                raise
        finally:
            second.cancel()
            # How a connection ended was told as a status.
            await asyncio.gather(second, return_exceptions=True)
        failure = _failure(second)
        if failure is not None:
            raise failure

    async def _run_second(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        await self._second.is_wanted.wait()
        await self._second.run(on_frame, on_status)

    def streams(self) -> dict[str, WebSocketFeed]:
        """Return both connections, each by what comes on it."""
        return {"its stream of trades and bars": self, "its stream of quotes and depth": self._second}

    def _end_where_failed(self, second: asyncio.Task[None]) -> None:
        """End the first connection where the second has failed by what is no matter of the venue's."""
        if _failure(second) is not None and self._work is not None:
            self._work.cancel()

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to channels of a symbol, also after reconnects.

        Raises
        ------
        FeedRefusedError
            When the venue says no.
        """
        of_first, of_second = _apart(channels)
        if of_second:
            await self._second.subscribe(symbol, of_second)
        if of_first:
            await super().subscribe(symbol, of_first)

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Unsubscribe from channels of a symbol."""
        of_first, of_second = _apart(channels)
        if of_second:
            await self._second.unsubscribe(symbol, of_second)
        if of_first:
            await super().unsubscribe(symbol, of_first)

    def on_reply(self, reply: Reply) -> None:
        """Handle the reply to a request on either connection."""
        # A refusal without a number is whose request waits.
        if reply.id > _FIRST_ID_OF_SECOND or not (reply.id or self._pending):
            self._second.on_reply(reply)
        else:
            super().on_reply(reply)

    async def close(self) -> None:
        """Close both connections and those of the history; calling it again does nothing."""
        await self._second.close()
        await super().close()


class _SecondStream(WebSocketFeed):
    """The connection on which quotes and depth come."""

    def __init__(self, first: TwoStreamFeed) -> None:
        super().__init__(first.backoff, first.timeouts, first._wall, first.liveness)
        self.max_frame_bytes = first.max_frame_bytes
        self._first = first
        self.is_wanted = asyncio.Event()
        # Replies of both connections come out of one decoder.
        self._last_id = _FIRST_ID_OF_SECOND

    @property
    def _name(self) -> str:
        return self._first._name

    async def open(self, symbols: Sequence[str]) -> None:
        """Do nothing: the symbols are looked up by the first."""

    async def endpoint(self) -> Endpoint:
        return self._first.stream_at(self._first.second_path)

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        self.is_wanted.set()
        await super().subscribe(symbol, channels)

    def tell_subscribed(self, symbol: str, why_refused: str) -> None:
        self._first.on_subscribed(symbol, "quotes and depth", why_refused)

    def on_stray_reply(self, reply: Reply) -> None:
        self._first.on_stray_reply(reply)

    def heartbeat(self) -> str | None:
        return self._first.heartbeat()

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        return self._first.encode_request(op, request_id, fields)

    async def send_subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        await self._subscribe([symbol], channels)

    async def send_unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        await self._first.ask_on(self, [self._first.listed(symbol)], channels, on=False)

    async def send_subscriptions(self, wanted: Mapping[str, tuple[Channel, ...]]) -> list[str]:
        return await in_one_go(wanted, self._subscribe, super().send_subscriptions)

    async def _subscribe(self, symbols: Sequence[str], channels: Sequence[Channel]) -> None:
        listed = [self._first.listed(symbol) for symbol in symbols]
        await self._first.ask_on(self, listed, channels, on=True)


class _OneStatus:
    """Tells of two connections as of one: lost where trades are, stale where quotes and depth are."""

    def __init__(self, on_status: OnStatus) -> None:
        self._on_status = on_status
        self._is_up = False
        self._lost = ""
        self._refused = ""

    def of_first(self, status: str, detail: str) -> None:
        self._is_up = status in ("connected", "reconnected")
        refused = self._refused if self._is_up else ""
        self._on_status(status, "; ".join(filter(None, (detail, refused))))
        if self._is_up and self._lost:
            self._on_status("stale", self._lost)

    def of_second(self, status: str, detail: str) -> None:
        if status in ("connected", "reconnected"):
            was_lost, self._lost = self._lost, ""
            # What is refused of a connection that is there, its detail says.
            self._refused = detail
            if self._is_up and (was_lost or detail):
                words = "quotes and depth are back" if was_lost else "quotes and depth"
                self._on_status("connected", f"{words}{': ' * bool(detail)}{detail}")
        elif status in ("disconnected", "stale") or (status == "closed" and detail):
            self._lost = f"no quotes and no depth: {detail}"
            if self._is_up:
                self._on_status("stale", self._lost)


def _failure(second: asyncio.Task[None]) -> BaseException | None:
    """Return what ended a connection, where that is no FeedError, of which a status has told."""
    error = second.exception() if second.done() and not second.cancelled() else None
    return None if isinstance(error, FeedError) else error


def _apart(channels: Sequence[Channel]) -> tuple[list[Channel], list[Channel]]:
    of_first: list[Channel] = []
    of_second: list[Channel] = []
    for channel in check_channels(channels):
        (of_second if channel in ("quotes", "depth") else of_first).append(channel)
    return of_first, of_second
