"""Each message of the shared samples, field by field against the standard library's reading of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode.batches import told
from tests.venues.recordings import iso_ns, shared

MINUTE = 60 * 10**9
TAKER = {"buy": 1, "sell": -1, "B": 1, "A": -1}
# Coinbase tells the maker's side, in small letters or in capitals.
MAKER = {"sell": 1, "buy": -1, "SELL": 1, "BUY": -1}


def utc_ns(text: str) -> int:
    """Return the nanoseconds of a time in UTC, with a zone in either spelling."""
    return iso_ns(text.replace("+00:00", "").removesuffix("Z"))


def one(name: str, symbol: Any, row: tuple[Any, ...], clock: int = 0) -> dict[str, Any]:
    """Return a batch of one row."""
    return {name: {symbol: [row]}} | ({"clock": clock} if clock else {})


def trades_of(symbols: list[str], rows: list[tuple[Any, ...]], clock: int) -> dict[str, Any]:
    made: dict[str, list[tuple[Any, ...]]] = {}
    for symbol, row in zip(symbols, rows, strict=True):
        made.setdefault(symbol, []).append(row)
    return {"trades": made, "clock": clock}


def kraken_trades(m: Any) -> dict[str, Any]:
    rows = [
        (utc_ns(t["timestamp"]), t["price"], t["qty"], 1, TAKER[t["side"]], t["trade_id"]) for t in m["data"]
    ]
    return trades_of([t["symbol"] for t in m["data"]], rows, max(row[0] for row in rows))


def kraken_bar(m: Any) -> dict[str, Any]:
    (c,) = m["data"]
    prices = (c["open"], c["high"], c["low"], c["close"])
    row = (utc_ns(c["interval_begin"]), *prices, c["volume"], c["trades"], float("nan"))
    assert c["interval"] == 5
    return {"bars": {(c["symbol"], "5min"): [(row, False)]}, "clock": utc_ns(m["timestamp"])}


def coinbase_match(m: Any) -> dict[str, Any]:
    ns = utc_ns(m["time"])
    row = (ns, float(m["price"]), float(m["size"]), 1, MAKER[m["side"]], m["trade_id"])
    return one("trades", m["product_id"], row, ns)


def advanced_trades(m: Any) -> dict[str, Any]:
    (event,) = m["events"]
    (t,) = event["trades"]
    row = (utc_ns(t["time"]), float(t["price"]), float(t["size"]), 1, MAKER[t["side"]], int(t["trade_id"]))
    return one("trades", t["product_id"], row, utc_ns(m["timestamp"]))


def binance_trade(m: Any) -> dict[str, Any]:
    t = m["data"]
    row = (t["T"] * 10**6, float(t["p"]), float(t["q"]), 1, -1 if t["m"] else 1, t["t"])
    return one("trades", t["s"], row, t["E"] * 10**6)


def binance_bar(m: Any) -> dict[str, Any]:
    k = m["data"]["k"]
    numbers = [float(k[name]) for name in "ohlcv"]
    row = (k["t"] * 10**6, *numbers, k["n"], float(k["q"]))
    assert k["T"] + 1 - k["t"] == 60_000
    return {"bars": {(k["s"], "1min"): [(row, k["x"])]}, "clock": m["data"]["E"] * 10**6}


def hyperliquid_trades(m: Any) -> dict[str, Any]:
    (t,) = m["data"]
    ns = t["time"] * 10**6
    return one("trades", t["coin"], (ns, float(t["px"]), float(t["sz"]), 1, TAKER[t["side"]], t["tid"]), ns)


def hyperliquid_bar(m: Any) -> dict[str, Any]:
    c = m["data"]
    numbers = [float(c[name]) for name in "ohlcv"]
    row = (c["t"] * 10**6, *numbers, c["n"], float("nan"))
    assert c["T"] + 1 - c["t"] == 60_000
    return {"bars": {(c["s"], "1min"): [(row, False)]}}


def alpaca_quote(m: Any) -> dict[str, Any]:
    (q,) = m
    ns = utc_ns(q["t"])
    return one("quotes", q["S"], (ns, q["bp"], float(q["bs"]), q["ap"], float(q["as"])), ns)


def alpaca_trade(m: Any) -> dict[str, Any]:
    (t,) = m
    ns = utc_ns(t["t"])
    return one("trades", t["S"], (ns, t["p"], float(t["s"]), 1, 0, t["i"]), ns)


def alpaca_bar(m: Any) -> dict[str, Any]:
    (b,) = m
    prices = [float(b[name]) for name in "ohlcv"]
    return {"bars": {(b["S"], "1min"): [((utc_ns(b["t"]), *prices, b["n"], float("nan")), True)]}}


def projectx_trade(m: Any) -> dict[str, Any]:
    contract, (t,) = m["arguments"]
    ns = utc_ns(t["timestamp"])
    return one("trades", contract, (ns, t["price"], float(t["volume"]), 1, {0: 1, 1: -1}[t["type"]], -1), ns)


def projectx_quote(m: Any) -> dict[str, Any]:
    contract, q = m["arguments"]
    ns = max(utc_ns(q["timestamp"]), utc_ns(q["lastUpdated"]))
    return one("quotes", contract, (ns, q["bestBid"], float("nan"), q["bestAsk"], float("nan")), ns)


EXPECTED: dict[tuple[str, str], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    ("kraken_v2", "trade"): ("kraken", kraken_trades),
    ("kraken_v2", "trade x2 one frame"): ("kraken", kraken_trades),
    ("kraken_v2", "ohlc"): ("kraken", kraken_bar),
    ("kraken_v2", "heartbeat"): ("kraken", lambda _m: {"control": 1}),
    ("coinbase_exchange", "match"): ("coinbase", coinbase_match),
    ("coinbase_advanced", "market_trades"): ("coinbase_advanced", advanced_trades),
    ("binance", "trade"): ("binance", binance_trade),
    ("binance", "kline closed"): ("binance", binance_bar),
    ("hyperliquid", "trades"): ("hyperliquid", hyperliquid_trades),
    ("hyperliquid", "candle"): ("hyperliquid", hyperliquid_bar),
    ("alpaca_test", "welcome"): ("alpaca", lambda _m: {"control": 1}),
    ("alpaca_test", "quote"): ("alpaca", alpaca_quote),
    ("alpaca_test", "bar"): ("alpaca", alpaca_bar),
    ("alpaca_test", "trade"): ("alpaca", alpaca_trade),
    ("alpaca_test", "error"): (
        "alpaca",
        lambda m: {"replies": [(0, False, m[0]["msg"])], "control": 1},
    ),
    ("projectx", "handshake_ok"): ("projectx", lambda _m: {"control": 1}),
    ("projectx", "completion"): ("projectx", lambda _m: {"replies": [(1, True, "")], "control": 1}),
    ("projectx", "trade(list payload)"): ("projectx", projectx_trade),
    ("projectx", "quote(partial)"): ("projectx", projectx_quote),
    ("projectx", "ping"): ("projectx", lambda _m: {"control": 1}),
    # The connection itself acts on it.
    ("projectx", "close"): ("projectx", lambda _m: {"control": 1}),
}


@pytest.mark.parametrize(("venue", "kind"), EXPECTED)
def test_a_message_is_decoded_as_the_standard_library_reads_it(venue: str, kind: str) -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    held = [m for m in map(json.loads, lines) if (m["dir"], m["venue"], m["kind"]) == ("in", venue, kind)]
    assert len(held) == 1
    given = held[0]["msg"]
    text = given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))
    dialect, read = EXPECTED[venue, kind]
    batch = decoder(dialect).feed([text])
    expected = read(json.loads(text.rstrip("\x1e")))
    # As text, for nan is not equal to itself.
    assert {name: repr(value) for name, value in told(batch).items()} == {
        name: repr(value) for name, value in expected.items()
    }


def test_each_message_that_a_venue_sends_is_looked_at() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    received = [m for m in map(json.loads, lines) if m["dir"] == "in"]
    assert {(m["venue"], m["kind"]) for m in received} == set(EXPECTED)
