"""What a venue may leave out, or write as nothing: only what is used is asked for."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from mdnb.rows import Batch

KRAKEN = {
    "symbol": "BTC/USD",
    "side": "buy",
    "price": 1.5,
    "qty": 2.0,
    "ord_type": "limit",
    "trade_id": 7,
    "timestamp": "2025-01-01T00:00:00.000000Z",
}
COINBASE = {
    "type": "match",
    "trade_id": 7,
    "maker_order_id": "a",
    "taker_order_id": "b",
    "side": "sell",
    "size": "2",
    "price": "1.5",
    "product_id": "BTC-USD",
    "sequence": 1,
    "time": "2025-01-01T00:00:00.000000Z",
}
HYPERLIQUID = {
    "coin": "BTC",
    "hash": "0x0",
    "px": "1.5",
    "side": "B",
    "sz": "2",
    "tid": 7,
    "time": 1_735_689_600_000,
    "users": ["a", "b"],
}
ROW = (1_735_689_600_000_000_000, 1.5, 2.0, 1, 1, 7)


def framed(dialect: str, trade: dict[str, Any]) -> Any:
    frames = {
        "kraken": {"channel": "trade", "type": "update", "data": [trade]},
        "coinbase": trade,
        "hyperliquid": {"channel": "trades", "data": [trade]},
    }
    return frames[dialect]


def decoded(dialect: str, *frames: Any) -> Batch:
    texts = [json.dumps(frame, separators=(",", ":")) for frame in frames]
    return decoder(dialect).feed(texts)


@pytest.mark.parametrize("instead", [None, "nothing"])
@pytest.mark.parametrize(
    ("dialect", "trade", "name"),
    [
        ("kraken", KRAKEN, "ord_type"),
        *[("coinbase", COINBASE, name) for name in ("maker_order_id", "taker_order_id", "sequence")],
        *[("hyperliquid", HYPERLIQUID, name) for name in ("hash", "users")],
    ],
)
def test_a_trade_without_what_is_not_used_is_a_trade(
    dialect: str, trade: dict[str, Any], name: str, instead: str | None
) -> None:
    left = {key: value for key, value in trade.items() if key != name}
    batch = decoded(dialect, framed(dialect, left if instead else trade | {name: None}))
    assert batch.malformed == []
    assert list(batch.trades.values()) == [[ROW]]


@pytest.mark.parametrize(
    ("dialect", "trade"), [("kraken", KRAKEN), ("coinbase", COINBASE), ("hyperliquid", HYPERLIQUID)]
)
def test_a_price_that_is_nothing_is_no_trade(dialect: str, trade: dict[str, Any]) -> None:
    price = "px" if dialect == "hyperliquid" else "price"
    batch = decoded(dialect, framed(dialect, trade | {price: None}))
    assert not batch.trades
    assert len(batch.malformed) == 1


@pytest.mark.parametrize(
    ("dialect", "trade", "doubled"),
    [
        ("kraken", KRAKEN, '"trade_id":7,"trade_id":7'),
        ("coinbase", COINBASE, '"trade_id":7,"trade_id":7'),
        ("hyperliquid", HYPERLIQUID, '"tid":7,"tid":7'),
    ],
)
def test_a_key_twice_does_not_stand_in_for_one_that_is_left_out(
    dialect: str, trade: dict[str, Any], doubled: str
) -> None:
    unused = {"kraken": "ord_type", "coinbase": "sequence", "hyperliquid": "hash"}[dialect]
    left = {key: value for key, value in trade.items() if key != unused}
    text = json.dumps(framed(dialect, left), separators=(",", ":"))
    batch = decoder(dialect).feed([text.replace(doubled[: len(doubled) // 2], doubled)])
    assert not batch.trades
    assert batch.malformed == ["duplicate key"]


def test_a_candle_of_binance_needs_its_prices_and_volume_alone() -> None:
    candle = {"t": 1_735_689_600_000, "T": 1_735_689_659_999, "s": "BTCUSDT", "i": "1m", "o": "1", "c": "2"}
    candle |= {"h": "3", "l": "1", "v": "9", "n": 4, "x": True, "q": "12"}
    batch = decoded("binance", {"e": "kline", "E": 1, "s": "BTCUSDT", "k": candle})
    assert batch.malformed == []
    row, closed = batch.bars["BTCUSDT", "1min"][0]
    assert (row[1:6], closed) == ((1.0, 3.0, 1.0, 2.0, 9.0), True)


TICKER = {"type": "ticker", "product_id": "X", "best_ask": "2", "best_ask_size": "1"}


@pytest.mark.parametrize(
    ("dialect", "frame"),
    [
        ("kraken", {"channel": "ticker", "data": [{"symbol": "X", "bid": None, "ask": 2.0, "ask_qty": 1.0}]}),
        ("kraken", {"channel": "ticker", "data": [{"symbol": "X", "ask": 2.0, "ask_qty": 1.0}]}),
        (
            "kraken",
            {
                "channel": "ticker",
                "data": [{"symbol": "X", "bid": 0.0, "bid_qty": 0.0, "ask": 2.0, "ask_qty": 1.0}],
            },
        ),
        ("coinbase", TICKER | {"best_bid": "", "best_bid_size": ""}),
        ("coinbase", TICKER | {"best_bid": None, "best_bid_size": None}),
        ("coinbase", TICKER | {"best_bid": "0", "best_bid_size": "0.00000000"}),
        ("binance", {"u": 1, "s": "X", "b": "0.00000000", "B": "0.00000000", "a": "2", "A": "1"}),
        (
            "binance",
            {"stream": "x@bookTicker", "data": {"u": 1, "s": "X", "b": "0.00", "B": "0", "a": "2", "A": "1"}},
        ),
    ],
)
def test_a_side_on_which_nobody_is_has_no_price(dialect: str, frame: Any) -> None:
    """Else the middle between nothing and the ask would be shown as a price."""
    batch = decoded(dialect, frame)
    assert batch.malformed == []
    ((_, bid, bid_size, ask, ask_size),) = batch.quotes["X"]
    assert math.isnan(bid)
    assert math.isnan(bid_size)
    assert (ask, ask_size) == (2.0, 1.0)


def test_a_bid_of_zero_that_somebody_makes_is_one() -> None:
    batch = decoded("binance", {"u": 1, "s": "X", "b": "0", "B": "5", "a": "2", "A": "1"})
    assert batch.quotes["X"] == [(0, 0.0, 5.0, 2.0, 1.0)]


@pytest.mark.parametrize(
    ("dialect", "frame", "number", "error"),
    [
        ("kraken", {"method": "subscribe", "success": True, "error": None, "req_id": 7}, 7, ""),
        ("kraken", {"error": "Malformed request", "success": False}, 0, "Malformed request"),
        ("kraken", {"method": "subscribe", "success": False, "error": "no", "req_id": None}, 0, "no"),
        ("bybit", {"op": "subscribe", "success": False, "ret_msg": "no", "req_id": None}, 0, "no"),
        ("bybit", {"op": "subscribe", "success": True, "ret_msg": None, "req_id": 7}, 7, ""),
        ("okx", {"event": "subscribe", "id": 7, "msg": None}, 7, ""),
        ("okx", {"event": "error", "id": None, "msg": "no", "code": 60012}, 0, "no"),
        ("coinbase", {"type": "error", "message": "no", "reason": None, "time": None}, 0, "no"),
        (
            "hyperliquid",
            {
                "channel": "subscriptionResponse",
                "data": {"method": "subscribe", "subscription": {"type": "l2Book", "interval": None}},
            },
            0,
            "",
        ),
    ],
)
def test_an_answer_in_which_something_is_nothing_is_an_answer(
    dialect: str, frame: Any, number: int, error: str
) -> None:
    batch = decoded(dialect, frame)
    assert batch.malformed == []
    (reply,) = batch.replies
    assert (reply.id, reply.ok, reply.error) == (number, not error, error)
