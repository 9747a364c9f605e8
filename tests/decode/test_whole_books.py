"""A whole order book replaces the one held, a change does not: by channel, as the venues document it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mdnb.decode import decoder

BIDS, ASKS = [["100.5", "1"], ["100", "2"]], [["101", "3"]]
MS = 1_700_000_000_000


def gateio(channel: str, **result: Any) -> Any:
    return {
        "time": MS // 1000,
        "channel": channel,
        "event": "update",
        "result": {"t": MS, "s": "X", **result},
    }


def okx(channel: str, action: str = "") -> Any:
    row = {"asks": ASKS, "bids": BIDS, "ts": str(MS)}
    said = {"action": action} if action else {}
    return {"arg": {"channel": channel, "instId": "X"}, **said, "data": [row]}


def bybit(kind: str, number: int = 7) -> Any:
    data = {"s": "X", "b": BIDS, "a": ASKS, "u": number, "seq": 9}
    return {"topic": "orderbook.50.X", "type": kind, "ts": MS + 4, "data": data, "cts": MS}


def bitstamp(channel: str) -> Any:
    times = {"timestamp": str(MS // 1000), "microtimestamp": str(MS * 1000)}
    return {"data": {**times, "bids": BIDS, "asks": ASKS}, "channel": f"{channel}_X", "event": "data"}


def kraken_v1(*payload: dict[str, Any]) -> Any:
    return [42, *payload, "book-10", "X"]


def timed(levels: list[list[str]]) -> list[list[str]]:
    return [[*level, f"{MS // 1000}.000000"] for level in levels]


CASES: list[tuple[str, Any, bool, bool, bool]] = [
    ("gateio", gateio("spot.order_book", bids=BIDS, asks=ASKS), True, True, True),
    ("gateio", gateio("spot.order_book", bids=BIDS, asks=[]), True, True, False),
    ("gateio", gateio("spot.order_book_update", b=BIDS, a=ASKS), False, True, True),
    ("gateio", gateio("spot.order_book_update", b=BIDS), False, True, False),
    ("gateio", gateio("spot.order_book_update", full=False, b=BIDS, a=ASKS), False, True, True),
    # After a reconnect of its own the venue sends a whole book on the channel of changes.
    ("gateio", gateio("spot.order_book_update", full=True, b=BIDS, a=ASKS), True, True, True),
    ("gateio", gateio("spot.order_book_update", full=True, b=[], a=ASKS), True, False, True),
    ("okx", okx("books", "snapshot"), True, True, True),
    ("okx", okx("books", "update"), False, True, True),
    ("okx", okx("books-l2-tbt", "snapshot"), True, True, True),
    ("okx", okx("books50-l2-tbt", "update"), False, True, True),
    ("okx", okx("books5"), True, True, True),
    ("bybit", bybit("snapshot"), True, True, True),
    ("bybit", bybit("delta"), False, True, True),
    # Its service began anew.
    ("bybit", bybit("delta", 1), True, True, True),
    ("bitstamp", bitstamp("order_book"), True, True, True),
    ("bitstamp", bitstamp("detail_order_book"), True, True, True),
    ("bitstamp", bitstamp("diff_order_book"), False, True, True),
    ("kraken_v1", kraken_v1({"as": timed(ASKS), "bs": timed(BIDS)}), True, True, True),
    ("kraken_v1", kraken_v1({"b": timed(BIDS), "c": "1"}), False, True, False),
    ("kraken_v1", kraken_v1({"a": timed(ASKS)}, {"b": timed(BIDS), "c": "1"}), False, True, True),
    ("kraken_v1", kraken_v1({"as": timed(ASKS)}, {"bs": timed(BIDS)}), True, True, True),
    ("kraken_v1", kraken_v1({"as": timed(ASKS)}, {"b": timed(BIDS), "c": "1"}), True, True, True),
]


@pytest.mark.parametrize(("venue", "message", "whole", "bids", "asks"), CASES)
def test_a_book_is_whole_where_the_venue_means_it(
    venue: str, message: Any, whole: bool, bids: bool, asks: bool
) -> None:
    batch = decoder(venue).feed([json.dumps(message, separators=(",", ":"))])
    assert batch.malformed == []
    (update,) = batch.depth["X"]
    assert (update.snapshot, update.ts_ns) == (whole, MS * 10**6)
    assert update.bids == [(float(price), float(size)) for price, size in BIDS if bids]
    assert update.asks == [(float(price), float(size)) for price, size in ASKS if asks]
