"""A WebSocket server that does what a test tells it, connection by connection."""

from __future__ import annotations

import contextlib
import http
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from ssl import SSLContext

from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

__all__ = ["Act", "Refusal", "frames_of", "scripted"]

Act = Callable[[ServerConnection], Awaitable[None]]
Refusal = tuple[int, dict[str, str]]


async def frames_of(socket: ServerConnection) -> None:
    """Read until the client leaves."""
    async for _ in socket:
        pass


class Scripted:
    """What has been seen of the clients."""

    def __init__(self, server: Server, opened: list[Request]) -> None:
        self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.opened = opened


@contextlib.asynccontextmanager
async def scripted(acts: Sequence[Act | Refusal], ssl: SSLContext | None = None) -> AsyncIterator[Scripted]:
    """Serve one act for each connection, in order; the last one for all that follow.

    An act is a coroutine of the open socket, or an HTTP status with headers that refuses the handshake.
    """
    opened: list[Request] = []

    def act() -> Act | Refusal:
        return acts[min(len(opened), len(acts)) - 1]

    async def refuse(_: ServerConnection, request: Request) -> Response | None:
        opened.append(request)
        now = act()
        if callable(now):
            return None
        status, headers = now
        # One that stays open would be waited for until the client gives up.
        fields = Headers({"Content-Length": "0", "Connection": "close"} | headers)
        return Response(status, http.HTTPStatus(status).phrase, fields, b"")

    async def play(socket: ServerConnection) -> None:
        now = act()
        assert callable(now)
        # The client is the one under test: that it left is no news here.
        with contextlib.suppress(ConnectionClosed):
            await now(socket)

    async with serve(
        play, "127.0.0.1", 0, process_request=refuse, ping_interval=None, close_timeout=0.1, ssl=ssl
    ) as server:
        yield Scripted(server, opened)
