"""Bybit's decoder against a recording of before version 5, parsed by the standard library."""

from __future__ import annotations

import re
import uuid

from mdnb.decode import decoder
from tests.venues.recordings import frames, parsed

NAME = "bybit_old_a"


def test_trades_are_those_of_the_recording() -> None:
    batch = decoder("bybit").feed(frames(NAME))
    expected: dict[str, list[object]] = {}
    for message in parsed(NAME):
        if message.get("topic", "").startswith("trade."):
            for t in message["data"]:
                row = (
                    t["trade_time_ms"] * 10**6,
                    float(t["price"]),
                    float(t["size"]),
                    1,
                    {"Buy": 1, "Sell": -1}[t["side"]],
                    uuid.UUID(t["trade_id"]).int >> 65,
                )
                expected.setdefault(t["symbol"], []).append(row)
    rows = [row for held in expected.values() for row in held]
    assert batch.malformed == []
    assert batch.trades == expected
    assert (len(rows), len({row[5] for row in rows})) == (150, 150)
    assert batch.control == 4


def test_what_is_not_used_may_be_missing() -> None:
    # USDT contracts had no `cross_seq`.
    whole = decoder("bybit").feed(frames(NAME))
    without = [
        re.sub(r',"(?:cross_seq":\d+|tick_direction":"\w+"|timestamp":"[^"]+")', "", frame)
        for frame in frames(NAME)
    ]
    batch = decoder("bybit").feed([frame for frame in without if frame.startswith('{"topic":"trade.')])
    assert batch.malformed == []
    assert batch.trades == whole.trades


def test_books() -> None:
    batch = decoder("bybit").feed(frames(NAME))
    messages = [m for m in parsed(NAME) if m.get("topic", "").startswith("orderBook")]
    assert sum(len(updates) for updates in batch.depth.values()) == len(messages) == 1018
    for symbol, updates in batch.depth.items():
        for update, m in zip(updates, [m for m in messages if m["topic"].endswith(symbol)], strict=True):
            data = m["data"]
            levels = data if m["type"] == "snapshot" else data["update"] + data["insert"]
            removed = [] if m["type"] == "snapshot" else data["delete"]
            for side, held in (("Buy", update.bids), ("Sell", update.asks)):
                expected = [(float(level["price"]), 0.0) for level in removed if level["side"] == side]
                expected += [(float(x["price"]), float(x["size"])) for x in levels if x["side"] == side]
                assert held == expected
            assert (update.ts_ns, update.snapshot) == (m["timestamp_e6"] * 1000, m["type"] == "snapshot")


def test_snapshot_of_linear_contracts() -> None:
    frame = (
        '{"topic":"orderBookL2_25.BTCUSDT","type":"snapshot","data":{"order_book":[{"price":"1.5","symbol":"BTCUSDT",'
        '"id":"15","side":"Sell","size":2.5}]},"cross_seq":"1","timestamp_e6":"1618677786598877"}'
    )
    (update,) = decoder("bybit").feed([frame]).depth["BTCUSDT"]
    assert (update.ts_ns, update.snapshot, update.asks) == (1618677786598877000, True, [(1.5, 2.5)])


def test_refusal() -> None:
    frame = '{"success":false,"ret_msg":"error:topic:x is not exist","conn_id":"1","request":{}}'
    (reply,) = decoder("bybit").feed([frame]).replies
    assert (reply.ok, reply.error) == (False, "error:topic:x is not exist")


def test_snapshot_of_inverse_contracts() -> None:
    frame = (
        '{"topic":"orderBookL2_25.BTCUSD","type":"snapshot","data":[{"price":"1.5","symbol":"BTCUSD",'
        '"id":15000,"side":"Buy","size":4}],"cross_seq":1,"timestamp_e6":1618677786598877}'
    )
    (update,) = decoder("bybit").feed([frame]).depth["BTCUSD"]
    assert (update.ts_ns, update.snapshot, update.bids) == (1618677786598877000, True, [(1.5, 4.0)])


def test_a_book_of_no_contract_is_refused() -> None:
    frames_ = [f'{{"topic":"orderBookL2_25.{name}","type":"delta"}}' for name in ("", "X" * 65)]
    batch = decoder("bybit").feed(frames_)
    assert (batch.depth, batch.malformed) == ({}, ["unknown topic"] * 2)
