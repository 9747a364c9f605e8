"""Hyperliquid's decoder against a recording, parsed by the standard library."""

from __future__ import annotations

import json

from mdnb.decode import decoder
from tests.venues.recordings import frames, parsed, received, recording

NAME = "hyperliquid_l2book_btc_a"


def test_trades_are_those_of_the_recording() -> None:
    batch = decoder("hyperliquid").feed(frames(NAME))
    expected = [
        (t["time"] * 10**6, float(t["px"]), float(t["sz"]), 1, {"B": 1, "A": -1}[t["side"]], t["tid"])
        for message in parsed(NAME)
        if message["channel"] == "trades"
        for t in message["data"]
    ]
    assert batch.malformed == []
    assert batch.trades == {"BTC": expected}
    assert len(expected) == 32
    assert len({row[5] for row in expected}) == 32


def test_the_first_frame_repeats_old_trades() -> None:
    at_ns, frame = next(item for item in received(recording(NAME)) if '"trades"' in item[1])
    oldest = min(row[0] for row in decoder("hyperliquid").feed([frame]).trades["BTC"])
    assert at_ns - oldest > 45 * 10**9


def test_books_are_whole() -> None:
    batch = decoder("hyperliquid").feed(frames(NAME))
    messages = [message["data"] for message in parsed(NAME) if message["channel"] == "l2Book"]
    for update, data in zip(batch.depth["BTC"], messages, strict=True):
        assert update.snapshot
        assert update.ts_ns == data["time"] * 10**6
        assert update.bids == [(float(level["px"]), float(level["sz"])) for level in data["levels"][0]]
        assert update.asks == [(float(level["px"]), float(level["sz"])) for level in data["levels"][1]]
    assert len(messages) == 25


def test_a_bad_trade_does_not_cost_the_others() -> None:
    message = next(json.loads(frame) for frame in frames(NAME) if '"trades"' in frame)
    count = len(message["data"])
    message["data"][1]["sz"] = "-1"
    batch = decoder("hyperliquid").feed([json.dumps(message)])
    assert (len(batch.trades["BTC"]), batch.malformed) == (count - 1, ["wrong shape at $.sz"])


def test_a_candle_is_closed_by_the_next_one() -> None:
    data = {
        "t": 60_000,
        "T": 119_999,
        "s": "BTC",
        "i": "1m",
        "o": "1",
        "c": "2",
        "h": "3",
        "l": "0.5",
        "v": "4",
        "n": 5,
    }
    frames_ = [
        json.dumps({"channel": "candle", "data": {**data, "t": t, "c": close}})
        for t, close in ((60_000, "2"), (60_000, "2.5"), (120_000, "2"))
    ]
    bars = decoder("hyperliquid").feed(frames_).bars["BTC", "1min"]
    assert [(row[0] // 10**9, row[4], closed) for row, closed in bars] == [
        (60, 2.0, False),
        (60, 2.5, False),
        (60, 2.5, True),
        (120, 2.0, False),
    ]
    assert bars[0][0][5:7] == (4.0, 5)


def test_best_prices_with_an_empty_side() -> None:
    frame = '{"channel":"bbo","data":{"coin":"BTC","time":5,"bbo":[{"px":"1","sz":"2","n":1},null]}}'
    ((ts, bid, size, ask, ask_size),) = decoder("hyperliquid").feed([frame]).quotes["BTC"]
    assert (ts, bid, size) == (5_000_000, 1.0, 2.0)
    assert ask != ask
    assert ask_size != ask_size


def test_notices() -> None:
    batch = decoder("hyperliquid").feed(
        [
            '{"channel":"pong"}',
            '{"channel":"subscriptionResponse","data":{"method":"subscribe"}}',
            '{"channel":"error","data":"Invalid subscription"}',
            '{"channel":"brandNew","data":{}}',
        ]
    )
    assert (batch.control, batch.malformed) == (3, ["unknown channel"])
    assert [(reply.ok, reply.error) for reply in batch.replies] == [
        (True, ""),
        (False, "Invalid subscription"),
    ]


def test_an_acknowledgement_says_what_was_asked_for() -> None:
    book = {"type": "l2Book", "coin": "BTC"}
    more = {"nSigFigs": None, "mantissa": None, "fast": False}
    told = {"method": "unsubscribe", "subscription": book | more}
    errors = [
        'Invalid subscription {"type":"candle","interval":"7m","coin":"UNI"}',
        'Already subscribed: {"type":"candle","interval":"30m","coin":"UNI"}',
        "Error parsing JSON {oops",
    ]
    frames_ = [{"channel": "subscriptionResponse", "data": told}]
    frames_ += [{"channel": "error", "data": words} for words in errors]
    batch = decoder("hyperliquid").feed([json.dumps(frame) for frame in frames_])
    assert batch.malformed == []
    taken, invalid, already, unknown = batch.replies
    assert taken.ok
    assert taken.payload == {"method": "unsubscribe", "subscription": book | {"interval": ""}}
    assert (invalid.ok, invalid.error[:20]) == (False, "Invalid subscription")
    assert invalid.payload["subscription"] == {"type": "candle", "coin": "UNI", "interval": "7m"}
    assert (already.ok, already.payload["method"]) == (True, "subscribe")
    assert (unknown.ok, unknown.error, unknown.payload) == (False, "Error parsing JSON {oops", {})


def test_the_candle_of_before_an_outage_is_not_given_as_closed() -> None:
    def candle(start: int, close: str) -> str:
        prices = {"o": "1", "c": close, "h": "3", "l": "0.5", "v": "4", "n": 5}
        return json.dumps({"channel": "candle", "data": {"t": start, "s": "BTC", "i": "1m", **prices}})

    again = {"method": "subscribe", "subscription": {"type": "candle", "coin": "BTC", "interval": "1m"}}
    subscribed = json.dumps({"channel": "subscriptionResponse", "data": again})
    batch = decoder("hyperliquid").feed(
        [subscribed, candle(60_000, "2"), subscribed, candle(120_000, "2.5"), candle(180_000, "1")]
    )
    bars = batch.bars["BTC", "1min"]
    assert [row[0] // 10**9 for row, closed in bars if closed] == [120]


def test_a_trade_of_unknown_side_does_not_cost_the_others() -> None:
    trade = {
        "coin": "BTC",
        "hash": "0x0",
        "px": "2.5",
        "sz": "1",
        "tid": 1,
        "time": 1737918847000,
        "users": [],
    }
    sides = ["B", "?", "A"]
    message = {"channel": "trades", "data": [{**trade, "side": side} for side in sides]}
    batch = decoder("hyperliquid").feed([json.dumps(message)])
    assert [row[4] for row in batch.trades["BTC"]] == [1, -1]
    assert batch.malformed == ["wrong shape at $.side"]
