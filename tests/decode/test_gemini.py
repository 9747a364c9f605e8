"""Gemini's decoder, versions 1 and 2, against frames of a recording, and of its documentation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import MS, NS, Case, check_case, frame
from tests.venues.recordings import samples

NAN = math.nan
TRADE = {"type": "trade", "symbol": "AB", "event_id": 7, "timestamp": MS, "price": "2.5", "quantity": "0.5"}
TRADE |= {"side": "sell"}
ROW = (NS, 2.5, 0.5, 1, -1, 7)
OLD_TRADE = {"type": "trade", "tid": 7, "price": "2.5", "amount": "0.5", "makerSide": "bid"}
CHANGE = {"type": "change", "side": "bid", "price": "1", "remaining": "2", "delta": "2", "reason": "place"}
ASK = CHANGE | {"side": "ask", "price": "3", "remaining": "4"}


def update(*events: Any, number: int = 5, **more: Any) -> str:
    return frame(
        type="update",
        eventId=1,
        timestamp=MS // 1000,
        timestampms=MS,
        socket_sequence=number,
        events=list(events),
        **more,
    )


def initial(*events: Any) -> str:
    return frame(
        type="update",
        eventId=1,
        socket_sequence=0,
        events=[event | {"reason": "initial"} for event in events],
    )


def top(side: str, price: str, size: str) -> dict[str, str]:
    return {"type": "change", "side": side, "price": price, "remaining": size, "reason": "top-of-book"}


def test_trades_of_the_recording() -> None:
    (sample,) = [s for s in samples() if s["dialect"] == "gemini" and '"trades":' in s["frame"]]
    message = json.loads(sample["frame"])
    batch = decoder("gemini").feed([sample["frame"]])
    sides = {"buy": 1, "sell": -1}
    assert batch.trades["ALCXUSD"] == [
        (t["timestamp"] * 10**6, float(t["price"]), float(t["quantity"]), 1, sides[t["side"]], t["event_id"])
        for t in reversed(message["trades"])
    ]
    assert [row[5] for row in batch.trades["ALCXUSD"]] == sorted(t["event_id"] for t in message["trades"])
    (book,) = batch.depth["ALCXUSD"]
    assert book.snapshot
    assert len(book.bids) + len(book.asks) == len(message["changes"])


def test_a_quote_goes_on_from_the_first_book() -> None:
    kept = [s["frame"] for s in samples() if s["dialect"] == "gemini" and "socket_sequence" in s["frame"]]
    numbered = sorted((json.loads(text)["socket_sequence"], text) for text in kept)
    batch = decoder("gemini").feed([text for number, text in numbered if number < 2])
    assert batch.quotes == {"": [(1790401258816 * 10**6, 83948.7, 0.10350843, 83948.71, 0.06738727)]}


CASES: list[Case] = [
    ([frame(**TRADE)], {"trades": {"AB": [ROW]}, "clock": NS}),
    (
        [frame(**TRADE | {"side": "buy"}), frame(**dict(reversed(TRADE.items())))],
        {"trades": {"AB": [(*ROW[:4], 1, 7), ROW]}, "clock": NS},
    ),
    (
        [
            frame(
                type="l2_updates",
                symbol="AB",
                changes=[["buy", "1", "2"], ["sell", "3", "4"]],
                trades=[TRADE | {"event_id": 9}, TRADE | {"price": "x"}, TRADE],
                auction_events=[],
            ),
            frame(type="l2_updates", symbol="AB", changes=[["sell", "3", "0"]]),
        ],
        {
            "trades": {"AB": [ROW, (*ROW[:5], 9)]},
            "depth": {"AB": [(0, True, [(1.0, 2.0)], [(3.0, 4.0)]), (0, False, [], [(3.0, 0.0)])]},
            "clock": NS,
            "malformed": ["wrong shape at $.price"],
        },
    ),
    (
        [
            frame(
                type="candles_1m_updates",
                symbol="AB",
                changes=[[120_000, 1, 3, 0.5, 2, 9], [60_000, 1, 3, 0.5, 2, 8]],
            )
        ],
        {
            "bars": {
                ("AB", "1min"): [
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 8.0, 0, NAN), False),
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 8.0, 0, NAN), True),
                    ((120 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, NAN), False),
                ]
            }
        },
    ),
    ([frame(type="candles_1d_updates", symbol="AB", changes=[])], {"control": 1}),
    (
        [frame(type="heartbeat", timestamp=MS), frame(type="heartbeat", socket_sequence=3)],
        {"control": 2, "clock": NS},
    ),
    (
        [frame(result="error", reason="InvalidJson", message="no")],
        {"replies": [(0, False, "InvalidJson: no")], "control": 1},
    ),
    # Version 1: the maker's side, none in an auction; a level beside its trade.
    (
        [update(OLD_TRADE, CHANGE | {"reason": "trade"}), update(OLD_TRADE | {"makerSide": "ask"})],
        {
            "trades": {"": [ROW, (*ROW[:4], 1, 7)]},
            "depth": {"": [(NS, False, [(1.0, 2.0)], [])]},
            "clock": NS,
            "numbers": {"": [(-1, 5, -1)]},
        },
    ),
    (
        [
            update(OLD_TRADE | {"makerSide": "auction"}),
            update({"type": "block_trade", "price": "2.5", "amount": "0.5"}),
            update({"type": "auction_result", "result": "success"}),
        ],
        {"trades": {"": [(*ROW[:4], 0, 7), (*ROW[:4], 0, -1)]}, "control": 1, "clock": NS},
    ),
    (
        [initial(CHANGE, ASK), update(CHANGE | {"remaining": "0"}, ASK)],
        {
            "depth": {"": [(0, True, [(1.0, 2.0)], [(3.0, 4.0)]), (NS, False, [(1.0, 0.0)], [(3.0, 4.0)])]},
            "clock": NS,
            "numbers": {"": [(-1, 0, -1), (4, 5, -1)]},
        },
    ),
    (
        [update(top("bid", "1", "2")), update(top("ask", "3", "4")), update(top("bid", "1.5", "5"))],
        {
            "quotes": {"": [(NS, 1.0, 2.0, NAN, NAN), (NS, 1.0, 2.0, 3.0, 4.0), (NS, 1.5, 5.0, 3.0, 4.0)]},
            "clock": NS,
        },
    ),
    # All markets over one connection: each event names its own.
    (
        [update(OLD_TRADE | {"symbol": "AB"}, CHANGE | {"symbol": "CD"})],
        {
            "trades": {"AB": [ROW]},
            "depth": {"CD": [(NS, False, [(1.0, 2.0)], [])]},
            "clock": NS,
            "numbers": {"CD": [(-1, 5, -1)]},
        },
    ),
    ([initial(OLD_TRADE)], {"malformed": ["wrong time"]}),
    (
        [update(OLD_TRADE, {"type": "gossip"})],
        {"trades": {"": [ROW]}, "clock": NS, "malformed": ["unknown event"]},
    ),
    ([frame(type="gossip")], {"malformed": ["unknown message"]}),
    ([frame(**TRADE | {"side": "hold"})], {"malformed": ["wrong shape at $.side"]}),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("gemini", frames, expected)
