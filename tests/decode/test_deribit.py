"""Deribit's decoder against frames of a recording, and ones written from the documentation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import MS, NS, Case, check_case, frame
from tests.venues.recordings import samples

NAN = math.nan
TRADE = {"trade_seq": 7, "trade_id": "ETH-34066960", "timestamp": MS, "tick_direction": 0, "price": 2.5}
TRADE |= {
    "mark_price": 2.4,
    "instrument_name": "A-P",
    "index_price": 2.4,
    "direction": "sell",
    "amount": 10.0,
}
ROW = (NS, 2.5, 10.0, 1, -1, 7)
BEST = {"instrument_name": "A-P", "timestamp": MS, "best_bid_price": 1, "best_bid_amount": 2}
BEST |= {"best_ask_price": 3, "best_ask_amount": 4}
BOOK = {"type": "snapshot", "timestamp": MS, "instrument_name": "A-P", "change_id": 7}
BOOK |= {"bids": [["new", 1, 2]], "asks": [["new", 3, 4]]}
CANDLE = {"tick": 60_000, "open": 1, "high": 3, "low": 0.5, "close": 2, "volume": 9, "cost": 18}


def sent(channel: str, data: Any) -> str:
    return frame(jsonrpc="2.0", method="subscription", params={"channel": channel, "data": data})


def test_captured_trades() -> None:
    kept = [s for s in samples() if (s["dialect"], s["kind"]) == ("deribit", "trades")]
    batch = decoder("deribit").feed([sample["frame"] for sample in kept])
    expected: dict[str, list[Any]] = {}
    for trade in (t for sample in kept for t in json.loads(sample["frame"])["params"]["data"]):
        side = {"buy": 1, "sell": -1}[trade["direction"]]
        row = (trade["timestamp"] * 10**6, trade["price"], trade["amount"], 1, side, trade["trade_seq"])
        expected.setdefault(trade["instrument_name"], []).append(row)
    assert batch.trades == expected
    assert batch.malformed == []
    assert {name: len(rows) for name, rows in expected.items()} == {"BTC-26MAR21": 1, "ETH-PERPETUAL": 2}


def test_the_changes_of_a_book_follow_each_other() -> None:
    change = BOOK | {"type": "change", "change_id": 9, "prev_change_id": 7, "bids": [["delete", 1, 0.0]]}
    batch = decoder("deribit").feed([sent("book.A-P.raw", BOOK), sent("book.A-P.100ms", change)])
    first, second = batch.depth["A-P"]
    assert (first.snapshot, first.previous_id, first.last_id) == (True, -1, 7)
    assert (second.snapshot, second.previous_id, second.last_id, second.bids) == (False, 7, 9, [(1.0, 0.0)])


CASES: list[Case] = [
    (
        [sent("trades.A-P.raw", [TRADE, TRADE | {"trade_seq": 8, "direction": "buy"}])],
        {"trades": {"A-P": [ROW, (*ROW[:4], 1, 8)]}, "clock": NS},
    ),
    # What an option's, a liquidation's and a block's have beside; all of a currency in one channel.
    (
        [
            sent(
                "trades.option.ETH.100ms",
                [
                    TRADE | {"iv": 80.1, "contracts": 1.0, "liquidation": "MT"},
                    TRADE | {"instrument_name": "B-P", "block_trade_id": "5"},
                ],
            )
        ],
        {"trades": {"A-P": [ROW], "B-P": [ROW]}, "clock": NS},
    ),
    (
        [sent("trades.A-P.raw", [TRADE | {"price": "x"}, TRADE])],
        {"trades": {"A-P": [ROW]}, "clock": NS, "malformed": ["wrong shape at $.price"]},
    ),
    ([sent("trades.A-P.raw", [])], {"control": 1}),
    (
        [sent("ticker.A-P.raw", BEST | {"stats": {"low": None}, "state": "open"}), sent("quote.A-P", BEST)],
        {"quotes": {"A-P": [(NS, 1.0, 2.0, 3.0, 4.0)] * 2}, "clock": NS},
    ),
    # A side in which nobody is.
    (
        [
            sent("ticker.A-P.raw", BEST | {"best_bid_price": 0.0, "best_bid_amount": 0.0}),
            sent("quote.A-P", BEST | {"best_ask_price": None, "best_ask_amount": None}),
        ],
        {"quotes": {"A-P": [(NS, NAN, NAN, 3.0, 4.0), (NS, 1.0, 2.0, NAN, NAN)]}, "clock": NS},
    ),
    (
        [
            sent("book.A-P.raw", BOOK),
            sent("book.A-P.raw", BOOK | {"type": "change", "asks": [["change", 3, 5], ["delete", 4, 0]]}),
        ],
        {
            "depth": {
                "A-P": [
                    (NS, True, [(1.0, 2.0)], [(3.0, 4.0)]),
                    (NS, False, [(1.0, 2.0)], [(3.0, 5.0), (4.0, 0.0)]),
                ]
            },
            "clock": NS,
            "numbers": {"A-P": [(-1, 7, -1), (-1, 7, -1)]},
        },
    ),
    (
        [
            sent(
                "book.A-P.none.10.100ms",
                {
                    "timestamp": MS,
                    "instrument_name": "A-P",
                    "change_id": 7,
                    "bids": [[1, 2]],
                    "asks": [[3, 4]],
                },
            )
        ],
        {
            "depth": {"A-P": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]},
            "clock": NS,
            "numbers": {"A-P": [(-1, 7, -1)]},
        },
    ),
    (
        [sent("chart.trades.A-P.1", CANDLE), sent("chart.trades.A-P.1", CANDLE | {"tick": 120_000})],
        {
            "bars": {
                ("A-P", "1min"): [
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), False),
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), True),
                    ((120 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), False),
                ]
            }
        },
    ),
    (
        [sent("chart.trades.A-P.1D", CANDLE)],
        {"bars": {("A-P", "1day"): [((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), False)]}},
    ),
    (
        [
            frame(jsonrpc="2.0", method="heartbeat", params={"type": "test_request"}),
            sent("deribit_price_index.btc_usd", {"price": 1}),
            sent("platform_state", {"locked": False}),
        ],
        {"control": 3},
    ),
    (
        [
            frame(jsonrpc="2.0", id=5, result=["trades.A-P.raw"], usIn=1, usOut=2, usDiff=1, testnet=False),
            frame(jsonrpc="2.0", id=6, error={"message": "Invalid params", "code": -32602}),
            frame(jsonrpc="2.0", id="seven", result="ok"),
        ],
        {"replies": [(5, True, ""), (6, False, "Invalid params"), (0, True, "")], "control": 3},
    ),
    ([sent("gossip.A-P", {})], {"malformed": ["unknown channel"]}),
    ([sent("chart.gossip.A-P.1", CANDLE)], {"malformed": ["unknown channel"]}),
    ([frame(jsonrpc="2.0", method="gossip")], {"malformed": ["unknown message"]}),
    (
        [frame(jsonrpc="2.0", method="subscription", params={"channel": "ticker.A-P.raw"})],
        {"malformed": ["unknown message"]},
    ),
    ([sent("chart.trades..1", CANDLE)], {"malformed": ["unknown channel"]}),
    ([frame(id=5)], {"malformed": ["unknown message"]}),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("deribit", frames, expected)
