"""KuCoin's decoder against frames of a recording, and ones written from the documentation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import MS, NS, Case, check_case, frame
from tests.venues.recordings import samples

NAN = math.nan
TRADE = {"symbol": "A-B", "sequence": "7", "side": "buy", "size": "0.5", "price": "2.5", "time": f"{NS + 9}"}
TRADE |= {"takerOrderId": "x", "makerOrderId": "y", "tradeId": "6057bb822e113d292396c272", "type": "match"}
ROW = (NS + 9, 2.5, 0.5, 1, 1, 7)


def message(topic: str, data: Any, subject: str = "trade.l3match", **more: Any) -> str:
    return frame(type="message", topic=topic, subject=subject, **more, data=data)


def test_trades_of_today_and_of_2021() -> None:
    kept = [s for s in samples() if (s["dialect"], s["kind"]) == ("kucoin", "trades")]
    batch = decoder("kucoin").feed([sample["frame"] for sample in kept])
    trades = [json.loads(sample["frame"])["data"] for sample in kept]
    assert len(trades) == 2
    sides = {"buy": 1, "sell": -1}
    assert batch.trades == {
        "BTC-USDT": [
            (int(t["time"]), float(t["price"]), float(t["size"]), 1, sides[t["side"]], int(t["sequence"]))
            for t in trades
        ]
    }
    # To the nanosecond, which no float holds.
    assert batch.trades["BTC-USDT"][0][0] == 1616362370760468781


def test_the_changes_of_a_book_are_numbered() -> None:
    kept = [s["frame"] for s in samples() if (s["dialect"], s["kind"]) == ("kucoin", "depth")]
    batch = decoder("kucoin").feed(kept)
    numbers = [(update.previous_id, update.last_id) for update in batch.depth["BCHSV-USDT"]]
    assert numbers == [(1613277183874, 1613277183875), (1613277183875, 1613277183876)]
    # The second is a level at the price 0: it moves the number alone.
    assert [(update.bids, update.asks) for update in batch.depth["BCHSV-USDT"]] == [
        ([], [(244.351, 150.0)]),
        ([], []),
    ]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_a_book_may_tell_its_time_in_any_unit(unit: int) -> None:
    data = {"symbol": "A-B", "sequenceStart": 7, "sequenceEnd": 8, "changes": {"asks": [], "bids": []}}
    batch = decoder("kucoin").feed([message("/market/level2:A-B", data | {"time": NS // unit})])
    assert [update.ts_ns for update in batch.depth["A-B"]] == [NS]


CANDLE = ["60", "1", "2", "3", "0.5", "9", "18"]

CASES: list[Case] = [
    ([message("/market/match:A-B", TRADE)], {"trades": {"A-B": [ROW]}, "clock": NS + 9}),
    # With what today's messages have beside, and what they lack; in another order.
    (
        [
            frame(
                data=TRADE | {"side": "sell"},
                subject="s",
                topic="/market/match:A-B",
                type="message",
                sn=1,
                id="5",
            ),
            message("/market/match:A-B", {name: TRADE[name] for name in list(TRADE)[:6]}),
        ],
        {"trades": {"A-B": [(*ROW[:4], -1, 7), ROW]}, "clock": NS + 9},
    ),
    ([message("/market/match:A-B", TRADE | {"price": "x"})], {"malformed": ["wrong shape at $.data.price"]}),
    ([message("/market/match:A-B", TRADE | {"time": "0"})], {"malformed": ["wrong time"]}),
    (
        [
            message(
                "/market/ticker:A-B",
                {
                    "bestBid": "1",
                    "bestBidSize": "2",
                    "bestAsk": "3",
                    "bestAskSize": "4",
                    "time": MS,
                    "price": "2",
                },
                "trade.ticker",
            ),
            message("/market/ticker:all", {"bestBid": "1", "bestAsk": None, "time": MS}, "C-D"),
        ],
        {"quotes": {"A-B": [(NS, 1.0, 2.0, 3.0, 4.0)], "C-D": [(NS, 1.0, NAN, NAN, NAN)]}, "clock": NS},
    ),
    ([message("/market/ticker:A-B", {"bestBid": None, "bestAsk": None, "time": MS})], {"control": 1}),
    ([message("/market/ticker:A-B", {"price": "2", "time": MS})], {"malformed": ["wrong shape"]}),
    # What says that it is a ticker is no trade, whatever else it says.
    ([message("/market/ticker:A-B", TRADE, "/market/match:A-B")], {"malformed": ["wrong shape"]}),
    (
        [
            message(
                "/market/level2:A-B",
                {
                    "symbol": "A-B",
                    "sequenceStart": 7,
                    "sequenceEnd": 8,
                    "changes": {"asks": [["3", "0", "7"], ["0", "0", "8"]], "bids": [["1", "2", "8"]]},
                },
            )
        ],
        {"depth": {"A-B": [(0, False, [(1.0, 2.0)], [(3.0, 0.0)])]}, "numbers": {"A-B": [(6, 8, -1)]}},
    ),
    (
        [
            message(
                "/spotMarket/level2Depth5:A-B", {"asks": [["3", "4"]], "bids": [["1", "2"]], "timestamp": MS}
            ),
            message("/spotMarket/level2Depth50:A-B", {"asks": [], "bids": [["1", "2"]], "timestamp": MS}),
        ],
        {
            "depth": {"A-B": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)]), (NS, True, [(1.0, 2.0)], [])]},
            "clock": NS,
        },
    ),
    (
        [
            message("/spotMarket/level1:A-B", {"asks": ["3", "4"], "bids": ["1", "2"], "timestamp": MS}),
            message("/spotMarket/level1:A-B", {"asks": [], "bids": ["1", "2"], "timestamp": MS}),
        ],
        {"quotes": {"A-B": [(NS, 1.0, 2.0, 3.0, 4.0), (NS, 1.0, 2.0, NAN, NAN)]}, "clock": NS},
    ),
    (
        [message("/spotMarket/level1:A-B", {"asks": ["3"], "bids": ["1", "2"], "timestamp": MS})],
        {"malformed": ["a level without its size"]},
    ),
    (
        [
            message(
                "/market/snapshot:A-B",
                {
                    "sequence": "1",
                    "data": {"symbol": "A-B", "buy": 1, "sell": 3, "datetime": MS, "high": None},
                },
            )
        ],
        {"quotes": {"A-B": [(NS, 1.0, NAN, 3.0, NAN)]}, "clock": NS},
    ),
    (
        [message("/market/snapshot:A-B", {"data": {"symbol": "A-B", "buy": None, "sell": None}})],
        {"control": 1},
    ),
    # Without a time, or with it in capitals, as some messages have it.
    (
        [
            message("/spotMarket/level2Depth5:A-B", {"asks": [], "bids": [["1", "2"]]}),
            message("/spotMarket/level1:A-B", {"asks": ["3", "4"], "bids": ["1", "2"]}),
            message("/market/snapshot:A-B", {"data": {"symbol": "A-B", "buy": 1, "sell": 3}}),
            message("/market/ticker:A-B", {"bestBid": "1", "bestAsk": "3"}),
        ],
        {
            "quotes": {"A-B": [(0, 1.0, 2.0, 3.0, 4.0), *[(0, 1.0, NAN, 3.0, NAN)] * 2]},
            "depth": {"A-B": [(0, True, [(1.0, 2.0)], [])]},
        },
    ),
    (
        [message("/market/ticker:A-B", {"bestBid": "1", "bestAsk": "3", "Time": MS})],
        {"quotes": {"A-B": [(NS, 1.0, NAN, 3.0, NAN)]}, "clock": NS},
    ),
    # Open, close, high, low: no other venue's order.
    (
        [
            message("/market/candles:A-B_1min", {"symbol": "A-B", "candles": candle, "time": NS})
            for candle in (CANDLE, ["120", *CANDLE[1:]])
        ],
        {
            "bars": {
                ("A-B", "1min"): [
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), False),
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), True),
                    ((120 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, 18.0), False),
                ]
            },
            "clock": NS,
        },
    ),
    (
        [
            frame(id="x", type="welcome"),
            frame(id="5", type="ack"),
            frame(id=6, type="pong"),
            frame(id="7", type="error", code=404, data="topic /market/match:Q is not found"),
        ],
        {"replies": [(5, True, ""), (7, False, "topic /market/match:Q is not found")], "control": 4},
    ),
    ([message("/market/gossip:A-B", {})], {"malformed": ["unknown topic"]}),
    ([message("/market/ticker:", {})], {"malformed": ["unknown topic"]}),
    ([frame(type="gossip")], {"malformed": ["unknown message"]}),
    ([frame(type="message", topic="/market/ticker:A-B")], {"malformed": ["unknown message"]}),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("kucoin", frames, expected)
