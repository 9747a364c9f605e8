"""A venue's bar that is still being made is never a closed one, whichever way the venue tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.decode import decoder
from mdnb.decode.fields import OpenBars
from mdnb.rows import BarRow, Batch

BEGIN = 1_700_000_040  # on the minute

Write = Callable[[int, str, bool], Any]
"""Makes the message of the minute that begins at a second, with a close, and whether it has closed."""


def iso(second: int) -> str:
    assert 0 <= second - BEGIN < 600
    return f"2023-11-14T22:{14 + (second - BEGIN) // 60}:{(second - BEGIN) % 60:02d}.000000000Z"


def binance(second: int, close: str, closed: bool) -> Any:
    names = {
        "o": "1",
        "c": close,
        "h": "9",
        "l": "1",
        "v": "5",
        "n": 2,
        "q": "7",
        "V": "1",
        "Q": "1",
        "B": "0",
    }
    times = {
        "t": second * 1000,
        "T": second * 1000 + 59_999,
        "s": "X",
        "i": "1m",
        "f": 1,
        "L": 2,
        "x": closed,
    }
    return {"e": "kline", "E": second * 1000 + 5, "s": "X", "k": {**times, **names}}


def okx(second: int, close: str, closed: bool) -> Any:
    row = [str(second * 1000), "1", "9", "1", close, "5", "6", "7", "1" if closed else "0"]
    return {"arg": {"channel": "candle1m", "instId": "X"}, "data": [row]}


def bybit(second: int, close: str, closed: bool) -> Any:
    prices = {"open": "1", "high": "9", "low": "1", "close": close, "volume": "5", "turnover": "7"}
    times = {"start": second * 1000, "end": second * 1000 + 59_999, "timestamp": second * 1000 + 5}
    row = {**times, **prices, "interval": "1", "confirm": closed}
    return {"topic": "kline.1.X", "type": "snapshot", "ts": second * 1000 + 5, "data": [row]}


def gateio(second: int, close: str, closed: bool) -> Any:
    message = gateio_before(second, close, closed)
    message["result"] |= {"a": "5", "w": closed}
    return message


def gateio_before(second: int, close: str, _closed: bool) -> Any:
    row = {"t": str(second), "v": "7", "c": close, "h": "9", "l": "1", "o": "1", "n": "1m_X"}
    return {"time": second + 5, "channel": "spot.candlesticks", "event": "update", "result": row}


def hyperliquid(second: int, close: str, _closed: bool) -> Any:
    row = {
        "t": second * 1000,
        "s": "X",
        "i": "1m",
        "o": "1",
        "c": close,
        "h": "9",
        "l": "1",
        "v": "5",
        "n": 2,
    }
    return {"channel": "candle", "data": row}


def kraken(second: int, close: str, _closed: bool) -> Any:
    prices = {"open": 1.0, "high": 9.0, "low": 1.0, "close": float(close)}
    row = {"symbol": "X", **prices, "trades": 2, "volume": 5.0, "interval_begin": iso(second), "interval": 1}
    return {"channel": "ohlc", "type": "update", "timestamp": iso(second), "data": [row]}


def kraken_v1(second: int, close: str, _closed: bool) -> Any:
    row = [f"{second + 5}.000000", f"{second + 60}.000000", "1", "9", "1", close, "1", "5", 2]
    return [42, row, "ohlc-1", "X"]


def bitget(second: int, close: str, _closed: bool) -> Any:
    arg = {"instType": "SPOT", "channel": "candle1m", "instId": "X"}
    row = [str(second * 1000), "1", "9", "1", close, "5", "7", "7"]
    return {"action": "update", "arg": arg, "data": [row], "ts": second * 1000 + 5}


def deribit(second: int, close: str, _closed: bool) -> Any:
    row = {
        "tick": second * 1000,
        "open": 1,
        "high": 9,
        "low": 1,
        "close": float(close),
        "volume": 5,
        "cost": 7,
    }
    params = {"channel": "chart.trades.X.1", "data": row}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def gemini(second: int, close: str, _closed: bool) -> Any:
    row = [second * 1000, 1, 9, 1, float(close), 5]
    return {"type": "candles_1m_updates", "symbol": "X", "changes": [row]}


def kucoin(second: int, close: str, _closed: bool) -> Any:
    data = {"symbol": "X", "candles": [str(second), "1", close, "9", "1", "5", "7"], "time": second * 10**9}
    return {
        "type": "message",
        "topic": "/market/candles:X_1min",
        "subject": "trade.candles.update",
        "data": data,
    }


TOLD: dict[str, Write] = {"binance": binance, "bybit": bybit, "okx": okx, "gateio": gateio}
"""Of these venues each message says whether the bar has closed."""

UNTOLD: dict[str, tuple[str, Write]] = {
    "bitget": ("bitget", bitget),
    "deribit": ("deribit", deribit),
    "gateio of 2021": ("gateio", gateio_before),
    "gemini": ("gemini", gemini),
    "hyperliquid": ("hyperliquid", hyperliquid),
    "kraken": ("kraken", kraken),
    "kraken_v1": ("kraken_v1", kraken_v1),
    "kucoin": ("kucoin", kucoin),
}
"""Of these the next bar says it."""


def seen(batch: Batch) -> list[tuple[int, float, bool]]:
    assert batch.malformed == []
    return [(row[0] // 10**9 - BEGIN, row[4], closed) for row, closed in batch.bars.get(("X", "1min"), [])]


@pytest.mark.parametrize("venue", TOLD)
@pytest.mark.parametrize("at_once", [True, False])
def test_where_the_venue_tells_a_bar_is_closed_when_it_says_so(venue: str, at_once: bool) -> None:
    messages = [(0, "2", False), (0, "3", False), (0, "4", True), (60, "5", False), (120, "6", True)]
    frames = [
        json.dumps(TOLD[venue](BEGIN + second, close, closed), separators=(",", ":"))
        for second, close, closed in messages
    ]
    made = decoder(venue)
    batches = [made.feed(frames)] if at_once else [made.feed([frame]) for frame in frames]
    assert [bar for batch in batches for bar in seen(batch)] == [
        (second, float(close), closed) for second, close, closed in messages
    ]


@pytest.mark.parametrize("name", UNTOLD)
@pytest.mark.parametrize("at_once", [True, False])
def test_where_it_does_not_a_bar_is_closed_by_the_next_one_as_it_was_last(name: str, at_once: bool) -> None:
    venue, write = UNTOLD[name]
    frames = [
        json.dumps(write(BEGIN + second, close, False), separators=(",", ":"))
        for second, close in ((0, "2"), (0, "3"), (60, "4"), (180, "5"), (180, "6"))
    ]
    made = decoder(venue)
    batches = [made.feed(frames)] if at_once else [made.feed([frame]) for frame in frames]
    assert [bar for batch in batches for bar in seen(batch)] == [
        *[(0, 2.0, False), (0, 3.0, False), (0, 3.0, True)],
        *[(60, 4.0, False), (60, 4.0, True)],
        *[(180, 5.0, False), (180, 6.0, False)],
    ]


def test_a_candle_of_okx_without_its_flag_is_not_closed() -> None:
    for length in (6, 7, 8):
        message = okx(BEGIN, "2", True)
        message["data"] = [message["data"][0][:length]]
        assert seen(decoder("okx").feed([json.dumps(message)])) == [(0, 2.0, False)]


def test_a_venue_that_connects_again_does_not_close_the_bar_that_it_repeats() -> None:
    made = decoder("hyperliquid")
    bars = []
    for second, close in ((0, "2"), (60, "3"), (0, "2"), (60, "4"), (120, "5")):
        bars += seen(made.feed([json.dumps(hyperliquid(BEGIN + second, close, False))]))
    assert [bar for bar in bars if bar[2]] == [(0, 2.0, True), (0, 2.0, True), (60, 4.0, True)]


_one = st.tuples(st.sampled_from(["X", "Y"]), st.sampled_from(["1min", "5min"]), st.integers(0, 6))


@given(st.lists(st.lists(_one, max_size=6), max_size=12))
def test_open_bars_are_those_that_no_later_bar_of_their_kind_followed(
    batches: list[list[tuple[str, str, int]]],
) -> None:
    bars = OpenBars()
    told: dict[tuple[str, str], list[BarRow]] = {}
    for number, batch_of in enumerate(batches):
        batch = Batch()
        expected: dict[tuple[str, str], list[tuple[BarRow, bool]]] = {}
        for place, (symbol, timeframe, start) in enumerate(batch_of):
            row: BarRow = (start, 1.0, 9.0, 1.0, float(number), float(place), 2, 5.0)
            before = told.setdefault((symbol, timeframe), [])
            out = expected.setdefault((symbol, timeframe), [])
            newest = max((one[0] for one in before), default=-1)
            if start > newest >= 0:
                # As it was told last.
                out.append(([one for one in before if one[0] == newest][-1], True))
            out.append((row, start < newest))
            before.append(row)
            bars.add(batch, symbol, timeframe, row)
        assert batch.bars == expected


ACKNOWLEDGED: dict[str, Any] = {
    "bitget": {"event": "subscribe", "arg": {"instType": "SPOT", "channel": "candle1m", "instId": "X"}},
    "deribit": {"jsonrpc": "2.0", "id": 4, "result": ["trades.X.raw", "chart.trades.X.1"], "testnet": False},
    "kucoin": {"id": "NSkIrWGB1s", "type": "welcome"},
    "gateio of 2021": {
        "time": BEGIN,
        "channel": "spot.candlesticks",
        "event": "subscribe",
        "result": {"status": "success"},
    },
    "hyperliquid": {
        "channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": {"type": "candle", "coin": "X", "interval": "1m"}},
    },
    "kraken": {
        "method": "subscribe",
        "result": {"channel": "ohlc", "interval": 1, "snapshot": True, "symbol": "X"},
        "success": True,
        "req_id": 4,
    },
    "kraken_v1": {
        "channelID": 42,
        "channelName": "ohlc-1",
        "event": "subscriptionStatus",
        "pair": "X",
        "status": "subscribed",
        "subscription": {"interval": 1, "name": "ohlc"},
    },
}
"""What follows a subscription of candles, or a connection, as the venues document it."""


@pytest.mark.parametrize("name", ACKNOWLEDGED)
@pytest.mark.parametrize("at_once", [True, False])
def test_one_that_was_being_made_when_the_connection_was_lost_is_not_closed_as_it_was(
    name: str, at_once: bool
) -> None:
    venue, write = UNTOLD[name]
    before, *after = (
        write(BEGIN + second, close, False) for second, close in ((0, "2"), (180, "5"), (240, "6"))
    )
    told = [ACKNOWLEDGED[name], before, ACKNOWLEDGED[name], *after]
    frames = [json.dumps(message, separators=(",", ":")) for message in told]
    made = decoder(venue)
    batches = [made.feed(frames)] if at_once else [made.feed([frame]) for frame in frames]
    closed = [(second, close) for batch in batches for second, close, is_closed in seen(batch) if is_closed]
    assert closed == [(180, 5.0)]


def test_where_it_is_told_again_as_it_ended_it_is_closed_so() -> None:
    rows = [(0, "4"), (60, "5"), (120, "6")]
    snapshot = kraken(BEGIN, "1", False) | {"type": "snapshot"}
    snapshot["data"] = [kraken(BEGIN + second, close, False)["data"][0] for second, close in rows]
    frames = [kraken(BEGIN, "2", False), ACKNOWLEDGED["kraken"], snapshot, kraken(BEGIN + 120, "7", False)]
    made = decoder("kraken")
    bars = [bar for frame in frames for bar in seen(made.feed([json.dumps(frame, separators=(",", ":"))]))]
    assert [bar[:2] for bar in bars if bar[2]] == [(0, 4.0), (60, 5.0)]


def test_a_snapshot_that_does_not_reach_back_to_it_does_not_close_it() -> None:
    snapshot = kraken(BEGIN + 180, "5", False) | {"type": "snapshot"}
    frames = [kraken(BEGIN, "2", False), snapshot, kraken(BEGIN + 240, "6", False)]
    batch = decoder("kraken").feed([json.dumps(frame, separators=(",", ":")) for frame in frames])
    assert [bar[:2] for bar in seen(batch) if bar[2]] == [(180, 5.0)]


def bitget_snapshot(*rows: tuple[int, str]) -> Any:
    made = bitget(BEGIN, "1", False) | {"action": "snapshot"}
    return made | {"data": [bitget(BEGIN + second, close, False)["data"][0] for second, close in rows]}


def gemini_snapshot(*rows: tuple[int, str]) -> Any:
    held = [gemini(BEGIN + second, close, False)["changes"][0] for second, close in rows]
    return gemini(BEGIN, "1", False) | {"changes": held[::-1]}


@pytest.mark.parametrize(
    ("venue", "write", "snapshot"), [("bitget", bitget, bitget_snapshot), ("gemini", gemini, gemini_snapshot)]
)
def test_past_candles_close_what_they_reach_back_to(
    venue: str, write: Write, snapshot: Callable[..., Any]
) -> None:
    for rows, closed in (
        ([(0, "4"), (60, "5"), (120, "6")], [(0, 4.0), (60, 5.0)]),
        ([(120, "6"), (180, "7")], [(120, 6.0)]),
    ):
        frames = [write(BEGIN, "2", False), snapshot(*rows)]
        batch = decoder(venue).feed([json.dumps(frame, separators=(",", ":")) for frame in frames])
        assert [bar[:2] for bar in seen(batch) if bar[2]] == closed


def test_past_candles_of_coinbase_advanced_close_what_they_reach_back_to() -> None:
    def message(kind: str, *starts: int) -> str:
        prices = {"high": "9", "low": "1", "open": "1", "close": "2", "volume": "5", "product_id": "X"}
        event = {"type": kind, "candles": [prices | {"start": str(start)} for start in starts]}
        return json.dumps(
            {"channel": "candles", "timestamp": iso(BEGIN), "sequence_num": 1, "events": [event]}
        )

    made = decoder("coinbase_advanced")
    frames = [message("update", 300), message("snapshot", 1500, 1200), message("update", 1800)]
    bars = made.feed(frames).bars["X", "5min"]
    assert [row[0] // 10**9 for row, is_closed in bars if is_closed] == [1200, 1500]


OF_FIVE_MINUTES = {
    "bitget": ("candle1m", "candle5m"),
    "hyperliquid": ('"i":"1m"', '"i":"5m"'),
    "kraken": ('"interval":1', '"interval":5'),
    "kraken_v1": ("ohlc-1", "ohlc-5"),
}
"""How a candle of five minutes differs, of venues that acknowledge each kind of candle by itself."""


@pytest.mark.parametrize("name", OF_FIVE_MINUTES)
@pytest.mark.parametrize("is_another_symbol", [True, False])
def test_what_is_acknowledged_of_one_kind_of_candle_says_nothing_of_another(
    name: str, is_another_symbol: bool
) -> None:
    venue, write = UNTOLD[name]
    change = ('"X"', '"Y"') if is_another_symbol else OF_FIVE_MINUTES[name]
    candles = [
        json.dumps(write(BEGIN + second, close, False), separators=(",", ":"))
        for second, close in ((0, "2"), (360, "5"))
    ]
    acknowledged = json.dumps(ACKNOWLEDGED[name], separators=(",", ":"))
    other = [candle.replace(*change) for candle in candles]
    batch = decoder(venue).feed([candles[0], other[0], acknowledged, candles[1], other[1]])
    assert batch.malformed == []
    closed = {key: [row[4] for row, is_closed in rows if is_closed] for key, rows in batch.bars.items()}
    assert closed == {("X", "1min"): [], (("Y", "1min") if is_another_symbol else ("X", "5min")): [2.0]}
