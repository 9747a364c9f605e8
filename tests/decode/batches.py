"""Frames by hand and what holds for any of them: the whole batch, the clock, a key that stands twice."""

from __future__ import annotations

import json
from typing import Any

from mdnb.decode import decoder
from mdnb.rows import Batch

__all__ = ["ISO", "ISO_NS", "MS", "NS", "Case", "check_case", "frame", "objects_of", "told"]

MS = 1_700_000_000_123
NS = MS * 1_000_000
ISO, ISO_NS = "2023-11-14T22:13:20.123456Z", 1_700_000_000_123_456_000

Case = tuple[list[str], dict[str, Any]]
"""Frames that are read together, and all of their batch that is not empty, as `told` has it."""


def told(batch: Batch) -> dict[str, Any]:
    """Return all of a batch that is not empty."""
    read = {
        symbol: [update for update in updates if not update.is_torn]
        for symbol, updates in batch.depth.items()
    }
    depth = {
        symbol: [(update.ts_ns, update.snapshot, update.bids, update.asks) for update in updates]
        for symbol, updates in read.items()
        if updates
    }
    numbers = {
        symbol: [(update.previous_id, update.last_id, update.checksum) for update in updates]
        for symbol, updates in read.items()
        if updates
    }
    unnumbered = {(-1, -1, -1)}
    replies = [(reply.id, reply.ok, reply.error) for reply in batch.replies]
    found = {
        "trades": batch.trades,
        "quotes": batch.quotes,
        "depth": depth,
        "torn": [symbol for symbol, updates in batch.depth.items() if updates != read[symbol]],
        "numbers": {symbol: said for symbol, said in numbers.items() if set(said) != unnumbered},
        "bars": batch.bars,
        "replies": replies,
        "control": batch.control,
        "clock": batch.clock_ns,
        "malformed": batch.malformed,
    }
    return {name: value for name, value in found.items() if value}


def frame(**fields: Any) -> str:
    """Return a message as venues write it, without blanks."""
    return json.dumps(fields, separators=(",", ":"))


def objects_of(value: Any) -> list[dict[str, Any]]:
    """Return each object in a message that has a key."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [one for held in inner for one in objects_of(held)]
    return [value, *found] if isinstance(value, dict) and value else found


def check_case(dialect: str, frames: list[str], expected: dict[str, Any]) -> None:
    """Hold that frames make this batch and nothing else, and what holds for each frame."""
    for given in (frames, [text.encode() for text in frames]):
        batch = decoder(dialect).feed(given)
        # As text, for nan is not equal to itself.
        assert {name: repr(value) for name, value in told(batch).items()} == {
            name: repr(value) for name, value in expected.items()
        }
        assert batch.frames == len(frames)
    # A clock that is ahead does not go back.
    made = decoder(dialect)
    ahead = [text.replace("1700000000", "1800000000").replace("2023-11-14", "2033-11-14") for text in frames]
    assert made.feed([*ahead, *frames]).clock_ns == made.feed(ahead).clock_ns
    for text in frames if "malformed" not in expected else ():
        if not text.startswith(("{", "[")):
            continue
        for at in range(len(objects_of(json.loads(text)))):
            value = json.loads(text)
            one = objects_of(value)[at]
            name = next(iter(one))
            one["\x00"] = one[name]
            twice = json.dumps(value, separators=(",", ":")).replace("\\u0000", name)
            assert set(decoder(dialect).feed([twice]).malformed) == {"duplicate key"}, twice
