"""Kraken Futures' decoder against frames of a recording, and ones written from the documentation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import MS, NS, Case, check_case, frame
from tests.venues.recordings import samples

NAN = math.nan
UID = "8b3e7e72-950c-4c4e-8ab8-24aebcab80d2"
TRADE = {"feed": "trade", "product_id": "PI_A", "uid": UID, "side": "sell", "type": "fill", "seq": 7}
TRADE |= {"time": MS, "qty": 15000.0, "price": 34969.5}
ROW = (NS, 34969.5, 15000.0, 1, -1, 7)
SECOND = 10**9


def level(price: float, size: float) -> dict[str, float]:
    return {"price": price, "qty": size}


def test_trades_of_the_recording() -> None:
    kept = [s for s in samples() if (s["dialect"], s["kind"]) == ("kraken_futures", "trades")]
    batch = decoder("kraken_futures").feed([sample["frame"] for sample in kept])
    trades = []
    for message in (json.loads(sample["frame"]) for sample in kept):
        held = message["trades"] if message["feed"] == "trade_snapshot" else [message]
        trades += sorted(held, key=lambda trade: trade["seq"])
    assert len(trades) == 4
    sides = {"buy": 1, "sell": -1}
    assert batch.trades["FI_BCHUSD_210730"] == [
        (t["time"] * 10**6, t["price"], t["qty"], 1, sides[t["side"]], t["seq"]) for t in trades
    ]
    # Contiguous within the snapshot, which tells the newest first; the last is one of it.
    assert [row[5] for row in batch.trades["FI_BCHUSD_210730"]] == [1485, 1486, 1487, 1487]


def test_a_book_is_numbered_update_by_update() -> None:
    change = {"feed": "book", "product_id": "PI_A", "side": "buy", "price": 1.0, "qty": 2.0, "timestamp": MS}
    book = {"feed": "book_snapshot", "product_id": "PI_A", "timestamp": MS, "seq": 6, "bids": [], "asks": []}
    batch = decoder("kraken_futures").feed([frame(**book), frame(**change, seq=7), frame(**change, seq=8)])
    numbers = [(update.previous_id, update.last_id) for update in batch.depth["PI_A"]]
    assert numbers == [(-1, 6), (6, 7), (7, 8)]


CASES: list[Case] = [
    ([frame(**TRADE)], {"trades": {"PI_A": [ROW]}, "clock": NS}),
    (
        [frame(**TRADE | {"side": "buy", "type": "liquidation"})],
        {"trades": {"PI_A": [(*ROW[:4], 1, 7)]}, "clock": NS},
    ),
    # In another order of keys.
    ([frame(**dict(reversed(TRADE.items())))], {"trades": {"PI_A": [ROW]}, "clock": NS}),
    (
        [
            frame(
                feed="trade_snapshot",
                product_id="PI_A",
                trades=[TRADE | {"seq": 9}, TRADE | {"price": "x"}, TRADE | {"seq": 8}, TRADE],
            )
        ],
        {
            "trades": {"PI_A": [ROW, (*ROW[:5], 8), (*ROW[:5], 9)]},
            "clock": NS,
            "malformed": ["wrong shape at $.price"],
        },
    ),
    ([frame(feed="trade_snapshot", product_id="PI_A", trades=[])], {"control": 1}),
    (
        [
            frame(
                feed="book_snapshot",
                product_id="PI_A",
                timestamp=MS,
                seq=6,
                tickSize=None,
                bids=[level(1, 2)],
                asks=[level(3, 4), level(5, 6)],
            ),
            frame(feed="book", product_id="PI_A", side="sell", seq=7, price=3, qty=0.0, timestamp=MS + 1),
        ],
        {
            "depth": {
                "PI_A": [
                    (NS, True, [(1.0, 2.0)], [(3.0, 4.0), (5.0, 6.0)]),
                    (NS + 10**6, False, [], [(3.0, 0.0)]),
                ]
            },
            "clock": NS + 10**6,
            "numbers": {"PI_A": [(-1, 6, -1), (6, 7, -1)]},
        },
    ),
    (
        [frame(time=MS, feed="ticker", product_id="PI_A", bid=1, ask=3, bid_size=2, ask_size=4, last=2)],
        {"quotes": {"PI_A": [(NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": NS},
    ),
    ([frame(time=MS, feed="ticker", product_id="PI_A", last=2)], {"control": 1}),
    (
        [frame(feed="ticker", product_id="PI_A", bid=1, bid_size=2, time=MS)],
        {"quotes": {"PI_A": [(NS, 1.0, 2.0, NAN, NAN)]}, "clock": NS},
    ),
    (
        [frame(feed="ticker_lite", product_id="PI_A", bid=1, ask=3, tag="perpetual")],
        {"quotes": {"PI_A": [(0, 1.0, NAN, 3.0, NAN)]}},
    ),
    ([frame(feed="heartbeat", time=MS), frame(event="info", version=1)], {"control": 2}),
    (
        [
            frame(event="subscribed", feed="trade", product_ids=["PI_A"]),
            frame(event="unsubscribed", feed="trade", product_ids=["PI_A"]),
            frame(event="challenge", message="a"),
            frame(event="subscribed_failed", feed="trade", product_ids=["PI_B"]),
            frame(event="error", message="Invalid product id"),
            frame(event="alert", message="Bad websocket message"),
        ],
        {
            "replies": [
                *[(0, True, ""), (0, True, ""), (0, False, "")],
                *[(0, False, "Invalid product id"), (0, False, "Bad websocket message")],
            ],
            "control": 6,
        },
    ),
    ([frame(feed="gossip")], {"malformed": ["unknown feed"]}),
    ([frame(event="gossip")], {"malformed": ["unknown event"]}),
    ([frame(some="thing")], {"malformed": ["unknown message"]}),
    ([frame(**TRADE | {"side": "hold"})], {"malformed": ["wrong shape at $.side"]}),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("kraken_futures", frames, expected)
