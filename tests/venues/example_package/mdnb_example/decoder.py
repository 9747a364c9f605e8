"""The venue's frames become rows: ``{"type":"trade","symbol":...,"id":...,"ns":...,"price":...,...}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.rows import Batch, Reply

__all__ = ["Decoder", "Trade"]


class Trade(msgspec.Struct, tag="trade"):
    """A trade, in frames and in the answers of the history."""

    symbol: str
    id: int
    ns: int
    price: float
    size: float
    side: Literal["buy", "sell"]

    def row(self) -> tuple[int, float, float, int, int, int]:
        """Return it as mdnb has trades."""
        return self.ns, self.price, self.size, 1, 1 if self.side == "buy" else -1, self.id


class _Answer(msgspec.Struct, tag="answer"):
    id: int
    error: str = ""


class _Beat(msgspec.Struct, tag="beat"):
    ns: int


_decode = msgspec.json.Decoder(Trade | _Answer | _Beat).decode


class Decoder:
    """Decodes the venue's frames; raises nothing."""

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        batch = Batch()
        batch.frames = len(frames)
        for frame in frames:
            try:
                message = _decode(frame)
            except ValueError:
                batch.refuse("not understood", frame)
                continue
            if isinstance(message, Trade):
                batch.trades.setdefault(message.symbol, []).append(message.row())
                batch.clock_ns = max(batch.clock_ns, message.ns)
            elif isinstance(message, _Answer):
                batch.control += 1
                batch.replies.append(Reply(message.id, not message.error, message.error))
            else:
                batch.control += 1
                batch.clock_ns = max(batch.clock_ns, message.ns)
        return batch
