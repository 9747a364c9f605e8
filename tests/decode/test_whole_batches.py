"""Frames by hand, and the whole batch that they make: rows, clock, replies, control messages, refusals."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import ISO, ISO_NS, MS, NS, frame, objects_of, told

NAN = math.nan

# Binance

TRADE = {"e": "trade", "E": MS, "s": "A", "t": 7, "p": "2.5", "q": "3", "T": MS - 1, "m": True, "M": True}
AGGREGATE = {
    "e": "aggTrade",
    "E": MS,
    "a": 7,
    "s": "A",
    "p": "2.5",
    "q": "3",
    "f": 4,
    "l": 4,
    "T": MS + 5,
    "m": False,
}
CANDLE = {"t": MS, "T": MS, "s": "A", "i": "1h", "f": 1, "L": 2, "o": "1", "c": "2", "h": "3", "l": "0.5"}
CANDLE |= {"v": "10", "n": 4, "x": True, "q": "11", "V": "1", "Q": "2", "B": "0"}
KLINE = {"e": "kline", "E": MS, "s": "A", "k": CANDLE}
DEPTH = {"e": "depthUpdate", "E": MS, "s": "A", "U": 1, "u": 2, "b": [["1", "2"]], "a": [["3", "4"]]}
BEST = {"u": 1, "s": "A", "b": "1", "B": "2", "a": "3", "A": "4"}
TICKER = {"e": "24hrTicker", "s": "A", "b": "1", "B": "2", "a": "3", "A": "4", "E": MS}
BOOK = {"lastUpdateId": 1, "bids": [["1", "2"]], "asks": [["3", "4"]]}


def stream(name: str, data: Any) -> str:
    return frame(stream=name, data=data)


BINANCE: list[tuple[list[str], dict[str, Any]]] = [
    ([frame(**TRADE)], {"trades": {"A": [(NS - 1_000_000, 2.5, 3.0, 1, -1, 7)]}, "clock": NS}),
    (
        [stream("a@trade", TRADE | {"T": MS + 9, "m": False})],
        {"trades": {"A": [(NS + 9_000_000, 2.5, 3.0, 1, 1, 7)]}, "clock": NS + 9_000_000},
    ),
    (
        [frame(**AGGREGATE), frame(**AGGREGATE | {"E": MS - 50, "T": MS - 60, "m": True, "l": 9})],
        {
            "trades": {"A": [(NS + 5_000_000, 2.5, 3.0, 1, 1, 7), (NS - 60_000_000, 2.5, 3.0, 6, -1, 7)]},
            "clock": NS + 5_000_000,
        },
    ),
    (
        [frame(**KLINE)],
        {"bars": {("A", "1hour"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 4, 11.0), True)]}, "clock": NS},
    ),
    (
        [frame(**DEPTH)],
        {
            "depth": {"A": [(NS, False, [(1.0, 2.0)], [(3.0, 4.0)])]},
            "clock": NS,
            "numbers": {"A": [(0, 2, -1)]},
        },
    ),
    # A futures' change of the book has its own time beside that of the message.
    (
        [stream("a@depth", DEPTH | {"T": MS - 7, "pu": 0})],
        {
            "depth": {"A": [(NS - 7_000_000, False, [(1.0, 2.0)], [(3.0, 4.0)])]},
            "clock": NS,
            "numbers": {"A": [(0, 2, -1)]},
        },
    ),
    (
        [frame(**{"e": "bookTicker"} | BEST | {"T": MS - 5, "E": MS})],
        {"quotes": {"A": [(NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": NS},
    ),
    ([frame(**TICKER)], {"quotes": {"A": [(NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": NS}),
    ([stream("a@bookTicker", BEST)], {"quotes": {"A": [(0, 1.0, 2.0, 3.0, 4.0)]}}),
    ([frame(**BEST)], {"quotes": {"A": [(0, 1.0, 2.0, 3.0, 4.0)]}}),
    (
        [stream("abc@depth20", BOOK)],
        {"depth": {"ABC": [(0, True, [(1.0, 2.0)], [(3.0, 4.0)])]}},
    ),
    ([frame(**BOOK)], {"malformed": ["depth without a symbol"]}),
    # A kind in other words than its decoder's own order of keys.
    (
        [json.dumps({"data": KLINE, "stream": "a@kline_1h"}, indent=1)],
        {"bars": {("A", "1hour"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 4, 11.0), True)]}, "clock": NS},
    ),
    ([frame(e="avgPrice", s="A"), frame(e="forceOrder")], {"control": 2}),
    ([frame(e="gossip")], {"malformed": ["unknown event"]}),
    ([frame(s="A")], {"malformed": ["unknown message"]}),
    ([frame(result=None, id="x")], {"replies": [(0, True, "")], "control": 1}),
    ([frame(id=3, error="no")], {"replies": [(3, False, '"no"')], "control": 1}),
    ([frame(code=-1, msg="why\nnot", id=4)], {"replies": [(4, False, "why not")], "control": 1}),
]

# OKX

OKX_TRADE = {"instId": "A-B", "tradeId": "7", "px": "2.5", "sz": "3", "side": "buy", "ts": str(MS)}
OKX_ROW = (NS, 2.5, 3.0, 1, 1, 7)
OKX_TICKER = {"instId": "A-B", "askPx": "3", "askSz": "4", "bidPx": "1", "bidSz": "", "ts": str(MS)}
OKX_BOOK = {"asks": [["3", "4", "0", "1"]], "bids": [["1", "2", "0", "1"]], "ts": str(MS)}
OKX_CANDLE = [str(MS), "1", "3", "0.5", "2", "10"]


def okx(channel: str, *data: Any, **more: Any) -> str:
    return frame(arg={"channel": channel, "instId": "A-B"}, **more, data=list(data))


OKX: list[tuple[list[str], dict[str, Any]]] = [
    ([okx("trades", OKX_TRADE, OKX_TRADE)], {"trades": {"A-B": [OKX_ROW, OKX_ROW]}, "clock": NS}),
    (
        [okx("trades", OKX_TRADE | {"side": "sell", "count": "4", "source": "1", "seqId": 9})],
        {"trades": {"A-B": [(NS, 2.5, 3.0, 4, -1, 7)]}, "clock": NS},
    ),
    ([okx("trades-all", OKX_TRADE | {"count": "1"})], {"trades": {"A-B": [OKX_ROW]}, "clock": NS}),
    # One that cannot be does not cost the other.
    (
        [okx("trades", OKX_TRADE | {"px": "x"}, OKX_TRADE)],
        {"trades": {"A-B": [OKX_ROW]}, "clock": NS, "malformed": ["wrong shape at $.px"]},
    ),
    ([okx("trades")], {"control": 1}),
    ([okx("tickers")], {"control": 1}),
    ([okx("tickers", OKX_TICKER)], {"quotes": {"A-B": [(NS, 1.0, NAN, 3.0, 4.0)]}, "clock": NS}),
    (
        [okx("books", OKX_BOOK, action="snapshot"), okx("books", OKX_BOOK, action="update")],
        {
            "depth": {
                "A-B": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)]), (NS, False, [(1.0, 2.0)], [(3.0, 4.0)])]
            },
            "clock": NS,
        },
    ),
    ([okx("books5", OKX_BOOK)], {"depth": {"A-B": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": NS}),
    (
        [
            okx("books", OKX_BOOK | {"seqId": 7, "prevSeqId": -1}, action="snapshot"),
            okx("books", OKX_BOOK | {"seqId": 9, "prevSeqId": 7}, action="update"),
        ],
        {
            "depth": {
                "A-B": [(NS, whole, [(1.0, 2.0)], [(3.0, 4.0)]) for whole in (True, False)],
            },
            "numbers": {"A-B": [(-1, 7, -1), (7, 9, -1)]},
            "clock": NS,
        },
    ),
    # The best of a book is a quote: as a book it would take the place of the whole one.
    (
        [okx("bbo-tbt", OKX_BOOK, OKX_BOOK | {"asks": [], "seqId": 9})],
        {"quotes": {"A-B": [(NS, 1.0, 2.0, 3.0, 4.0), (NS, 1.0, 2.0, NAN, NAN)]}, "clock": NS},
    ),
    (
        [okx("candle4H", OKX_CANDLE)],
        {"bars": {("A-B", "4hour"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, NAN), False)]}},
    ),
    (
        [okx("candle1Wutc", [*OKX_CANDLE, "11", "12", "1"])],
        {"bars": {("A-B", "1week"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, 12.0), True)]}},
    ),
    (["pong"], {"control": 1}),
    ([frame(event="subscribe", msg="x")], {"replies": [(0, True, "")], "control": 1}),
    ([frame(event="error", msg="no")], {"replies": [(0, False, "no")], "control": 1}),
    (
        [
            frame(id="7", event="subscribe", arg={"channel": "trades-all", "instId": "A-B"}, connId="x"),
            frame(id="8", event="error", code="60018", msg="no", connId="x"),
            frame(event="notice", code="64008", msg="The connection will soon be closed", connId="x"),
        ],
        {"replies": [(7, True, ""), (8, False, "no"), (0, True, "")], "control": 3},
    ),
    (
        [frame(arg={"channel": "candle1m", "instId": "A-B-SWAP"}, data=[[*OKX_CANDLE, "11", "12", "1"]])],
        {"bars": {("A-B-SWAP", "1min"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, NAN), True)]}},
    ),
    ([okx("gossip", {})], {"malformed": ["unknown channel"]}),
    ([frame(data=[])], {"malformed": ["unknown message"]}),
    ([frame(arg={"channel": "trades"})], {"malformed": ["unknown message"]}),
]

# Gate.io

GATE_TRADE = {"id": 7, "create_time": 1, "create_time_ms": "1700000000123.4567", "side": "buy"}
GATE_TRADE |= {"currency_pair": "A_B", "amount": "3", "price": "2.5"}
GATE_BOOK = {"t": MS, "s": "A_B", "bids": [["1", "2"]], "asks": [["3", "4"]]}


def gate(channel: str, result: Any, event: str = "update", **more: Any) -> str:
    return frame(time=1_700_000_000, channel=channel, event=event, **more, result=result)


GATEIO: list[tuple[list[str], dict[str, Any]]] = [
    (
        [gate("spot.trades", GATE_TRADE)],
        {"trades": {"A_B": [(NS + 456_700, 2.5, 3.0, 1, 1, 7)]}, "clock": NS + 456_700},
    ),
    (
        [gate("spot.tickers", {"currency_pair": "A_B", "lowest_ask": "3", "highest_bid": ""})],
        {"quotes": {"A_B": [(1_700_000_000 * 10**9, NAN, NAN, 3.0, NAN)]}, "clock": 1_700_000_000 * 10**9},
    ),
    (
        [gate("spot.tickers", {"currency_pair": "A_B", "lowest_ask": "3", "highest_bid": "1"}, time_ms=MS)],
        {"quotes": {"A_B": [(NS, 1.0, NAN, 3.0, NAN)]}, "clock": NS},
    ),
    (
        [gate("spot.book_ticker", {"t": MS, "s": "A_B", "b": "1", "B": "2", "a": "3", "A": "4"})],
        {"quotes": {"A_B": [(NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": NS},
    ),
    (
        [
            gate(
                "spot.candlesticks",
                {"t": str(at), "o": "1", "h": "3", "l": "0.5", "c": "2", "v": "9", "n": "1m_A_B"},
            )
            for at in (60, 120)
        ],
        {
            "bars": {
                ("A_B", "1min"): [
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, NAN, 0, 9.0), False),
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, NAN, 0, 9.0), True),
                    ((120 * 10**9, 1.0, 3.0, 0.5, 2.0, NAN, 0, 9.0), False),
                ]
            }
        },
    ),
    (
        [
            gate(
                "spot.candlesticks",
                {
                    "t": "60",
                    "o": "1",
                    "h": "3",
                    "l": "0.5",
                    "c": "2",
                    "v": "9",
                    "n": "1m_A_B",
                    "a": "4",
                    "w": closed,
                },
            )
            for closed in (False, True)
        ],
        {
            "bars": {
                ("A_B", "1min"): [
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 4.0, 0, 9.0), False),
                    ((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 4.0, 0, 9.0), True),
                ]
            }
        },
    ),
    (
        [
            gate(
                "spot.candlesticks", {"t": "60", "o": "1", "h": "3", "l": "1", "c": "2", "v": "9", "n": name}
            )
            for name in ("1m", "1m_" + "x" * 65)
        ],
        {"malformed": ["unknown candle", "unknown candle"]},
    ),
    (
        [
            gate(
                "spot.candlesticks",
                {"t": "60", "o": "1", "h": "3", "l": "1", "c": "2", "v": "9", "n": "1m_" + "x" * 64},
            )
        ],
        {"bars": {("x" * 64, "1min"): [((60 * 10**9, 1.0, 3.0, 1.0, 2.0, NAN, 0, 9.0), False)]}},
    ),
    (
        [gate("spot.order_book", GATE_BOOK, event="all")],
        {"depth": {"A_B": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": NS},
    ),
    (
        [
            gate("spot.order_book_update", {"t": MS, "s": "A_B", "b": [["1", "2"]]}),
            gate("spot.order_book_update", {"t": MS - 1, "s": "A_B", "a": [["3", "4"]], "full": True}),
        ],
        {
            "depth": {"A_B": [(NS, False, [(1.0, 2.0)], []), (NS - 1_000_000, True, [], [(3.0, 4.0)])]},
            "clock": NS,
        },
    ),
    (
        [gate("spot.order_book", {"t": MS, "s": "A_B", "b": [], "a": []})],
        {"malformed": ["depth without levels"]},
    ),
    ([gate("spot.gossip", {})], {"malformed": ["unknown channel"]}),
    ([gate("spot.trades", {}, event="gossip")], {"malformed": ["unknown message"]}),
    ([frame(channel="spot.pong"), frame(channel="spot.ping")], {"control": 2}),
    ([gate("spot.trades", {}, event="subscribe", id=5)], {"replies": [(5, True, "")], "control": 1}),
    ([gate("spot.trades", {}, event="unsubscribe", id=6)], {"replies": [(6, True, "")], "control": 1}),
    (
        [
            gate("spot.trades", {}, id=7, error={"message": "no"}),
            gate("spot.trades", {}, event="x", error={}),
        ],
        {"replies": [(7, False, "no"), (0, False, "")], "control": 2},
    ),
]

# Kraken

KRAKEN_TRADE = {"symbol": "A/B", "side": "buy", "price": 2.5, "qty": 3, "ord_type": "limit", "trade_id": 7}
KRAKEN_TRADE |= {"timestamp": ISO}
KRAKEN_ROW = (ISO_NS, 2.5, 3.0, 1, 1, 7)
KRAKEN_CANDLE = {"symbol": "A/B", "open": 1, "high": 3, "low": 0.5, "close": 2, "trades": 4, "volume": 10}


def kraken(channel: str, *data: Any, type: str = "update", **more: Any) -> str:
    return frame(channel=channel, type=type, data=list(data), **more)


def kraken_candle(minute: int, interval: int = 1) -> dict[str, Any]:
    return KRAKEN_CANDLE | {
        "interval_begin": f"2023-11-14T22:{minute:02}:00.000000000Z",
        "interval": interval,
    }


KRAKEN_BOOK = {"symbol": "A/B", "bids": [{"price": 1, "qty": 2}], "asks": [{"price": 3, "qty": 4}]}
MINUTE_22_13 = 1_699_999_980 * 10**9

KRAKEN: list[tuple[list[str], dict[str, Any]]] = [
    ([kraken("trade", KRAKEN_TRADE)], {"trades": {"A/B": [KRAKEN_ROW]}, "clock": ISO_NS}),
    (
        [kraken("trade", KRAKEN_TRADE | {"side": "sell"}, KRAKEN_TRADE | {"side": "hold"}, type="snapshot")],
        {
            "trades": {"A/B": [(ISO_NS, 2.5, 3.0, 1, -1, 7)]},
            "clock": ISO_NS,
            "malformed": ["wrong shape at $.side"],
        },
    ),
    ([kraken("trade"), kraken("ticker"), kraken("book")], {"control": 3}),
    (
        [kraken("ticker", {"symbol": "A/B", "bid": 1, "bid_qty": 2, "ask": 3, "ask_qty": 4})],
        {"quotes": {"A/B": [(0, 1.0, 2.0, 3.0, 4.0)]}},
    ),
    (
        [
            kraken(
                "ticker", {"symbol": "A/B", "bid": 1, "bid_qty": 2, "ask": 3, "ask_qty": 4, "timestamp": ISO}
            )
        ],
        {"quotes": {"A/B": [(ISO_NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": ISO_NS},
    ),
    (
        [kraken("ohlc", kraken_candle(13), timestamp=ISO), kraken("ohlc", kraken_candle(14))],
        {
            "bars": {
                ("A/B", "1min"): [
                    ((MINUTE_22_13, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                    ((MINUTE_22_13, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), True),
                    ((MINUTE_22_13 + 60 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                ]
            },
            "clock": ISO_NS,
        },
    ),
    (
        [
            kraken("book", KRAKEN_BOOK, type="snapshot"),
            kraken("book", KRAKEN_BOOK | {"checksum": 5, "timestamp": ISO}),
        ],
        {
            "depth": {
                "A/B": [(0, True, [(1.0, 2.0)], [(3.0, 4.0)]), (ISO_NS, False, [(1.0, 2.0)], [(3.0, 4.0)])]
            },
            "clock": ISO_NS,
            "numbers": {"A/B": [(-1, -1, -1), (-1, -1, 5)]},
        },
    ),
    (
        [frame(type="update", channel="book", data=[KRAKEN_BOOK])],
        {"depth": {"A/B": [(0, False, [(1.0, 2.0)], [(3.0, 4.0)])]}},
    ),
    (
        [frame(channel="heartbeat"), frame(channel="status"), frame(channel="instrument", data=[])],
        {"control": 3},
    ),
    (
        [frame(method="pong", req_id=3), frame(method="subscribe", success=True)],
        {"replies": [(3, True, ""), (0, True, "")], "control": 2},
    ),
    (
        [
            frame(method="subscribe", success=False, error="no", req_id=4),
            frame(method="unsubscribe", error="why"),
        ],
        {"replies": [(4, False, "no"), (0, False, "why")], "control": 2},
    ),
    ([frame(method="ping", success=False)], {"replies": [(0, False, "")], "control": 1}),
    ([kraken("gossip")], {"malformed": ["unknown channel"]}),
    ([frame(channel="ticker")], {"malformed": ["unknown channel"]}),
    ([frame(method="gossip")], {"malformed": ["unknown message"]}),
    ([frame(method="ping", channel="ticker")], {"malformed": ["unknown channel"]}),
]

# Kraken's first

V1_TRADE = ["2.5", "3", "1700000000.123456", "b", "l", ""]


def v1(payload: Any, channel: str, pair: str = "A/B") -> str:
    return json.dumps(
        [9, *(payload if isinstance(payload, tuple) else (payload,)), channel, pair], separators=(",", ":")
    )


KRAKEN_V1: list[tuple[list[str], dict[str, Any]]] = [
    (
        [v1([V1_TRADE, [*V1_TRADE[:3], "s", "l", ""]], "trade")],
        {"trades": {"A/B": [(ISO_NS, 2.5, 3.0, 1, 1, -1), (ISO_NS, 2.5, 3.0, 1, -1, -1)]}, "clock": ISO_NS},
    ),
    (
        [v1([["x", *V1_TRADE[1:]], V1_TRADE], "trade")],
        {
            "trades": {"A/B": [(ISO_NS, 2.5, 3.0, 1, 1, -1)]},
            "clock": ISO_NS,
            "malformed": ["wrong shape at $[0]"],
        },
    ),
    (
        [v1(["1", "3", "1700000000.123456", "2", "4"], "spread")],
        {"quotes": {"A/B": [(ISO_NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": ISO_NS},
    ),
    (
        [v1({"a": ["3", 4, "4.5"], "b": ["1", 2, "2.5"]}, "ticker")],
        {"quotes": {"A/B": [(0, 1.0, 2.5, 3.0, 4.5)]}},
    ),
    (
        [
            v1(["1700000000.5", f"{end}.000000", "1", "3", "0.5", "2", "1.5", "10", 4], "ohlc-5")
            for end in (1700000100, 1700000400)
        ],
        {
            "bars": {
                ("A/B", "5min"): [
                    ((1_699_999_800 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                    ((1_699_999_800 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), True),
                    ((1_700_000_100 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                ]
            },
            "clock": 1_700_000_000_500_000_000,
        },
    ),
    (
        [v1(["60.5", "120.0", "1", "3", "0.5", "2", "1.5", "10", 4], "ohlc")],
        {
            "bars": {("A/B", "1min"): [((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False)]},
            "clock": 60_500_000_000,
        },
    ),
    (
        [v1({"as": [["3", "4", "5.0"]], "bs": [["1", "2", "4.0"]]}, "book-10")],
        {"depth": {"A/B": [(5 * 10**9, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": 5 * 10**9},
    ),
    (
        [v1(({"a": [["3", "4", "5.0"]]}, {"b": [["1", "2", "6.0", "r"]], "c": "1"}), "book-10")],
        {
            "depth": {"A/B": [(6 * 10**9, False, [(1.0, 2.0)], [(3.0, 4.0)])]},
            "clock": 6 * 10**9,
            "numbers": {"A/B": [(-1, -1, 1)]},
        },
    ),
    ([v1({"bs": []}, "book-10")], {"depth": {"A/B": [(0, True, [], [])]}}),
    ([v1({"as": []}, "book-10")], {"depth": {"A/B": [(0, True, [], [])]}}),
    (
        [v1([], "gossip"), v1([], "trade", "x" * 65), v1([], "trade", "")],
        {"malformed": ["unknown channel", "unknown message", "unknown message"]},
    ),
    (
        [v1([V1_TRADE], "trade", "x" * 64)],
        {"trades": {"x" * 64: [(ISO_NS, 2.5, 3.0, 1, 1, -1)]}, "clock": ISO_NS},
    ),
    (
        ['["x",[],"trade","A/B"]', '[9,[],"trade",5]', '[9,"trade"]', '[9,[],"trade","A\\\\B"]'],
        {"malformed": ["unknown message"] * 4},
    ),
    ([frame(event="heartbeat"), frame(event="systemStatus"), frame(event="pong", reqid=5)], {"control": 3}),
    (
        [
            frame(event="subscriptionStatus", status="subscribed", reqid=3),
            frame(event="subscriptionStatus", status="unsubscribed"),
        ],
        {"replies": [(3, True, ""), (0, True, "")], "control": 2},
    ),
    ([frame(event="error", errorMessage="no", reqid=4)], {"replies": [(4, False, "no")], "control": 1}),
    ([frame(event="gossip")], {"malformed": ["unknown event"]}),
]

# Hyperliquid

HYPER_TRADE = {
    "coin": "A",
    "hash": "0x0",
    "px": "2.5",
    "side": "B",
    "sz": "3",
    "tid": 7,
    "time": MS,
    "users": [],
}
HYPER_CANDLE = {"t": MS, "s": "A", "i": "1m", "o": "1", "c": "2", "h": "3", "l": "0.5", "v": "10", "n": 4}
HYPER_LEVELS = [[{"px": "1", "sz": "2", "n": 1}], [{"px": "3", "sz": "4", "n": 1}]]


def hyper(channel: str, data: Any) -> str:
    return frame(channel=channel, data=data)


HYPERLIQUID: list[tuple[list[str], dict[str, Any]]] = [
    (
        [hyper("trades", [HYPER_TRADE, HYPER_TRADE | {"side": "A"}])],
        {"trades": {"A": [(NS, 2.5, 3.0, 1, 1, 7), (NS, 2.5, 3.0, 1, -1, 7)]}, "clock": NS},
    ),
    (
        [hyper("trades", [HYPER_TRADE | {"side": "C"}, HYPER_TRADE])],
        {"trades": {"A": [(NS, 2.5, 3.0, 1, 1, 7)]}, "clock": NS, "malformed": ["wrong shape at $.side"]},
    ),
    ([hyper("trades", [])], {"control": 1}),
    (
        [frame(data=[HYPER_TRADE], channel="trades")],
        {"trades": {"A": [(NS, 2.5, 3.0, 1, 1, 7)]}, "clock": NS},
    ),
    (
        [hyper("l2Book", {"coin": "A", "time": MS, "levels": HYPER_LEVELS})],
        {"depth": {"A": [(NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": NS},
    ),
    (
        [hyper("bbo", {"coin": "A", "time": MS, "bbo": [HYPER_LEVELS[0][0], None]})],
        {"quotes": {"A": [(NS, 1.0, 2.0, NAN, NAN)]}, "clock": NS},
    ),
    (
        [hyper("candle", HYPER_CANDLE), hyper("candle", [HYPER_CANDLE | {"t": MS + 60_000}])],
        {
            "bars": {
                ("A", "1min"): [
                    ((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                    ((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), True),
                    ((NS + 60 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                ]
            }
        },
    ),
    (
        [hyper("error", "no"), frame(channel="error")],
        {"replies": [(0, False, "no"), (0, False, "")], "control": 2},
    ),
    ([hyper("subscriptionResponse", {})], {"replies": [(0, True, "")], "control": 1}),
    ([frame(channel="pong")], {"control": 1}),
    ([frame(channel="gossip")], {"malformed": ["unknown channel"]}),
]

# Bitstamp

STAMP_TRADE = {
    "id": 7,
    "timestamp": "1",
    "amount": 9.0,
    "amount_str": "3",
    "price": 9.0,
    "price_str": "2.5",
    "type": 0,
}
STAMP_TRADE |= {"microtimestamp": str(ISO_NS // 1000), "buy_order_id": 1, "sell_order_id": 2}
STAMP_BOOK = {
    "timestamp": "1",
    "microtimestamp": str(ISO_NS // 1000),
    "bids": [["1", "2"]],
    "asks": [["3", "4", "5"]],
}
STAMP_DEPTH = (ISO_NS, [(1.0, 2.0)], [(3.0, 4.0)])


def stamp(data: Any, channel: str, event: str) -> str:
    return frame(data=data, channel=channel, event=event)


BITSTAMP: list[tuple[list[str], dict[str, Any]]] = [
    (
        [
            stamp(STAMP_TRADE, "live_trades_ab", "trade"),
            stamp(STAMP_TRADE | {"type": 1}, "live_trades_" + "x" * 64, "trade"),
        ],
        {
            "trades": {"ab": [(ISO_NS, 2.5, 3.0, 1, 1, 7)], "x" * 64: [(ISO_NS, 2.5, 3.0, 1, -1, 7)]},
            "clock": ISO_NS,
        },
    ),
    (
        [frame(event="trade", channel="live_trades_ab", data=STAMP_TRADE)],
        {"trades": {"ab": [(ISO_NS, 2.5, 3.0, 1, 1, 7)]}, "clock": ISO_NS},
    ),
    *(
        (
            [made],
            {"depth": {"ab": [(ISO_NS, whole, *STAMP_DEPTH[1:])]}, "clock": ISO_NS},
        )
        for name, whole in (
            ("diff_order_book_ab", False),
            ("order_book_ab", True),
            ("detail_order_book_ab", True),
        )
        for made in (stamp(STAMP_BOOK, name, "data"), frame(event="data", channel=name, data=STAMP_BOOK))
    ),
    (
        [
            stamp(STAMP_TRADE, "live_trades_", "trade"),
            stamp(STAMP_TRADE, "live_trades_" + "x" * 65, "trade"),
            stamp(STAMP_BOOK, "gossip_ab", "data"),
        ],
        {"malformed": ["unknown channel"] * 3},
    ),
    (
        [stamp({"message": "no"}, "", "bts:error"), stamp("why", "", "bts:error"), frame(event="bts:error")],
        {"replies": [(0, False, "no"), (0, False, "why"), (0, False, "")], "control": 3},
    ),
    (
        [stamp({}, "x", "bts:subscription_succeeded"), stamp({}, "x", "bts:unsubscription_succeeded")],
        {"replies": [(0, True, ""), (0, True, "")], "control": 2},
    ),
    ([stamp({}, "x", "bts:heartbeat"), stamp({}, "x", "order_created")], {"control": 2}),
    ([stamp({}, "x", "gossip")], {"malformed": ["unknown event"]}),
]

# Coinbase

MATCH = {
    "type": "match",
    "trade_id": 7,
    "maker_order_id": "",
    "taker_order_id": "",
    "side": "sell",
    "size": "3",
}
MATCH |= {"price": "2.5", "product_id": "A-B", "sequence": 1, "time": ISO}

COINBASE: list[tuple[list[str], dict[str, Any]]] = [
    (
        [frame(**MATCH), frame(**MATCH | {"type": "last_match", "side": "buy"})],
        {"trades": {"A-B": [(ISO_NS, 2.5, 3.0, 1, 1, 7), (ISO_NS, 2.5, 3.0, 1, -1, 7)]}, "clock": ISO_NS},
    ),
    ([json.dumps(MATCH, indent=1)], {"trades": {"A-B": [(ISO_NS, 2.5, 3.0, 1, 1, 7)]}, "clock": ISO_NS}),
    (
        [frame(type="l2update", product_id="A-B", changes=[["buy", "1", "2"], ["sell", "3", "4"]], time=ISO)],
        {"depth": {"A-B": [(ISO_NS, False, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [
            frame(type="snapshot", product_id="A-B", bids=[["1", "2"]], asks=[["3", "4"]]),
            frame(type="snapshot", product_id="A-B", bids=[["1", "2"]], asks=[["3", "4"]], time=ISO),
        ],
        {
            "depth": {
                "A-B": [(0, True, [(1.0, 2.0)], [(3.0, 4.0)]), (ISO_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]
            },
            "clock": ISO_NS,
        },
    ),
    (
        [frame(type="ticker", product_id="A-B", best_bid="1", best_ask="3")],
        {"quotes": {"A-B": [(0, 1.0, NAN, 3.0, NAN)]}},
    ),
    (
        [
            frame(
                type="ticker_batch",
                product_id="A-B",
                best_bid="1",
                best_ask="3",
                best_bid_size="2",
                best_ask_size="4",
                time=ISO,
            )
        ],
        {"quotes": {"A-B": [(ISO_NS, 1.0, 2.0, 3.0, 4.0)]}, "clock": ISO_NS},
    ),
    (
        [frame(type="error", message="no", reason="so"), frame(type="error", message="no")],
        {"replies": [(0, False, "no: so"), (0, False, "no")], "control": 2},
    ),
    ([frame(type="subscriptions", channels=[])], {"replies": [(0, True, "")], "control": 1}),
    ([frame(type="heartbeat", time=ISO), frame(type="status")], {"control": 2, "clock": ISO_NS}),
    ([frame(type="gossip")], {"malformed": ["unknown message"]}),
]

# Bybit

BYBIT_TRADE = {"trade_time_ms": MS, "timestamp": ISO, "symbol": "AB", "side": "Buy", "size": 3, "price": 2.5}
BYBIT_TRADE |= {"tick_direction": "", "trade_id": "413bca3a-34a8-50aa-a2ae-47ad720be505", "cross_seq": 1}
BYBIT_ID = int("413bca3a34a850aaa2ae47ad720be505", 16) >> 65
BYBIT_UNUSED = ("timestamp", "tick_direction", "cross_seq")
V5_TRADE = {"T": MS, "s": "AB", "S": "Buy", "v": "3", "p": "2.5", "i": str(2**61), "BT": False}
V5_UNUSED = {"L": "PlusTick", "seq": 9, "RPI": True, "new": {"a": 1}}
V5_ROW = (NS, 2.5, 3.0, 1, 1, 2**61)
V5_CANDLE = {"start": MS, "end": MS, "interval": "1", "open": "1", "close": "2", "high": "3", "low": "0.5"}
V5_CANDLE |= {"volume": "10", "turnover": "12", "confirm": False, "timestamp": MS}
BYBIT_LEVELS = [{"price": "1", "side": "Buy", "size": 2}, {"price": "3", "side": "Sell", "size": 4}]


def bybit(topic: str, data: Any, **more: Any) -> str:
    return frame(topic=topic, **more, data=data)


def v5_book(depth: int, type: str, **more: Any) -> str:
    levels = {name: more.pop(name, given) for name, given in (("b", [["1", "2"]]), ("a", [["3", "4"]]))}
    return bybit(f"orderbook.{depth}.AB", {"s": "AB", **levels, "u": 5, "seq": 9}, type=type, ts=MS, **more)


def v5_ticker(type: str, **said: str) -> str:
    return bybit("tickers.AB", {"symbol": "AB", **said}, type=type, ts=MS, cs=1)


def bybit_depth(type: str, data: Any, topic: str = "orderBookL2_25.AB") -> str:
    return bybit(topic, data, type=type, timestamp_e6=ISO_NS // 1000)


BYBIT: list[tuple[list[str], dict[str, Any]]] = [
    # The symbol is the last part of the topic.
    (
        [bybit_depth("snapshot", BYBIT_LEVELS, "orderBook_200.100ms.AB")],
        {"depth": {"AB": [(ISO_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [bybit("trade.AB", [BYBIT_TRADE, BYBIT_TRADE | {"side": "Sell"}])],
        {"trades": {"AB": [(NS, 2.5, 3.0, 1, 1, BYBIT_ID), (NS, 2.5, 3.0, 1, -1, BYBIT_ID)]}, "clock": NS},
    ),
    (
        [frame(data=[BYBIT_TRADE], topic="trade.AB")],
        {"trades": {"AB": [(NS, 2.5, 3.0, 1, 1, BYBIT_ID)]}, "clock": NS},
    ),
    (
        [bybit("trade.AB", [BYBIT_TRADE | {"trade_id": "x"}, BYBIT_TRADE])],
        {"trades": {"AB": [(NS, 2.5, 3.0, 1, 1, BYBIT_ID)]}, "clock": NS, "malformed": ["wrong trade id"]},
    ),
    ([bybit("trade.AB", [])], {"control": 1}),
    (
        [bybit_depth("snapshot", BYBIT_LEVELS)],
        {"depth": {"AB": [(ISO_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [bybit_depth("snapshot", {"order_book": BYBIT_LEVELS})],
        {"depth": {"AB": [(ISO_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [
            bybit_depth(
                "delta",
                {
                    "delete": [{"price": "5", "side": "Sell", "size": 9}],
                    "update": BYBIT_LEVELS[:1],
                    "insert": BYBIT_LEVELS[1:],
                },
            )
        ],
        {"depth": {"AB": [(ISO_NS, False, [(1.0, 2.0)], [(5.0, 0.0), (3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [bybit_depth("snapshot", BYBIT_LEVELS, "orderBookL2_25." + "x" * 64)],
        {"depth": {"x" * 64: [(ISO_NS, True, [(1.0, 2.0)], [(3.0, 4.0)])]}, "clock": ISO_NS},
    ),
    (
        [bybit_depth("snapshot", BYBIT_LEVELS, f"orderBookL2_25.{name}") for name in ("", "x" * 65)],
        {"malformed": ["unknown topic"] * 2},
    ),
    ([bybit_depth("gossip", [])], {"malformed": ["unknown message"], "torn": ["AB"]}),
    # Only what is used is required.
    (
        [bybit("trade.AB", [{name: BYBIT_TRADE[name] for name in BYBIT_TRADE if name not in BYBIT_UNUSED}])],
        {"trades": {"AB": [(NS, 2.5, 3.0, 1, 1, BYBIT_ID)]}, "clock": NS},
    ),
    # Version 5.
    (
        [
            bybit("publicTrade.AB", [V5_TRADE, V5_TRADE | {"S": "Sell"}], type="snapshot", ts=MS),
            frame(data=[V5_TRADE | V5_UNUSED], topic="publicTrade.AB"),
        ],
        {"trades": {"AB": [V5_ROW, (NS, 2.5, 3.0, 1, -1, 2**61), V5_ROW]}, "clock": NS},
    ),
    (
        [bybit("publicTrade.AB", [V5_TRADE | V5_UNUSED | {"i": BYBIT_TRADE["trade_id"]}], ts=MS)],
        {"trades": {"AB": [(*V5_ROW[:5], BYBIT_ID)]}, "clock": NS},
    ),
    (
        [bybit("publicTrade.AB", [V5_TRADE | {"i": "19trade"}, V5_TRADE | {"p": "x"}, V5_TRADE], ts=MS)],
        {
            "trades": {"AB": [V5_ROW]},
            "clock": NS,
            "malformed": ["wrong trade id", "wrong shape at $.p"],
        },
    ),
    ([bybit("publicTrade.AB", [], type="snapshot", ts=MS)], {"control": 1}),
    (
        [v5_book(50, "snapshot"), v5_book(50, "delta", b=[["1", "0"]], a=[], cts=MS - 3)],
        {
            "depth": {
                "AB": [
                    (NS, True, [(1.0, 2.0)], [(3.0, 4.0)]),
                    (NS - 3_000_000, False, [(1.0, 0.0)], []),
                ]
            },
            "numbers": {"AB": [(-1, 5, -1), (4, 5, -1)]},
            "clock": NS,
        },
    ),
    (
        [
            v5_book(1, "snapshot"),
            v5_book(1, "delta", b=[["1", "0"], ["1.5", "6"]], a=[]),
            v5_book(1, "delta", b=[], a=[["3", "0"]]),
            v5_book(1, "snapshot", b=[]),
        ],
        {
            "quotes": {
                "AB": [
                    (NS, 1.0, 2.0, 3.0, 4.0),
                    (NS, 1.5, 6.0, 3.0, 4.0),
                    (NS, 1.5, 6.0, NAN, NAN),
                    (NS, NAN, NAN, 3.0, 4.0),
                ]
            },
            "clock": NS,
        },
    ),
    ([v5_book(1, "delta")], {"malformed": ["a change without what it changes"]}),
    (
        [
            v5_ticker("snapshot", bid1Price="1", bid1Size="2", ask1Price="3", ask1Size="4"),
            v5_ticker("delta", ask1Price="2.5"),
            v5_ticker("delta", fundingRate="0.1"),
            v5_ticker("snapshot", bid1Price="1", bid1Size="", ask1Price="", ask1Size=""),
            bybit("tickers.CD", {"symbol": "CD", "lastPrice": "9"}, type="snapshot", ts=MS, cs=1),
        ],
        {
            "quotes": {"AB": [(NS, 1.0, 2.0, 3.0, 4.0), (NS, 1.0, 2.0, 2.5, 4.0), (NS, 1.0, NAN, NAN, NAN)]},
            "clock": NS,
            "control": 2,
        },
    ),
    ([v5_ticker("delta", ask1Price="2.5")], {"malformed": ["a change without what it changes"]}),
    (
        [
            bybit("kline.1.AB", [V5_CANDLE], ts=MS, type="snapshot"),
            bybit("kline.60.AB", [V5_CANDLE | {"interval": "60", "confirm": True}], ts=MS),
            bybit("kline.D.AB", [V5_CANDLE | {"interval": "D"}, V5_CANDLE | {"open": ""}], ts=MS),
        ],
        {
            "bars": {
                ("AB", "1min"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, 12.0), False)],
                ("AB", "1hour"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, 12.0), True)],
                ("AB", "1day"): [((NS, 1.0, 3.0, 0.5, 2.0, 10.0, 0, 12.0), False)],
            },
            "malformed": ["wrong shape at $.open"],
        },
    ),
    ([bybit("kline.1.", [V5_CANDLE], ts=MS)], {"malformed": ["unknown topic"]}),
    (
        [
            frame(success=True, ret_msg="pong", conn_id="x", req_id="", op="ping"),
            frame(op="pong", args=["1"]),
            bybit("allLiquidation.AB", [], ts=MS),
        ],
        {"control": 3},
    ),
    (
        [
            frame(success=True, ret_msg="", conn_id="x", req_id="7", op="subscribe"),
            frame(success=False, ret_msg="args size >10", conn_id="x", req_id="8", op="subscribe"),
        ],
        {"replies": [(7, True, ""), (8, False, "args size >10")], "control": 2},
    ),
    ([bybit("gossip", [])], {"malformed": ["unknown message"]}),
    (
        [frame(success=True, ret_msg="x"), frame(success=False, ret_msg="no")],
        {"replies": [(0, True, ""), (0, False, "no")], "control": 2},
    ),
]

# mdnb's own

WIRE: list[tuple[list[str], dict[str, Any]]] = [
    (
        [
            '{"e":"trades","s":"A","r":[[5,1.0,2.0,1,-1,7],[9,1.5,2.5,1,1,8]]}',
            '{"r":[[7,1.0,2.0,1,0,9]],"e":"trades","s":"A"}',
        ],
        {
            "trades": {"A": [(5, 1.0, 2.0, 1, -1, 7), (9, 1.5, 2.5, 1, 1, 8), (7, 1.0, 2.0, 1, 0, 9)]},
            "clock": 9,
        },
    ),
    (
        [
            '{"e":"trades","s":"A","r":[[5,1.0,2.0,1,-1,7]],"x":1}',
            '{"e":"trades","s":"A","r":[[6,1.0,2.0,1,-1,7]],"x":1}',
        ],
        {"trades": {"A": [(5, 1.0, 2.0, 1, -1, 7), (6, 1.0, 2.0, 1, -1, 7)]}, "clock": 6},
    ),
    (
        [
            '{"e":"quotes","s":"A","r":[[5,1.0,2.0,null,null],[6,1.0,2.0,3.0,4.0]]}',
            '{"e":"quotes","s":"A","r":[[4,1.0,2.0,3.0,4.0]]}',
        ],
        {
            "quotes": {"A": [(5, 1.0, 2.0, NAN, NAN), (6, 1.0, 2.0, 3.0, 4.0), (4, 1.0, 2.0, 3.0, 4.0)]},
            "clock": 6,
        },
    ),
    (
        [
            '{"e":"depth","s":"A","t":5,"snap":true,"b":[[1,2]],"a":[[3,4]]}',
            '{"e":"depth","s":"A","t":4,"snap":false,"b":[],"a":[]}',
        ],
        {"depth": {"A": [(5, True, [(1.0, 2.0)], [(3.0, 4.0)]), (4, False, [], [])]}, "clock": 5},
    ),
    (
        [
            f'{{"e":"bars","s":"A","tf":"1min","closed":{closed},"r":[[60,1,3,0.5,2,10,4,{money}]]}}'
            for closed, money in (("false", "null"), ("true", "11"))
        ],
        {
            "bars": {
                ("A", "1min"): [
                    ((60, 1.0, 3.0, 0.5, 2.0, 10.0, 4, NAN), False),
                    ((60, 1.0, 3.0, 0.5, 2.0, 10.0, 4, 11.0), True),
                ]
            }
        },
    ),
    (['{"e":"welcome","v":2,"t":10,"speed":1.0}'], {"malformed": ["another version of the protocol"]}),
    # Good rows among bad ones, and frames that are bad as a whole.
    (
        ['{"e":"trades","s":"A","r":[[0,1.0,2.0,1,-1,7],[9,1.5,2.5,1,1,8]]}'],
        {"trades": {"A": [(9, 1.5, 2.5, 1, 1, 8)]}, "clock": 9, "malformed": ["wrong shape at $.r[0][0]"]},
    ),
    (['{"e":"trades","s":"A","r":[[0,1.0,2.0,1,-1,7]]}'], {"malformed": ["wrong shape at $.r[0][0]"]}),
    (['{"e":"trades","s":"A","r":[9,1.5,2.5,1,1,8]}'], {"malformed": ["wrong shape at $.r[0]"]}),
    (
        ['{"e":"trades","s":"A","s":"B","r":[[0,1.0,2.0,1,-1,7],[9,1.5,2.5,1,1,8]]}'],
        {"malformed": ["duplicate key"]},
    ),
    (
        ['{"e":"trades","s":"","r":[[9,1.5,2.5,1,1,8],[9,1.5,2.5,1,1,8]]}'],
        {"malformed": ["wrong shape at $.s"] * 2},
    ),
    (
        ['{"e":"quotes","s":"A","r":[[5,1.0,-2.0,null,null],[6,1.0,2.0,3.0,4.0]],"x":1}'],
        {"quotes": {"A": [(6, 1.0, 2.0, 3.0, 4.0)]}, "clock": 6, "malformed": ["wrong shape at $.r[0][2]"]},
    ),
    (["{oops", '{"e":"clock","t":5}\xff'], {"malformed": ["not JSON", "not JSON"]}),
]

CASES = [
    (dialect, frames, expected)
    for dialect, cases in {
        "binance": BINANCE,
        "okx": OKX,
        "gateio": GATEIO,
        "kraken": KRAKEN,
        "kraken_v1": KRAKEN_V1,
        "hyperliquid": HYPERLIQUID,
        "bitstamp": BITSTAMP,
        "coinbase": COINBASE,
        "bybit": BYBIT,
        "mdnb": WIRE,
    }.items()
    for frames, expected in cases
]
IDS = [f"{dialect}-{number}" for number, (dialect, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("dialect", "frames", "expected"), CASES, ids=IDS)
def test_frames_make_this_batch_and_nothing_else(
    dialect: str, frames: list[str], expected: dict[str, Any]
) -> None:
    for given in (frames, [text.encode() for text in frames]):
        batch = decoder(dialect).feed(given)
        # As text, for nan is not equal to itself.
        assert {name: repr(value) for name, value in told(batch).items()} == {
            name: repr(value) for name, value in expected.items()
        }
        assert batch.frames == len(frames)


@pytest.mark.parametrize(("dialect", "frames", "expected"), CASES, ids=IDS)
def test_a_clock_that_is_ahead_does_not_go_back(
    dialect: str, frames: list[str], expected: dict[str, Any]
) -> None:
    made = decoder(dialect)
    ahead = [text.replace("1700000000", "1800000000").replace("2023-11-14", "2033-11-14") for text in frames]
    both = made.feed([*ahead, *frames])
    assert both.clock_ns == made.feed(ahead).clock_ns


DATA = [
    (dialect, text)
    for dialect, frames, expected in CASES
    for text in frames
    if "malformed" not in expected and text != "pong"
]


@pytest.mark.parametrize(("dialect", "text"), DATA, ids=[f"{one[0]}-{at}" for at, one in enumerate(DATA)])
def test_a_key_that_stands_twice_in_any_object_is_refused(dialect: str, text: str) -> None:
    for at in range(len(objects_of(json.loads(text)))):
        value = json.loads(text)
        one = objects_of(value)[at]
        name = next(iter(one))
        one["\x00"] = one[name]
        twice = json.dumps(value, separators=(",", ":")).replace("\\u0000", name)
        assert set(decoder(dialect).feed([twice]).malformed) == {"duplicate key"}, twice
