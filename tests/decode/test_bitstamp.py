"""Bitstamp's decoder against a recording, parsed by the standard library."""

from __future__ import annotations

from mdnb.decode import decoder
from tests.venues.recordings import frames, parsed


def test_recording() -> None:
    batch = decoder("bitstamp").feed(frames("bitstamp"))
    trades: dict[str, list[object]] = {}
    books: dict[str, list[object]] = {}
    for message in parsed("bitstamp"):
        data, symbol = message["data"], message["channel"].rpartition("_")[2]
        if message["event"] == "trade":
            side = {0: 1, 1: -1}[data["type"]]
            row = (
                int(data["microtimestamp"]) * 1000,
                float(data["price"]),
                float(data["amount"]),
                1,
                side,
                data["id"],
            )
            trades.setdefault(symbol, []).append(row)
        elif message["event"] == "data":
            levels = [
                [(float(price), float(size)) for price, size in data[side]] for side in ("bids", "asks")
            ]
            books.setdefault(symbol, []).append((int(data["microtimestamp"]) * 1000, False, *levels))
    assert batch.malformed == []
    assert batch.trades == trades
    assert {
        s: [(u.ts_ns, u.snapshot, u.bids, u.asks) for u in held] for s, held in batch.depth.items()
    } == books
    assert (sum(map(len, trades.values())), sum(map(len, books.values())), batch.control) == (10, 717, 20)
    assert batch.frames == 747


def test_whole_books_and_notices() -> None:
    book = (
        '{"data":{"timestamp":"1","microtimestamp":"1641343691591603","bids":[["1","2"]],"asks":[]},'
        '"channel":"order_book_btcusd","event":"data"}'
    )
    error = '{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}'
    batch = decoder("bitstamp").feed(
        [book, error, '{"event":"bts:request_reconnect","channel":"","data":""}']
    )
    assert batch.depth["btcusd"][0].snapshot
    assert [(reply.ok, reply.error) for reply in batch.replies] == [(False, "Bad subscription string.")]
    assert (batch.control, batch.malformed) == (2, [])


def test_a_trade_on_a_channel_of_no_symbol_is_refused() -> None:
    frame = next(frame for frame in frames("bitstamp") if '"event":"trade"' in frame)
    batch = decoder("bitstamp").feed([frame.replace("live_trades_ethusd", "live_trades_")])
    assert (batch.trades, batch.malformed) == ({}, ["unknown channel"])
