"""An HTTP server on a real socket that answers as a test says, a POST, too."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

__all__ = ["HttpAnswer", "HttpRequest", "RestServer", "serving"]


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """What a client sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclasses.dataclass(frozen=True)
class HttpAnswer:
    """What it is sent."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


Handler = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class RestServer:
    """Answers requests on loopback.

    Parameters
    ----------
    handler
        Answers.
    tls
        What it has of TLS; by default none.

    Attributes
    ----------
    requests
        What was asked, in order.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.requests: list[HttpRequest] = []
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where to ask."""
        assert self._server is not None
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def listen(self) -> None:
        """Accept clients."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)

    async def close(self) -> None:
        """Accept nobody, and end the connections that are open."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for client in list(self._open):
                client.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.current_task()
        assert client is not None
        self._open.add(client)
        try:
            # The client is the one under test: that it left is no news here.
            with contextlib.suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
                connection = h11.Connection(h11.SERVER)
                while (request := await _read(connection, reader)) is not None:
                    self.requests.append(request)
                    answer = await self._handler(request)
                    writer.write(_written(connection, answer))
                    await writer.drain()
                    connection.start_next_cycle()
        finally:
            self._open.discard(client)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> HttpRequest | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            parts = urlsplit(head.target.decode())
            headers = {name.decode().lower(): value.decode() for name, value in head.headers}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            return HttpRequest(head.method.decode(), unquote(parts.path), query, headers, body)
        else:
            return None


def _written(connection: h11.Connection, answer: HttpAnswer) -> bytes:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(answer.body)), **answer.headers}
    response = h11.Response(status_code=answer.status, headers=list(headers.items()))
    parts = [response, h11.Data(answer.body), h11.EndOfMessage()]
    return b"".join(sent for part in parts if (sent := connection.send(part)) is not None)


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[RestServer]:
    """Serve as long as the block runs."""
    server = RestServer(handler)
    await server.listen()
    try:
        yield server
    finally:
        await server.close()
