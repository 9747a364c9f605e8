"""mdnb's own protocol, decoded: every kind of frame, and everything that is none."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.decode import decoder
from mdnb.decode.wire import PROTOCOL_VERSION, Decoder
from mdnb.feeds import wire
from mdnb.rows import Batch, marks_of

NS = st.integers(1, 2**63 - 1)
PRICE = st.floats(-1e12, 1e12)
SIZE = st.floats(0, 1e12)
SYMBOL = st.sampled_from(["MNQ", "BTC-USD", "BTC/USDT:USDT", "Ω:null", "a b"])
TRADE = st.tuples(
    NS, PRICE, SIZE, st.integers(1, 1000), st.sampled_from([-1, 0, 1]), st.integers(-1, 2**63 - 1)
)
QUOTE = st.tuples(NS, *[st.one_of(st.none(), PRICE), st.one_of(st.none(), SIZE)] * 2)
BAR = st.tuples(NS, PRICE, PRICE, PRICE, PRICE, SIZE, st.integers(0, 2**40), st.one_of(st.none(), PRICE))
LEVELS = st.lists(st.tuples(PRICE, SIZE), max_size=12)

GOOD = '{"e":"trades","s":"MNQ","r":[[5,21589.25,2.0,1,-1,7]]}'
ROW = (5, 21589.25, 2.0, 1, -1, 7)


def decode(*frames: str | bytes) -> Batch:
    return Decoder().feed(frames)


def known(value: float | None) -> float:
    return math.nan if value is None else value


def same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)


def test_the_dialect_is_found_by_name() -> None:
    assert isinstance(decoder("mdnb"), Decoder)


def test_server_and_client_speak_one_version() -> None:
    assert PROTOCOL_VERSION == wire.PROTOCOL_VERSION


@given(st.lists(st.tuples(SYMBOL, st.lists(TRADE, min_size=1, max_size=5)), max_size=8))
def test_trades_come_out_in_order_as_they_went_in(frames: list[tuple[str, list[Any]]]) -> None:
    batch = decode(*(json.dumps({"e": "trades", "s": symbol, "r": rows}) for symbol, rows in frames))
    expected: dict[str, list[Any]] = {}
    for symbol, rows in frames:
        expected.setdefault(symbol, []).extend(rows)
    assert batch.trades == expected
    assert batch.malformed == []
    assert batch.frames == len(frames)
    assert batch.clock_ns == max([rows[-1][0] for _, rows in frames], default=0)


@given(SYMBOL, st.lists(QUOTE, min_size=1, max_size=5))
def test_quotes_show_a_missing_side_as_nan(symbol: str, rows: list[Any]) -> None:
    batch = decode(json.dumps({"e": "quotes", "s": symbol, "r": rows}))
    assert same(batch.quotes[symbol], [(row[0], *(known(value) for value in row[1:])) for row in rows])


@given(SYMBOL, st.booleans(), st.lists(BAR, min_size=1, max_size=5))
def test_bars_keep_their_timeframe(symbol: str, closed: bool, rows: list[Any]) -> None:
    batch = decode(json.dumps({"e": "bars", "s": symbol, "tf": "1min", "closed": closed, "r": rows}))
    expected = [((*row[:7], known(row[7])), closed) for row in rows]
    assert same(batch.bars[symbol, "1min"], expected)
    assert batch.clock_ns == 0, "a bar's start is not the time"


@given(SYMBOL, NS, st.booleans(), LEVELS, LEVELS)
def test_depth_keeps_its_levels(symbol: str, ts: int, snap: bool, bids: list[Any], asks: list[Any]) -> None:
    batch = decode(json.dumps({"e": "depth", "s": symbol, "t": ts, "snap": snap, "b": bids, "a": asks}))
    (update,) = batch.depth[symbol]
    assert (update.ts_ns, update.snapshot, update.bids, update.asks) == (ts, snap, bids, asks)


def test_control_frames_move_the_clock_and_are_counted() -> None:
    batch = decode(
        '{"e":"welcome","v":1,"t":10,"speed":60.0,"venue":"sim"}',
        '{"e":"clock","t":30}',
        '{"e":"clock","t":20}',
        '{"e":"end","t":25}',
    )
    assert (batch.control, batch.clock_ns, batch.speed, batch.ended) == (4, 30, 60.0, True)
    assert not decode('{"e":"clock","t":20}').ended


def test_replies_carry_whatever_else_they_hold() -> None:
    batch = decode(
        '{"e":"reply","id":7,"ok":true,"rows":[[1,2.5]],"more":false,"instrument":{"symbol":"a:b"}}',
        b'{"id":8,"ok":false,"error":"no such symbol: X","e":"reply"}',
    )
    first, second = batch.replies
    assert (first.id, first.ok, first.error) == (7, True, "")
    assert first.payload == {"rows": [[1, 2.5]], "more": False, "instrument": {"symbol": "a:b"}}
    assert (second.id, second.ok, second.error, second.payload) == (8, False, "no such symbol: X", {})


MALFORMED = {
    "empty": "",
    "truncated": GOOD[:-3],
    "no object": "[1,2]",
    "another kind": '{"e":"gossip","s":"MNQ"}',
    "no kind": '{"s":"MNQ","r":[]}',
    "no rows": '{"e":"trades","s":"MNQ","r":[]}',
    "no symbol": '{"e":"trades","r":[[5,1.0,2.0,1,-1,7]]}',
    "empty symbol": '{"e":"trades","s":"","r":[[5,1.0,2.0,1,-1,7]]}',
    "endless symbol": json.dumps({"e": "trades", "s": "M" * 1000, "r": [ROW]}),
    "NaN": GOOD.replace("21589.25", "NaN"),
    "infinite": GOOD.replace("21589.25", "1e999"),
    "five thousand digits": GOOD.replace("21589.25", "9" * 5000),
    "text for a price": GOOD.replace("21589.25", '"21589.25"'),
    "no price": GOOD.replace("21589.25", "null"),
    "no time": GOOD.replace("[5,", "[0,"),
    "time beyond 64 bits": GOOD.replace("[5,", "[9223372036854775808,"),
    "id beyond 64 bits": GOOD.replace(",7]", ",9223372036854775808]"),
    "side": GOOD.replace("-1,7", "2,7"),
    "count": GOOD.replace("1,-1", "0,-1"),
    "short row": GOOD.replace(",7]", "]"),
    "long row": GOOD.replace(",7]", ",7,8]"),
    "duplicate key": GOOD.replace('"s"', '"s":"MES","s"'),
    "duplicate key of a reply": '{"e":"reply","id":1,"ok":true,"rows":[],"rows":[1]}',
    "duplicate key in a reply": '{"e":"reply","id":1,"ok":true,"instrument":{"a":1,"a":2}}',
    "deep": "[" * 200_000,
    "deep inside": '{"e":"clock","t":5,"x":' + "[" * 200_000 + "]" * 200_000 + "}",
    "not UTF-8": b'{"e":"clock","t":5}\xff',
    "half a surrogate": '{"e":"end","t":5,"\ud800":1}',
    "another version": '{"e":"welcome","v":2,"t":10,"speed":1.0}',
    "standing still": '{"e":"welcome","v":1,"t":10,"speed":0}',
    "reply without id": '{"e":"reply","ok":true}',
    "depth without sides": '{"e":"depth","s":"MNQ","t":5,"snap":true}',
    "bars without rows": '{"e":"bars","s":"MNQ","tf":"1min","closed":true,"r":[]}',
}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_frame_is_refused_and_the_next_one_taken(frame: str | bytes) -> None:
    batch = decode(GOOD, frame, GOOD)
    assert batch.trades == {"MNQ": [ROW, ROW]}
    assert len(batch.malformed) == 1
    assert len(batch.malformed[0]) < 100
    assert (batch.frames, batch.control, batch.replies, batch.bars) == (3, 0, [], {})
    assert all(update.is_torn for updates in batch.depth.values() for update in updates)


def test_an_unknown_field_is_no_reason_to_refuse() -> None:
    batch = decode('{"e":"clock","t":5,"venue":"sim"}', GOOD[:-1] + ',"x":{"y":1}}')
    assert (batch.control, batch.trades, batch.malformed) == (1, {"MNQ": [ROW]}, [])


def test_one_bad_row_does_not_cost_the_others() -> None:
    rows = [list(ROW), [5, "x", 2.0, 1, -1, 8], [6, 1.0, 2.0, 1, 1, 9]]
    batch = decode(json.dumps({"e": "trades", "s": "MNQ", "r": rows}))
    assert batch.trades == {"MNQ": [ROW, (6, 1.0, 2.0, 1, 1, 9)]}
    assert batch.malformed == ["wrong shape at $.r[0][1]"]
    bars = [[60, 1.0, 2.0, 0.5, 1.5, 3.0, 2, None], [120, 1.0]]
    batch = decode(json.dumps({"e": "bars", "s": "MNQ", "tf": "1min", "closed": True, "r": bars}))
    assert [(row[0], closed) for row, closed in batch.bars["MNQ", "1min"]] == [(60, True)]
    assert len(batch.malformed) == 1


@given(st.one_of(st.text(), st.binary()))
def test_noise_is_refused(noise: str | bytes) -> None:
    assert len(decode(noise).malformed) == 1


@given(st.data())
def test_a_damaged_frame_is_taken_or_refused_but_never_both(data: st.DataObject) -> None:
    frame = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    batch = decode(bytes(frame))
    taken = sum(len(rows) for rows in batch.trades.values())
    assert taken + len(batch.malformed) == 1


def test_an_end_stays_one_whatever_comes_behind_it() -> None:
    assert decode('{"e":"end","t":25}', '{"e":"clock","t":30}').ended


def test_marked_trades_and_what_is_said_later_of_trades() -> None:
    batch = decoder("mdnb").feed(
        [
            '{"e":"marked","s":"X","r":[[5,9.0,1.0,1,0,7,48],[6,9.5,1.0,1,0,8,0]]}',
            '{"e":"changes","s":"X","r":[[9,7,9.0,1.0,[9,9.5,2.0,1,0,70,16]],[10,8,9.5,1.0,null]]}',
        ]
    )
    assert batch.trades == {"X": [(5, 9.0, 1.0, 1, 0, 7), (6, 9.5, 1.0, 1, 0, 8)]}
    assert [marks_of(row) for row in batch.trades["X"]] == [48, 0]
    corrected, cancelled = (9, 7, 9.0, 1.0, (9, 9.5, 2.0, 1, 0, 70), 0), (10, 8, 9.5, 1.0, None, 0)
    assert batch.changes == {"X": [corrected, cancelled]}
    assert marks_of(batch.changes["X"][0].row or (0, 0.0, 0.0, 0, 0, 0)) == 16
    assert (batch.is_marked, batch.clock_ns, batch.malformed) == (True, 10, [])


def test_one_change_that_is_none_does_not_cost_the_others() -> None:
    batch = decoder("mdnb").feed(['{"e":"changes","s":"X","r":[[9,7,9.0,1.0,null],[9,7,"x",1.0,null]]}'])
    assert (len(batch.changes["X"]), len(batch.malformed)) == (1, 1)
    batch = decoder("mdnb").feed(['{"e":"marked","s":"X","r":[[5,9.0,1.0,1,0,7,128]]}'])
    assert (batch.trades, len(batch.malformed)) == ({}, 1)
