"""Bitget's decoder against messages written from its documentation, and those of a recording of version 1."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import MS, NS, Case, check_case, frame

NAN = math.nan
TRADE = {"ts": f"{MS}", "price": "2.5", "size": "0.5", "side": "buy", "tradeId": "1486493420166930434"}
ROW = (NS, 2.5, 0.5, 1, 1, 1486493420166930434)
TICKER = {
    "instId": "AB",
    "lastPr": "2",
    "bidPr": "1",
    "bidSz": "2",
    "askPr": "3",
    "askSz": "4",
    "ts": f"{MS}",
}
BOOK = {"asks": [["3", "4"]], "bids": [["1", "2"]], "checksum": 0, "seq": 7, "ts": f"{MS}"}
CANDLE = ["60000", "1", "3", "0.5", "2", "9", "18", "18"]


def sent(channel: str, *data: Any, action: str = "update", market: str = "SPOT", **more: Any) -> str:
    arg = {"instType": market, "channel": channel, "instId": "AB"}
    return frame(action=action, arg=arg, data=list(data), **({"ts": MS} | more))


def bar(minute: int, closed: bool, turnover: float = 18.0) -> Any:
    return (minute * 60 * 10**9, 1.0, 3.0, 0.5, 2.0, 9.0, 0, turnover), closed


CASES: list[Case] = [
    ([sent("trade", TRADE)], {"trades": {"AB": [ROW]}, "clock": NS}),
    # The newest is told first, by its time or, within a millisecond, by its id.
    (
        [
            sent("trade", TRADE | {"ts": f"{MS + 1}", "side": "sell"}, TRADE, action="snapshot"),
            sent("trade", TRADE | {"tradeId": "9"}, TRADE | {"tradeId": "8"}),
        ],
        {
            "trades": {
                "AB": [ROW, (NS + 10**6, *ROW[1:4], -1, ROW[5]), (*ROW[:5], 8), (*ROW[:5], 9)],
            },
            "clock": NS + 10**6,
        },
    ),
    (
        [sent("trade", TRADE | {"size": "-1"}, TRADE)],
        {"trades": {"AB": [ROW]}, "clock": NS, "malformed": ["wrong shape at $.size"]},
    ),
    ([sent("trade"), sent("ticker"), sent("candle1m")], {"control": 3}),
    (
        [sent(channel, BOOK) for channel in ("books1", "books15")],
        {
            "depth": {"AB": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)])] * 2},
            "clock": NS,
            "numbers": {"AB": [(-1, 7, -1), (-1, 7, -1)]},
        },
    ),
    ([sent("ticker", TICKER)], {"quotes": {"AB": [(NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": NS}),
    (
        [sent("ticker", TICKER | {"bidPr": "", "bidSz": ""}, action="snapshot")],
        {"quotes": {"AB": [(NS, NAN, NAN, 3.0, 4.0)]}, "clock": NS},
    ),
    (
        [sent("books", BOOK, action="snapshot"), sent("books", BOOK | {"bids": []}), sent("books5", BOOK)],
        {
            "depth": {
                "AB": [
                    (NS, True, [(1.0, 2.0)], [(3.0, 4.0)]),
                    (NS, False, [], [(3.0, 4.0)]),
                    (NS, True, [(1.0, 2.0)], [(3.0, 4.0)]),
                ]
            },
            "clock": NS,
            "numbers": {"AB": [(-1, 7, -1), (-1, 7, -1), (-1, 7, -1)]},
        },
    ),
    # Past candles, then the current one.
    (
        [
            sent("candle1m", CANDLE, ["120000", *CANDLE[1:]], action="snapshot"),
            sent("candle1m", ["180000", *CANDLE[1:]]),
        ],
        {"bars": {("AB", "1min"): [bar(1, False), bar(1, True), bar(2, False), bar(2, True), bar(3, False)]}},
    ),
    ([sent("candle4Hutc", CANDLE, market="USDT-FUTURES")], {"bars": {("AB", "4hour"): [bar(1, False)]}}),
    ([sent("candle1D", CANDLE, market="COIN-FUTURES")], {"bars": {("AB", "1day"): [bar(1, False, NAN)]}}),
    (
        [
            "pong",
            frame(event="subscribe", arg={"instType": "SPOT", "channel": "trade", "instId": "AB"}),
            frame(event="unsubscribe", arg={"instType": "SPOT", "channel": "trade", "instId": "AB"}),
            frame(event="login", code=0, msg=""),
            frame(event="error", code=30001, msg="instId:Q doesn't exist", op="subscribe"),
        ],
        {"replies": [*[(0, True, "")] * 3, (0, False, "instId:Q doesn't exist")], "control": 5},
    ),
    # Version 1: its trades are arrays without an id, the newest first.
    (
        [sent("trade", [f"{MS + 1}", "2.5", "0.5", "sell"], [f"{MS}", "2.5", "0.5", "buy"], market="sp")],
        {"trades": {"AB": [(*ROW[:5], -1), (NS + 10**6, 2.5, 0.5, 1, -1, -1)]}, "clock": NS + 10**6},
    ),
    (
        [
            sent(
                "ticker", {"instId": "AB", "bestBid": "1", "bestAsk": "3", "ts": MS, "labeId": 0}, market="sp"
            )
        ],
        {"quotes": {"AB": [(NS, 1.0, NAN, 3.0, NAN)]}, "clock": NS},
    ),
    ([sent("ticker", {"instId": "AB", "last": "2", "ts": MS})], {"malformed": ["a ticker without prices"]}),
    ([sent("gossip", {})], {"malformed": ["unknown channel"]}),
    ([sent("trade", TRADE, action="gossip")], {"malformed": ["unknown action"]}),
    ([frame(event="gossip")], {"malformed": ["unknown event"]}),
    ([frame(action="update", data=[])], {"malformed": ["unknown message"]}),
    # One name, two markets: their trades are never mixed.
    (
        [
            sent("trade", TRADE),
            sent("trade", TRADE, market="USDT-FUTURES"),
            sent("books", BOOK, market="USDT-FUTURES"),
        ],
        {"trades": {"AB": [ROW]}, "clock": NS, "malformed": ["another market's symbol of the same name"] * 2},
    ),
]


@pytest.mark.parametrize(("frames", "expected"), CASES)
def test_whole_batches(frames: list[str], expected: dict[str, Any]) -> None:
    check_case("bitget", frames, expected)


def test_books_are_numbered_where_the_venue_says_it() -> None:
    unnumbered = {name: value for name, value in BOOK.items() if name != "seq"}
    batch = decoder("bitget").feed([sent("books", BOOK, action="snapshot"), sent("books", unnumbered)])
    assert [(update.previous_id, update.last_id) for update in batch.depth["AB"]] == [(-1, 7), (-1, -1)]
