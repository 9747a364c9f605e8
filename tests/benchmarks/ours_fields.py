"""mdnb's side of the measurement of fields that a venue has added: a trade's frame with and without one."""

from __future__ import annotations

import json
import time
from typing import Any

from mdnb.decode import decoder
from tests.venues.recordings import samples

__all__ = ["MEASURES", "VENUES", "decode", "grown", "trade_frame"]

_TURN = 100
_PRICES = ("price", "p", "px")
_NEW = {"brandNew": 1}


def trade_frame(dialect: str) -> str:
    """Return a frame of one trade or few, as the venue writes it."""
    return next(s["frame"] for s in samples() if (s["dialect"], s["kind"]) == (dialect, "trades"))


VENUES = tuple(
    dict.fromkeys(s["dialect"] for s in samples() if s["kind"] == "trades" and s["dialect"] != "kraken_v1")
)
"""Those whose trades are objects: an array has no names to add one to."""


def grown(frame: str) -> str:
    """Return the frame with a field that nobody knows in each trade."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(held) for held in value]
        if not isinstance(value, dict):
            return value
        more = _NEW if any(name in value for name in _PRICES) else {}
        return {name: walk(held) for name, held in value.items()} | more

    return json.dumps(walk(json.loads(frame)), separators=(",", ":"))


def decode(dialect: str, count: int, *, unknown: bool) -> dict[str, Any]:
    """Decode so many frames, a hundred at a time, and hold the rows against those of the frame as it was."""
    frame = trade_frame(dialect)
    frames = [grown(frame) if unknown else frame] * _TURN
    want = decoder(dialect).feed([frame] * _TURN)
    made = decoder(dialect)
    turns = max(1, count // _TURN)
    started = time.process_time()
    for _ in range(turns):
        batch = made.feed(frames)
    seconds = time.process_time() - started
    right = batch.trades == want.trades and not batch.malformed
    return {"seconds": seconds, "count": turns * _TURN, "wrong": "" if right else "other trades"}


MEASURES = {"decode": decode}
