"""Gate.io's decoder against a recording, parsed by the standard library."""

from __future__ import annotations

from mdnb.decode import decoder
from tests.venues.recordings import decimal_ns, frames, parsed


def results(channel: str) -> list[dict[str, object]]:
    return [m for m in parsed("gateio") if m["channel"] == channel and m["event"] == "update"]


def test_trades_are_those_of_the_recording_to_a_fraction_of_a_microsecond() -> None:
    batch = decoder("gateio").feed(frames("gateio"))
    expected: dict[str, list[object]] = {}
    for message in results("spot.trades"):
        t = message["result"]
        side = {"buy": 1, "sell": -1}[t["side"]]
        ns = decimal_ns(t["create_time_ms"], 10**6)
        expected.setdefault(t["currency_pair"], []).append(
            (ns, float(t["price"]), float(t["amount"]), 1, side, t["id"])
        )
    assert batch.malformed == []
    assert batch.trades == expected
    assert sum(map(len, expected.values())) == 9
    assert any(row[0] % 1000 for rows in batch.trades.values() for row in rows)


def test_the_rest_of_the_recording() -> None:
    batch = decoder("gateio").feed(frames("gateio"))
    for symbol, rows in batch.quotes.items():
        expected = [
            (m["time"] * 10**9, float(m["result"]["highest_bid"]), float(m["result"]["lowest_ask"]))
            for m in results("spot.tickers")
            if m["result"]["currency_pair"] == symbol
        ]
        assert [(row[0], row[1], row[3]) for row in rows] == expected
    for symbol, updates in batch.depth.items():
        expected_depth = [
            m["result"] for m in results("spot.order_book_update") if m["result"]["s"] == symbol
        ]
        for update, message in zip(updates, expected_depth, strict=True):
            assert (update.ts_ns, update.snapshot) == (message["t"] * 10**6, False)
            assert update.bids == [(float(price), float(size)) for price, size in message["b"]]
    counts = [sum(map(len, held.values())) for held in (batch.trades, batch.quotes, batch.depth, batch.bars)]
    assert counts == [9, 22, 172, 14]
    assert sum(counts) + batch.control == batch.frames == 239


def test_candles_of_the_recording_give_turnover_but_no_volume() -> None:
    batch = decoder("gateio").feed(frames("gateio"))
    (row, closed), *_ = batch.bars["DIS_USDT", "1min"]
    assert (row[0], row[1:5], closed) == (1619093520 * 10**9, (120.92, 120.92, 120.92, 120.92), False)
    assert (row[5] != row[5], row[7]) == (True, 0.0)


def test_candles_of_today_say_whether_they_are_closed() -> None:
    frame = (
        '{"time":1,"time_ms":1000,"channel":"spot.candlesticks","event":"update","result":{"t":"1606292580","v":"2362.5",'
        '"c":"19128.1","h":"19128.1","l":"19128.0","o":"19128.0","n":"1m_BTC_USDT","a":"3.8283","w":true}}'
    )
    ((row, closed),) = decoder("gateio").feed([frame]).bars["BTC_USDT", "1min"]
    assert (row[5:], closed) == ((3.8283, 0, 2362.5), True)


def test_refusal() -> None:
    frame = '{"time":1,"id":4,"channel":"spot.trades","event":"subscribe",'
    frame += '"error":{"code":2,"message":"unknown currency pair"}}'
    (reply,) = decoder("gateio").feed([frame]).replies
    assert (reply.id, reply.ok, reply.error) == (4, False, "unknown currency pair")


def test_a_book_without_levels_is_refused() -> None:
    frame = (
        '{"time":1,"channel":"spot.order_book_update","event":"update",'
        '"result":{"t":1606294781123,"s":"BTC_USDT","bids":[]}}'
    )
    batch = decoder("gateio").feed([frame])
    assert (batch.depth, batch.malformed) == ({}, ["depth without levels"])
