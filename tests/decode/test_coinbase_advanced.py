"""Coinbase Advanced Trade's decoder against captured messages, and ones written from the documentation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import ISO, ISO_NS, Case, check_case, frame
from tests.venues.recordings import iso_ns, samples, shared

NAN = math.nan
SENT = "2023-11-14T22:13:21.834123456Z"
SENT_NS = 1_700_000_001_834_123_456
TRADE = {"product_id": "BTC-USD", "trade_id": "7", "price": "2668.35", "size": "0.5"}
TRADE |= {"time": ISO, "side": "SELL"}
ROW = (ISO_NS, 2668.35, 0.5, 1, 1, 7)
TICKER = {"type": "ticker", "product_id": "BTC-USD", "price": "5", "best_bid": "1", "best_bid_quantity": "2"}
TICKER |= {"best_ask": "3", "best_ask_quantity": "4"}
CANDLE = {
    "start": "300",
    "high": "3",
    "low": "0.5",
    "open": "1",
    "close": "2",
    "volume": "9",
    "product_id": "A-B",
}


def sent(channel: str, *events: dict[str, Any], **more: Any) -> str:
    return frame(channel=channel, timestamp=SENT, sequence_num=7, events=list(events), **more)


def level(side: str, price: str, size: str, time: str = "1970-01-01T00:00:00Z") -> dict[str, str]:
    return {"side": side, "event_time": time, "price_level": price, "new_quantity": size}


def trades_of(message: dict[str, Any]) -> dict[str, list[Any]]:
    """Return a message's trades by what the venue says of it, in plain words."""
    made: dict[str, list[Any]] = {}
    for event in message["events"]:
        for t in sorted(event["trades"], key=lambda t: int(t["trade_id"])):
            taker = {"SELL": 1, "BUY": -1}[t["side"]]
            row = (iso_ns(t["time"]), float(t["price"]), float(t["size"]), 1, taker, int(t["trade_id"]))
            made.setdefault(t["product_id"], []).append(row)
    return made


def test_captured_trades() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    held = [json.loads(line) for line in lines]
    messages = [line["msg"] for line in held if line["venue"] == "coinbase_advanced"]
    kept = [s for s in samples() if (s["dialect"], s["kind"]) == ("coinbase_advanced", "trades")]
    messages += [json.loads(sample["frame"]) for sample in kept]
    assert len(messages) == 3
    for message in messages:
        batch = decoder("coinbase_advanced").feed([json.dumps(message, separators=(",", ":"))])
        assert batch.trades == trades_of(message)
        assert (batch.malformed, batch.control) == ([], 0)
        assert batch.clock_ns == iso_ns(message["timestamp"])


def test_the_makers_side_is_turned_into_the_takers() -> None:
    batch = decoder("coinbase_advanced").feed([sent("market_trades", {"type": "update", "trades": [TRADE]})])
    assert batch.trades == {"BTC-USD": [ROW]}
    bought = TRADE | {"side": "BUY"}
    batch = decoder("coinbase_advanced").feed([sent("market_trades", {"type": "update", "trades": [bought]})])
    assert batch.trades["BTC-USD"][0][4] == -1


@pytest.mark.parametrize("more", [{}, {"client_id": ""}, {"new": 1}])
@pytest.mark.parametrize("spacing", [(",", ":"), (", ", ": ")])
def test_a_snapshot_is_told_the_newest_first(more: dict[str, Any], spacing: tuple[str, str]) -> None:
    trades = [TRADE | {"trade_id": str(number)} for number in (9, 8, 7)]
    event = {"type": "snapshot", "trades": trades}
    message = json.loads(sent("market_trades", event, **more))
    batch = decoder("coinbase_advanced").feed([json.dumps(message, separators=spacing)])
    assert [row[5] for row in batch.trades["BTC-USD"]] == [7, 8, 9]
    assert batch.malformed == []


CASES: list[Case] = [
    # One that cannot be does not cost the others, and what is left is in order.
    (
        [
            sent(
                "market_trades",
                {
                    "type": "snapshot",
                    "trades": [
                        TRADE | {"trade_id": "9"},
                        TRADE | {"price": "x"},
                        TRADE,
                        TRADE | {"time": "now"},
                    ],
                },
            )
        ],
        {
            "trades": {"BTC-USD": [ROW, (*ROW[:5], 9)]},
            "clock": SENT_NS,
            "malformed": ["wrong shape at $.price", "wrong time"],
        },
    ),
    # Several events, several products.
    (
        [
            sent(
                "market_trades",
                {"type": "update", "trades": [TRADE]},
                {"type": "update", "trades": [TRADE | {"product_id": "A-B"}]},
            )
        ],
        {"trades": {"BTC-USD": [ROW], "A-B": [ROW]}, "clock": SENT_NS},
    ),
    ([sent("market_trades", {"type": "snapshot", "trades": []})], {"control": 1, "clock": SENT_NS}),
    ([sent("market_trades")], {"control": 1, "clock": SENT_NS}),
    (
        [sent("ticker", {"type": "update", "tickers": [TICKER]})],
        {"quotes": {"BTC-USD": [(SENT_NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": SENT_NS},
    ),
    (
        [sent("ticker_batch", {"type": "update", "tickers": [{"product_id": "BTC-USD", "price": "5"}]})],
        {"control": 1, "clock": SENT_NS},
    ),
    (
        [sent("ticker", {"type": "update", "tickers": [{"product_id": "BTC-USD", "best_ask": "3"}]})],
        {"quotes": {"BTC-USD": [(SENT_NS, NAN, NAN, 3.0, NAN)]}, "clock": SENT_NS},
    ),
    (
        [
            sent(
                "l2_data",
                {
                    "type": "snapshot",
                    "product_id": "A-B",
                    "updates": [level("bid", "1", "2"), level("offer", "3", "4")],
                },
            )
        ],
        {
            "depth": {"A-B": [(SENT_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]},
            "clock": SENT_NS,
            "numbers": {"A-B": [(-1, 7, -1)]},
        },
    ),
    # The engine's time where there is one, the latest of those told; some write ask for offer.
    (
        [
            sent(
                "l2_data",
                {
                    "type": "update",
                    "product_id": "A-B",
                    "updates": [level("ask", "3", "0", ISO), level("bid", "1", "0", "2023-11-14T22:13:19Z")],
                },
            )
        ],
        {
            "depth": {"A-B": [(ISO_NS, False, [(1.0, 0.0)], [(3.0, 0.0)])]},
            "clock": SENT_NS,
            "numbers": {"A-B": [(-1, 7, -1)]},
        },
    ),
    # Past candles come the newest first; each is closed by the next.
    (
        [sent("candles", {"type": "snapshot", "candles": [CANDLE | {"start": "600"}, CANDLE]})],
        {
            "bars": {
                ("A-B", "5min"): [
                    ((300 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, NAN), False),
                    ((300 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, NAN), True),
                    ((600 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, NAN), False),
                ]
            },
            "clock": SENT_NS,
        },
    ),
    (
        [sent("heartbeats", {"current_time": "x", "heartbeat_counter": 3}), sent("status", {})],
        {"control": 2, "clock": SENT_NS},
    ),
    (
        [sent("subscriptions", {"subscriptions": {}}), frame(type="error", message="no", reason="why")],
        {"replies": [(0, True, ""), (0, False, "no: why")], "control": 2, "clock": SENT_NS},
    ),
    # A message without a time of its own.
    (
        [frame(channel="ticker", sequence_num=7, events=[{"type": "update", "tickers": [TICKER]}])],
        {"quotes": {"BTC-USD": [(0, 1.0, 2.0, 3.0, 4.0)]}},
    ),
    ([frame(type="error", message="no")], {"replies": [(0, False, "no")], "control": 1}),
    # What an event has under another name may be of a kind that nobody knows.
    *(
        (
            [sent(channel, {"type": "update", "news": [{}]})],
            {"malformed": ["wrong shape at $.events[0]"]},
        )
        for channel in ("market_trades", "ticker", "candles", "l2_data")
    ),
    ([sent("gossip", {})], {"malformed": ["unknown channel"]}),
    ([frame(type="gossip")], {"malformed": ["unknown message"]}),
    (
        [sent("l2_data", {"type": "gossip", "product_id": "A", "updates": []})],
        {"malformed": ["wrong shape at $.events[0].type"]},
    ),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("coinbase_advanced", frames, expected)
