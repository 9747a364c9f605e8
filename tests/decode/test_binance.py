"""Binance's decoder against its own messages, parsed by the standard library."""

from __future__ import annotations

import json

import pytest

from mdnb.decode import decoder
from mdnb.rows import Batch
from tests.venues.recordings import frames, parsed

SPOT = "binance_spot_btcusdt_20240808T2354"
FUTURES = "binance_futures"


def decoded(name: str) -> Batch:
    batch = decoder("binance").feed(frames(name))
    assert batch.malformed == []
    return batch


def payloads(name: str, stream: str) -> list[dict[str, object]]:
    return [message["data"] for message in parsed(name) if stream in message.get("stream", "")]


def test_spot_trades_are_those_of_the_recording() -> None:
    expected = [
        (t["T"] * 10**6, float(t["p"]), float(t["q"]), 1, -1 if t["m"] else 1, t["t"])
        for t in payloads(SPOT, "@trade")
    ]
    rows = decoded(SPOT).trades["BTCUSDT"]
    assert rows == expected
    assert len(rows) == 9757
    assert [row[5] for row in rows] == list(range(rows[0][5], rows[0][5] + len(rows)))


def test_spot_quotes_have_no_time() -> None:
    expected = [
        (0, float(q["b"]), float(q["B"]), float(q["a"]), float(q["A"])) for q in payloads(SPOT, "@bookTicker")
    ]
    batch = decoded(SPOT)
    assert batch.quotes["BTCUSDT"] == expected
    assert len(expected) == 28040


def test_spot_depth_with_the_rest_snapshot_in_place() -> None:
    batch = decoded(SPOT)
    updates = batch.depth["BTCUSDT"]
    expected = payloads(SPOT, "@depth")
    snapshots = [update for update in updates if update.snapshot]
    changes = [update for update in updates if not update.snapshot]
    assert (len(snapshots), len(changes)) == (1, len(expected))
    for update, message in zip(changes, expected, strict=True):
        assert update.ts_ns == message["E"] * 10**6
        assert update.bids == [(float(price), float(size)) for price, size in message["b"]]
        assert update.asks == [(float(price), float(size)) for price, size in message["a"]]
    whole = next(message for message in parsed(SPOT) if "lastUpdateId" in message)
    assert snapshots[0].bids == [(float(price), float(size)) for price, size in whole["bids"]]
    assert (
        batch.clock_ns
        == max(message["data"].get("E", 0) for message in parsed(SPOT) if "data" in message) * 10**6
    )


def test_aggregated_trades_count_the_raw_ones() -> None:
    batch = decoded(FUTURES)
    expected: dict[str, list[object]] = {}
    for t in payloads(FUTURES, "@aggTrade"):
        row = (
            t["T"] * 10**6,
            float(t["p"]),
            float(t["q"]),
            t["l"] - t["f"] + 1,
            -1 if t["m"] else 1,
            t["a"],
        )
        expected.setdefault(t["s"], []).append(row)
    assert batch.trades == expected
    assert sum(len(rows) for rows in expected.values()) == 91


def test_klines_keep_their_closed_flag() -> None:
    batch = decoded(FUTURES)
    expected: dict[object, list[object]] = {}
    for message in payloads(FUTURES, "@kline"):
        k = message["k"]
        prices = (float(k["o"]), float(k["h"]), float(k["l"]), float(k["c"]))
        row = (k["t"] * 10**6, *prices, float(k["v"]), k["n"], float(k["q"]))
        expected.setdefault((k["s"], "1min"), []).append((row, k["x"]))
    assert batch.bars == expected
    assert sum(closed for rows in batch.bars.values() for _, closed in rows) == 4


def test_futures_quotes_have_the_venues_time() -> None:
    batch = decoded(FUTURES)
    assert sum(len(rows) for rows in batch.quotes.values()) == 613
    first = payloads(FUTURES, "@bookTicker")[0]
    assert batch.quotes["SUSHIUSDT"][0] == (first["E"] * 10**6, 7.611, 2.0, 7.612, 297.0)


def test_streams_without_envelope_microseconds_and_reordered_keys() -> None:
    trade = '{"e":"trade","E":1735689600010867,"s":"BTCUSDT","t":1,"p":"1","q":"2",'
    trade += '"T":1735689600010866,"m":false}'
    moved = json.dumps({"data": json.loads(trade), "stream": "btcusdt@trade"})
    spaced = json.dumps(json.loads(trade), indent=1)
    batch = decoder("binance").feed([trade, moved, spaced])
    assert batch.malformed == []
    assert batch.trades["BTCUSDT"] == [(1735689600010866000, 1.0, 2.0, 1, 1, 1)] * 3


def test_snapshot_without_symbol_is_refused_where_it_could_be_either_of_two() -> None:
    depth = '{{"stream":"x@depth","data":{{"e":"depthUpdate","E":1,"s":"{}","U":1,"u":2,"b":[],"a":[]}}}}'
    snapshot = '{"lastUpdateId":1,"bids":[["1","2"]],"asks":[]}'
    one = decoder("binance").feed([depth.format("A"), snapshot])
    assert [update.snapshot for update in one.depth["A"]] == [False, True]
    two = decoder("binance").feed([depth.format("A"), depth.format("B"), snapshot])
    assert two.malformed == ["depth without a symbol"]


def test_partial_book_has_its_symbol_in_the_streams_name() -> None:
    frame = '{"stream":"ethusdt@depth5","data":{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}}'
    batch = decoder("binance").feed([frame])
    assert batch.depth["ETHUSDT"][0].snapshot
    assert batch.depth["ETHUSDT"][0].asks == [(3.0, 4.0)]


@pytest.mark.parametrize(("stream", "is_whole"), [("depth20@100ms", True), ("depth@100ms", False)])
def test_a_book_of_futures_is_whole_where_the_streams_name_has_a_number_of_levels(
    stream: str, is_whole: bool
) -> None:
    recorded = payloads(FUTURES, "@depth")[0]
    frame = json.dumps({"stream": f"sushiusdt@{stream}", "data": recorded}, separators=(",", ":"))
    moved = json.dumps({"data": recorded, "stream": f"sushiusdt@{stream}"}, indent=1)
    batch = decoder("binance").feed([frame, moved])
    assert batch.malformed == []
    assert [update.snapshot for update in batch.depth["SUSHIUSDT"]] == [is_whole] * 2
    assert batch.depth["SUSHIUSDT"][0].bids == [
        (float(price), float(size))
        for price, size in recorded["b"]  # type: ignore[attr-defined]  # parsed JSON
    ]


def test_a_partial_book_with_a_key_twice_or_a_key_more_is_looked_at() -> None:
    twice = '{"stream":"ethusdt@depth5","data":{"lastUpdateId":1,"bids":[],"bids":[],"asks":[]}}'
    more = '{"stream":"ethusdt@depth5","data":{"lastUpdateId":1,"bids":[["1","2"]],"asks":[],"new":[]}}'
    batch = decoder("binance").feed([twice, more])
    assert batch.malformed == ["duplicate key"]
    assert [update.bids for update in batch.depth["ETHUSDT"]] == [[(1.0, 2.0)]]


def test_the_size_of_a_futures_trade_is_that_of_all_of_it() -> None:
    frame = (
        '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":123456789,"s":"BTCUSDT","a":5933014,'
        '"p":"0.001","q":"100","nq":"90","f":100,"l":105,"T":123456785,"m":true}}'
    )
    twice = frame.replace('"nq":"90"', '"q":"100"')
    batch = decoder("binance").feed([frame, twice])
    assert batch.trades == {"BTCUSDT": [(123_456_785_000_000, 0.001, 100.0, 6, -1, 5_933_014)]}
    assert batch.malformed == ["duplicate key"]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"result":null,"id":7}', (7, True, "")),
        (
            '{"error":{"code":2,"msg":"Invalid request"},"id":8}',
            (8, False, '{"code":2,"msg":"Invalid request"}'),
        ),
        ('{"code":0,"msg":"Unknown property","id":9}', (9, False, "Unknown property")),
    ],
)
def test_replies(frame: str, expected: tuple[int, bool, str]) -> None:
    batch = decoder("binance").feed([frame])
    assert [(reply.id, reply.ok, reply.error) for reply in batch.replies] == [expected]
    assert (batch.control, batch.malformed) == (1, [])


def test_unknown_events_are_said_to_be_unknown() -> None:
    batch = decoder("binance").feed(
        ['{"stream":"x@y","data":{"e":"brandNew","E":1}}', '{"e":"serverShutdown","E":1}']
    )
    assert (batch.malformed, batch.control) == (["unknown event"], 1)


def test_an_aggregate_counts_from_its_first_to_its_last_trade_and_one_of_none_is_refused() -> None:
    made = (
        '{{"e":"aggTrade","E":1700000000123,"a":7,"s":"BTCUSDT","p":"2.5","q":"3","f":{},"l":{},'
        '"T":1700000000100,"m":true}}'
    )
    batch = decoder("binance").feed([made.format(10, 14), made.format(10, 9)])
    assert batch.trades == {"BTCUSDT": [(1_700_000_000_100_000_000, 2.5, 3.0, 5, -1, 7)]}
    assert batch.clock_ns == 1_700_000_000_123_000_000
    assert batch.malformed == ["aggregate of no trade"]
    spaced = json.dumps(json.loads(made.format(10, 14)), indent=1)
    assert decoder("binance").feed([spaced]).trades == batch.trades


@pytest.mark.parametrize(("pu", "previous"), [(None, 156), (149, 149)])
def test_a_change_of_the_book_says_which_one_it_follows(pu: int | None, previous: int) -> None:
    # developers.binance.com: of spot U is the last u + 1; of futures pu is the u of the event before.
    event = {
        "e": "depthUpdate",
        "E": 1672515782136,
        "s": "BNBBTC",
        "U": 157,
        "u": 160,
        "b": [["0.0024", "10"]],
    }
    event |= {"a": []} | ({} if pu is None else {"T": 1672515782130, "pu": pu})
    [update] = decoder("binance").feed([json.dumps(event, separators=(",", ":"))]).depth["BNBBTC"]
    assert (update.previous_id, update.last_id, update.snapshot) == (previous, 160, False)
