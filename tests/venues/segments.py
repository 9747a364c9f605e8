"""A transport that cuts what is written as it likes: a few bytes at a time, or much of it at once."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, Literal

__all__ = ["Cut", "SegmentedTransport"]

Cut = Literal["whole", "split", "merge"]


class SegmentedTransport:
    """Passes bytes on to a transport, in order.

    Parameters
    ----------
    transport
        Of a connection; what is not about writing is asked of it.

    Attributes
    ----------
    cut
        ``whole``: as they are written; ``split``: some bytes at a time; ``merge``: not before `flush`.
    """

    def __init__(self, transport: Any) -> None:
        self.cut: Cut = "whole"
        self._transport = transport
        self._waiting = bytearray()
        self._sending: asyncio.Task[None] | None = None

    def write(self, data: bytes) -> None:
        """Send bytes, now or later."""
        if self.cut == "whole" and not self._waiting:
            self._transport.write(data)
            return
        self._waiting += data
        if self.cut != "merge" and self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        for size in itertools.cycle((1, 7, 2, 5, 3)):
            if not self._waiting:
                break
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._transport.write(piece)
            # The other end, which may be on this loop, reads what has come so far.
            await asyncio.sleep(0)
        self._sending = None

    def flush(self) -> None:
        """Send what waits, in one piece."""
        held = bytes(self._waiting)
        self._waiting.clear()
        if held:
            self._transport.write(held)

    def write_eof(self) -> None:
        """Send what waits, and the end."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what waits, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close, and send nothing more."""
        self._waiting.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
