"""Coinbase Exchange's decoder against a recording, parsed by the standard library."""

from __future__ import annotations

import json

from mdnb.decode import decoder
from tests.venues.recordings import frames, iso_ns, parsed

NAME = "coinbase_exchange_a"
MATCH = {
    "type": "match",
    "trade_id": 7,
    "maker_order_id": "a",
    "taker_order_id": "b",
    "side": "sell",
    "size": "985",
    "price": "0.00001305",
    "product_id": "SKL-BTC",
    "sequence": 1,
    "time": "2021-04-17T16:43:37.089723Z",
}


def test_matches_are_those_of_the_recording_and_the_taker_did_the_opposite_of_the_maker() -> None:
    batch = decoder("coinbase").feed(frames(NAME))
    expected: dict[str, list[object]] = {}
    for m in parsed(NAME):
        if m["type"] in ("match", "last_match"):
            side = {"sell": 1, "buy": -1}[m["side"]]
            row = (iso_ns(m["time"]), float(m["price"]), float(m["size"]), 1, side, m["trade_id"])
            expected.setdefault(m["product_id"], []).append(row)
    assert batch.malformed == []
    assert batch.trades == expected
    assert sum(len(rows) for rows in expected.values()) == 31 + 10
    for rows in batch.trades.values():
        assert [row[5] for row in rows] == list(range(rows[0][5], rows[0][5] + len(rows)))


def test_side_agrees_with_the_ticker_which_shows_the_takers() -> None:
    batch = decoder("coinbase").feed(frames(NAME))
    sides = {(symbol, row[5]): row[4] for symbol, rows in batch.trades.items() for row in rows}
    tickers = [m for m in parsed(NAME) if m["type"] == "ticker"]
    checked = [m for m in tickers if (m["product_id"], m["trade_id"]) in sides]
    assert len(checked) == len(tickers) == 41
    for ticker in checked:
        assert sides[ticker["product_id"], ticker["trade_id"]] == {"buy": 1, "sell": -1}[ticker["side"]]


def test_the_first_trades_are_old() -> None:
    first = next(frame for frame in frames(NAME) if "last_match" in frame)
    batch = decoder("coinbase").feed([first])
    assert batch.trades["BAND-GBP"][0][0] == iso_ns("2021-04-17T16:43:30.244075")
    # The recording began 7 seconds later.
    assert 1618677816_843429800 - batch.trades["BAND-GBP"][0][0] > 6 * 10**9


def test_tickers_are_quotes_and_no_trades() -> None:
    batch = decoder("coinbase").feed([frame for frame in frames(NAME) if '"type":"ticker"' in frame])
    expected = [
        (iso_ns(m["time"]), float(m["best_bid"]), float(m["best_ask"]))
        for m in parsed(NAME)
        if m["type"] == "ticker" and m["product_id"] == "SKL-USD"
    ]
    assert [(row[0], row[1], row[3]) for row in batch.quotes["SKL-USD"]] == expected
    assert all(row[2] != row[2] and row[4] != row[4] for row in batch.quotes["SKL-USD"])
    assert batch.trades == {}


def test_ticker_of_today_has_sizes() -> None:
    frame = json.dumps(
        {
            "type": "ticker",
            "product_id": "BTC-USD",
            "best_bid": "1",
            "best_bid_size": "2",
            "best_ask": "3",
            "best_ask_size": "4",
            "time": "2022-10-19T23:28:22.061769Z",
        }
    )
    batch = decoder("coinbase").feed([frame])
    assert batch.quotes == {"BTC-USD": [(iso_ns("2022-10-19T23:28:22.061769"), 1.0, 2.0, 3.0, 4.0)]}


def test_depth() -> None:
    batch = decoder("coinbase").feed(frames(NAME))
    messages = [m for m in parsed(NAME) if m["type"] in ("snapshot", "l2update")]
    assert sum(len(updates) for updates in batch.depth.values()) == len(messages) == 10 + 4659
    of_one = [m for m in messages if m["product_id"] == "BAND-BTC"]
    for update, m in zip(batch.depth["BAND-BTC"], of_one, strict=True):
        assert update.snapshot == (m["type"] == "snapshot")
        if update.snapshot:
            assert update.ts_ns == 0
            assert update.bids == [(float(price), float(size)) for price, size in m["bids"]]
            assert update.asks == [(float(price), float(size)) for price, size in m["asks"]]
        else:
            assert update.ts_ns == iso_ns(m["time"])
            assert update.bids == [(float(p), float(s)) for side, p, s in m["changes"] if side == "buy"]
            assert update.asks == [(float(p), float(s)) for side, p, s in m["changes"] if side == "sell"]


def test_nothing_is_lost() -> None:
    batch = decoder("coinbase").feed(frames(NAME))
    rows = sum(len(held) for kind in (batch.trades, batch.quotes, batch.depth) for held in kind.values())
    assert batch.frames == 4754
    assert rows + batch.control + len(batch.malformed) == batch.frames
    assert batch.control == 3


def test_errors_and_acknowledgements_are_replies() -> None:
    refusal = '{"type":"error","message":"Failed to subscribe","reason":"XX-YY is not a valid product"}'
    batch = decoder("coinbase").feed([refusal, '{"type":"subscriptions","channels":[]}'])
    assert [(reply.ok, reply.error) for reply in batch.replies] == [
        (False, "Failed to subscribe: XX-YY is not a valid product"),
        (True, ""),
    ]


def test_a_time_without_zone_or_beyond_the_calendar_is_refused() -> None:
    for time in (
        "2021-04-17T16:43:37.089723",
        "2021-13-17T16:43:37Z",
        "2021-04-17T24:43:37Z",
        "1969-12-31T23:59:59Z",
        "",
    ):
        batch = decoder("coinbase").feed([json.dumps({**MATCH, "time": time})])
        assert (batch.malformed, batch.trades) == (["wrong time"], {}), time
