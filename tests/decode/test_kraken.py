"""Kraken v2's decoder against captured messages and ones written from the documentation."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from mdnb.decode import decoder
from mdnb.rows import Batch
from tests.venues.recordings import iso_ns, shared


def feed(*messages: object) -> Batch:
    return decoder("kraken").feed([json.dumps(message) for message in messages])


def trade(number: int, time: str = "2026-08-22T17:30:53.355059Z", **fields: object) -> dict[str, object]:
    made = {
        "symbol": "BTC/USD",
        "side": "buy",
        "price": 77120.1,
        "qty": 0.00048389,
        "ord_type": "limit",
        "trade_id": number,
        "timestamp": time,
    }
    return {**made, **fields}


def frame(*trades: dict[str, object], kind: str = "update") -> dict[str, object]:
    return {"channel": "trade", "type": kind, "data": list(trades)}


def candle(begin: str, close: float) -> dict[str, object]:
    row = {
        "symbol": "BTC/USD",
        "open": 1.0,
        "high": 3.0,
        "low": 0.5,
        "close": close,
        "trades": 2,
        "volume": 5.0,
        "vwap": 1.5,
        "interval_begin": begin,
        "interval": 1,
        "timestamp": "2026-08-22T17:31:00.000000Z",
    }
    return {"channel": "ohlc", "type": "update", "timestamp": "2026-08-22T17:30:30.5Z", "data": [row]}


def test_captured_trades() -> None:
    samples = [json.loads(line) for line in shared("wire_samples.jsonl").read_text().splitlines()]
    messages = [s["msg"] for s in samples if s["venue"] == "kraken_v2" and s["kind"].startswith("trade")]
    texts = [json.dumps(message, separators=(",", ":")) for message in messages]
    batch = decoder("kraken").feed(texts)
    expected: dict[str, list[object]] = {}
    for text in texts:
        for t in json.loads(text, parse_float=Decimal)["data"]:
            row = (iso_ns(t["timestamp"]), float(t["price"]), float(t["qty"]), 1, 1, t["trade_id"])
            expected.setdefault(t["symbol"], []).append(row)
    assert batch.malformed == []
    assert batch.trades == expected
    assert [row[5] for row in batch.trades["BTC/USDT"]] == [9622656, 9622657]


def test_several_trades_of_a_frame_keep_their_order_and_symbols() -> None:
    batch = feed(frame(trade(1), trade(2, side="sell"), trade(9, symbol="ETH/USD"), kind="snapshot"))
    assert [(row[4], row[5]) for row in batch.trades["BTC/USD"]] == [(1, 1), (-1, 2)]
    assert [row[5] for row in batch.trades["ETH/USD"]] == [9]


def test_a_bad_trade_does_not_cost_the_others() -> None:
    batch = feed(frame(trade(1), trade(2, price="nan"), trade(3, time="yesterday"), trade(4)))
    assert [row[5] for row in batch.trades["BTC/USD"]] == [1, 4]
    assert batch.malformed == ["wrong shape at $.price", "wrong time"]


def test_nanosecond_times_are_exact() -> None:
    batch = feed(frame(trade(1, "2026-08-22T17:30:53.123456789Z"), trade(2, "2026-08-22T19:30:53.5+02:00")))
    assert [row[0] for row in batch.trades["BTC/USD"]] == [
        iso_ns("2026-08-22T17:30:53.123456789"),
        iso_ns("2026-08-22T17:30:53.5"),
    ]


def test_a_candle_is_closed_by_the_next_one() -> None:
    made = decoder("kraken")
    begins = (
        "2026-08-22T17:30:00.000000000Z",
        "2026-08-22T17:30:00.000000000Z",
        "2026-08-22T17:31:00.000000000Z",
    )
    flags = []
    for begin, close in zip(begins, (1.5, 2.0, 2.5), strict=True):
        batch = made.feed([json.dumps(candle(begin, close))])
        flags.append([(row[4], closed) for row, closed in batch.bars["BTC/USD", "1min"]])
        assert batch.clock_ns == iso_ns("2026-08-22T17:30:30.5")
    assert flags == [[(1.5, False)], [(2.0, False)], [(2.0, True), (2.5, False)]]


def test_minutes_become_our_names() -> None:
    for minutes, name in ((1, "1min"), (60, "1hour"), (240, "4hour"), (1440, "1day"), (10080, "7day")):
        message = candle("2026-08-22T17:30:00Z", 1.0)
        message["data"][0]["interval"] = minutes  # type: ignore[index]
        assert list(feed(message).bars) == [("BTC/USD", name)]


def test_ticker_and_book() -> None:
    levels = {"bids": [{"price": 1.0, "qty": 2.0}], "asks": [{"price": 3.0, "qty": 0.0}]}
    book = {"symbol": "BTC/USD", **levels, "checksum": 1, "timestamp": "2026-08-22T17:30:53.355059Z"}
    whole = {"symbol": "BTC/USD", **levels, "checksum": 1}
    ticker = {"symbol": "BTC/USD", "bid": 1.0, "bid_qty": 2.0, "ask": 3.0, "ask_qty": 4.0, "last": 1.0}
    batch = feed(
        {"channel": "book", "type": "snapshot", "data": [whole]},
        {"channel": "book", "type": "update", "data": [book]},
        {"channel": "ticker", "type": "update", "data": [ticker]},
    )
    assert batch.malformed == []
    assert [(u.ts_ns, u.snapshot) for u in batch.depth["BTC/USD"]] == [
        (0, True),
        (iso_ns("2026-08-22T17:30:53.355059"), False),
    ]
    assert batch.depth["BTC/USD"][1].asks == [(3.0, 0.0)]
    assert batch.quotes["BTC/USD"] == [(0, 1.0, 2.0, 3.0, 4.0)]


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({"method": "subscribe", "success": True, "result": {}, "req_id": 3}, (3, True, "")),
        (
            {"method": "subscribe", "success": False, "error": "Currency pair not supported XX", "req_id": 4},
            (4, False, "Currency pair not supported XX"),
        ),
        ({"method": "pong", "req_id": 5}, (5, True, "")),
    ],
)
def test_replies(message: dict[str, object], reply: tuple[int, bool, str]) -> None:
    batch = feed(message)
    assert [(made.id, made.ok, made.error) for made in batch.replies] == [reply]
    assert batch.control == 1


def test_heartbeats_status_and_unknown_channels() -> None:
    batch = feed(
        {"channel": "heartbeat"}, {"channel": "status", "type": "update", "data": [{}]}, {"channel": "new"}
    )
    assert (batch.control, batch.malformed) == (2, ["unknown channel"])
