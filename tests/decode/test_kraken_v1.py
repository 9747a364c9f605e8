"""Kraken v1's decoder against recordings, parsed by the standard library."""

from __future__ import annotations

from decimal import Decimal

from mdnb.decode import decoder
from tests.venues.recordings import decimal_ns, frames, parsed


def test_trades_are_those_of_the_recording() -> None:
    batch = decoder("kraken_v1").feed(frames("kraken_v1_trade"))
    expected: dict[str, list[object]] = {}
    for message in parsed("kraken_v1_trade"):
        if isinstance(message, list):
            for price, size, time, side, _, _ in message[1]:
                row = (decimal_ns(time), float(price), float(size), 1, {"b": 1, "s": -1}[side], -1)
                expected.setdefault(message[3], []).append(row)
    assert batch.malformed == []
    assert batch.trades == expected
    assert sum(len(rows) for rows in expected.values()) == 10
    assert batch.frames == 49 == batch.control + 8
    assert [reply.ok for reply in batch.replies] == [True] * 10


def test_several_trades_in_one_frame_keep_their_order() -> None:
    frame = '[1,[["2.5","1","1618678158.1","s","m",""],["2.25","3","1618678158.1","b","l",""]],"trade","X/Y"]'
    rows = decoder("kraken_v1").feed([frame]).trades["X/Y"]
    assert [(row[1], row[4]) for row in rows] == [(2.5, -1), (2.25, 1)]


def test_a_bad_trade_does_not_cost_the_others() -> None:
    frame = (
        '[1,[["2.5","1","1618678158.1","s","m",""],["inf","1","1618678158.1","s","m",""],'
        '["2.5","1","1e9","s","m",""],["3","1","1618678158.1","s","m",""]],"trade","X/Y"]'
    )
    batch = decoder("kraken_v1").feed([frame])
    assert [row[1] for row in batch.trades["X/Y"]] == [2.5, 3.0]
    assert batch.malformed == ["wrong shape at $[0]", "wrong time"]


def test_book_updates_and_snapshots() -> None:
    batch = decoder("kraken_v1").feed(frames("kraken_v1_book"))
    assert batch.malformed == []
    messages = [m for m in parsed("kraken_v1_book") if isinstance(m, list)]
    assert sum(len(updates) for updates in batch.depth.values()) == len(messages) == 4279
    for symbol, updates in batch.depth.items():
        of_one = [m for m in messages if m[-1] == symbol]
        for update, message in zip(updates, of_one, strict=True):
            parts = message[1:-2]
            bids = [level for part in parts for level in part.get("b", part.get("bs", []))]
            asks = [level for part in parts for level in part.get("a", part.get("as", []))]
            assert update.snapshot == ("as" in parts[0])
            assert update.bids == [(float(level[0]), float(level[1])) for level in bids]
            assert update.asks == [(float(level[0]), float(level[1])) for level in asks]
            assert update.ts_ns == decimal_ns(max(Decimal(level[2]) for level in bids + asks))


def test_tickers_have_no_time() -> None:
    batch = decoder("kraken_v1").feed(frames("kraken_v1_ticker"))
    messages = [m for m in parsed("kraken_v1_ticker") if isinstance(m, list)]
    assert (batch.malformed, len(messages)) == ([], 18)
    for symbol, rows in batch.quotes.items():
        assert rows == [
            (0, float(m[1]["b"][0]), float(m[1]["b"][2]), float(m[1]["a"][0]), float(m[1]["a"][2]))
            for m in messages
            if m[3] == symbol
        ]


def test_spread_and_candles() -> None:
    candle = '[42,["{}","1542057300.000000","4","6","3","5","4.4","0.5",2],"ohlc-5","XBT/USD"]'
    made = decoder("kraken_v1")
    batch = made.feed(
        [
            '[0,["5698.4","5700.0","1542057299.545897","1.01","0.98"],"spread","XBT/USD"]',
            candle.format("1542057314.748456"),
            candle.format("1542057315.748456").replace("1542057300", "1542057600"),
        ]
    )
    assert batch.malformed == []
    assert batch.quotes["XBT/USD"] == [(1542057299545897000, 5698.4, 1.01, 5700.0, 0.98)]
    bars = batch.bars["XBT/USD", "5min"]
    assert [(row[0] // 10**9, closed) for row, closed in bars] == [
        (1542057000, False),
        (1542057000, True),
        (1542057300, False),
    ]
    assert bars[0][0][1:7] == (4.0, 6.0, 3.0, 5.0, 0.5, 2)


def test_refused_subscription() -> None:
    frame = (
        '{"errorMessage":"Currency pair not supported X/Y","event":"subscriptionStatus","pair":"X/Y",'
        '"reqid":9,"status":"error","subscription":{"name":"trade"}}'
    )
    (reply,) = decoder("kraken_v1").feed([frame]).replies
    assert (reply.id, reply.ok, reply.error) == (9, False, "Currency pair not supported X/Y")


def test_an_event_of_another_kind_is_refused() -> None:
    batch = decoder("kraken_v1").feed(['{"event":"surprise"}', '{"event":"heartbeat"}'])
    assert (batch.control, batch.malformed) == (1, ["unknown event"])
