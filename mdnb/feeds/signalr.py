"""SignalR's JSON hub protocol over a WebSocket, the client's side of it.

Sources: dotnet/aspnetcore, ``src/SignalR/docs/specs/HubProtocol.md`` and ``TransportProtocols.md``.

* Each record is JSON and ends with the character 0x1E. A frame may hold several, and a record may go on in
  the next frame.
* The client speaks first (`HANDSHAKE`); the answer is ``{}``, or says what is wrong, and the first data may
  share its frame. A socket needs no negotiation before it.
* Whoever has nothing to say for 15 s sends a `PING`, which nobody answers; who hears nothing for 30 s hangs
  up.
* A record of type 7 says that the hub hangs up, why, and whether it is of use to come again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import msgspec

from mdnb.errors import FeedError, FeedRefusedError

__all__ = [
    "HANDSHAKE",
    "PING",
    "PING_SECONDS",
    "SEPARATOR",
    "TIMEOUT_SECONDS",
    "Hub",
    "invocation",
]

SEPARATOR = "\x1e"
"""Ends each record."""

HANDSHAKE = '{"protocol":"json","version":1}' + SEPARATOR
PING = '{"type":6}' + SEPARATOR
PING_SECONDS = 15.0
"""What both sides keep to by default."""

TIMEOUT_SECONDS = 30.0
"""Silence after which the other side counts as gone, by default."""

_MAX_RECORD = 2**20
_WORDS = 200


class _Record(msgspec.Struct):
    type: int = 0
    error: str | None = None
    allow_reconnect: bool = msgspec.field(name="allowReconnect", default=False)


_record = msgspec.json.Decoder(_Record).decode
_any = msgspec.json.Decoder().decode


def invocation(number: int, target: str, arguments: Sequence[object]) -> str:
    r"""Return a call of one of the hub's methods, which the hub answers under that number.

    Examples
    --------
    >>> invocation(7, "Subscribe", ["MNQ"])
    '{"type":1,"invocationId":"7","target":"Subscribe","arguments":["MNQ"]}\x1e'
    """
    call = {"type": 1, "invocationId": str(number), "target": target, "arguments": list(arguments)}
    return json.dumps(call, separators=(",", ":")) + SEPARATOR


class Hub:
    r"""What one connection to a hub is told, beside data: the answer to the handshake, and that it ends.

    Examples
    --------
    >>> hub = Hub()
    >>> hub.take('{}\x1e{"type":1,"target":"T","argu'), hub.take('ments":[]}\x1e{"type":6}\x1e')
    (['{}\x1e'], ['{"type":1,"target":"T","arguments":[]}\x1e{"type":6}\x1e'])
    """

    def __init__(self) -> None:
        self._rest = ""
        self._answered = asyncio.Event()
        self._ending: FeedError | None = None

    def begin(self) -> None:
        """Begin with a new connection: half a record of the last one is worth nothing."""
        self._rest = ""
        self._answered = asyncio.Event()
        self._ending = None

    async def answered(self) -> None:
        """Wait until the hub has taken the handshake."""
        await self._answered.wait()

    def take(self, frame: str | bytes) -> list[str | bytes]:
        """Return a frame's records, those alone that are whole; what is not waits for the next frame."""
        if not isinstance(frame, str):
            try:
                frame = str(frame, "utf-8")
            except UnicodeDecodeError:
                return [frame]
        out: list[str | bytes] = []
        if self._rest:
            out, frame = self._joined(frame)
        end = frame.rfind(SEPARATOR) + 1
        self._rest = frame[end:]
        if end:
            whole = frame[:end]
            out.append(whole)
            self._look_at(whole)
        return out

    def raise_where_closed(self) -> None:
        """Raise what the hub hung up for, once what it said before is handed on.

        Raises
        ------
        FeedRefusedError
            When it did not take the handshake, or is not to be called again.
        FeedError
            When it may be, or when a record has no end.
        """
        if len(self._rest) > _MAX_RECORD:
            raise FeedError(f"a record of the hub has more than {_MAX_RECORD} characters")
        if self._ending is not None:
            raise self._ending

    def _joined(self, frame: str) -> tuple[list[str | bytes], str]:
        """Return what the last frame left where that is refuse, and the frame with it where it is not."""
        rest, self._rest = self._rest, ""
        first, end, _ = frame.partition(SEPARATOR)
        if end and not _is_json(rest + first) and _is_json(first):
            return [rest], frame
        return [], rest + frame

    def _look_at(self, whole: str) -> None:
        for text in whole.split(SEPARATOR)[:-1]:
            if text.startswith('{"type":1,'):
                continue
            try:
                record = _record(text)
            except ValueError:
                # Refused where it is decoded, and counted there.
                continue
            if record.type == 0 and not self._answered.is_set():
                if record.error is None:
                    self._answered.set()
                else:
                    self._ending = FeedRefusedError(f"the hub refuses the handshake: {_words(record.error)}")
            elif record.type == 7:
                again = "" if record.allow_reconnect else " for good"
                kind = FeedError if record.allow_reconnect else FeedRefusedError
                self._ending = kind(f"the hub closes the connection{again}: {_words(record.error)}")


def _is_json(text: str) -> bool:
    try:
        _any(text)
    except (ValueError, RecursionError):
        return False
    return True


def _words(error: str | None) -> str:
    return " ".join((error or "it does not say why").split())[:_WORDS]
