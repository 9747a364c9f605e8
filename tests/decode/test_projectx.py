"""ProjectX's decoder against messages of the specification, and ones written from the documentation."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from mdnb.decode import decoder
from mdnb.rows import Batch
from tests.venues.recordings import shared

END = "\x1e"
CONTRACT = "CON.F.US.MNQ.Z25"
STAMP = "2025-11-10T15:30:00.1234567+00:00"


def ns(text: str) -> int:
    """Return nanoseconds of a time in UTC, as numpy reads it."""
    return int(np.datetime64(text.removesuffix("Z").removesuffix("+00:00"), "ns").astype(np.int64))


def call(target: str, payload: object, contract: str = CONTRACT) -> str:
    message = {"type": 1, "target": target, "arguments": [contract, payload]}
    return json.dumps(message, separators=(",", ":")) + END


def trade(price: float = 20000.25, **fields: Any) -> dict[str, Any]:
    made = {"symbolId": "F.US.MNQ", "price": price, "timestamp": STAMP, "type": 0, "volume": 2}
    return {key: value for key, value in (made | fields).items() if value != "absent"}


def level(kind: int, price: float, volume: float) -> dict[str, Any]:
    return {"timestamp": STAMP, "type": kind, "price": price, "volume": volume, "currentVolume": 1}


def feed(*frames: str) -> Batch:
    return decoder("projectx").feed(frames)


def test_messages_of_the_specification() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [
        sample["msg"]
        for sample in map(json.loads, lines)
        if sample["venue"] == "projectx" and sample["dir"] == "in"
    ]
    batch = feed(*texts)
    expected = []
    for text in texts:
        message = json.loads(text.removesuffix(END), parse_float=Decimal)
        if message.get("target") == "GatewayTrade":
            for one in message["arguments"][1]:
                side = {0: 1, 1: -1}[one["type"]]
                expected.append((ns(one["timestamp"]), float(one["price"]), one["volume"], 1, side, -1))
    assert batch.malformed == []
    assert batch.trades == {CONTRACT: expected}
    (row,) = batch.quotes[CONTRACT]
    assert (row[0], row[1], row[3]) == (ns("2025-11-10T15:30:00.12"), 20000.0, 20000.5)
    assert [(reply.id, reply.ok) for reply in batch.replies] == [(1, True)]
    assert batch.control == 4
    assert expected


def test_a_list_keeps_all_its_trades_in_their_order() -> None:
    payload = [trade(1.0), trade(2.0, type=1), trade(2.0, type=1), trade(3.0)]
    for made in (call("GatewayTrade", payload), "".join(call("GatewayTrade", one) for one in payload)):
        batch = feed(made)
        assert [row[1:] for row in batch.trades[CONTRACT]] == [
            (1.0, 2.0, 1, 1, -1),
            (2.0, 2.0, 1, -1, -1),
            (2.0, 2.0, 1, -1, -1),
            (3.0, 2.0, 1, 1, -1),
        ]
        assert batch.control == 0


def test_times_are_the_exchanges_to_the_last_digit() -> None:
    texts = [STAMP, "2025-11-10T15:30:00Z", "2025-11-10T15:30:00.5Z", "2025-11-10T15:30:00.1234567Z"]
    batch = feed(call("GatewayTrade", [trade(timestamp=text) for text in texts]))
    assert [row[0] for row in batch.trades[CONTRACT]] == [ns(text) for text in texts]
    assert batch.clock_ns == ns(texts[2])
    # Half past three in London in winter is half past nine in Chicago.
    moved = feed(call("GatewayTrade", trade(timestamp="2025-11-10T09:30:00.1234567-06:00")))
    assert moved.trades[CONTRACT][0][0] == ns(STAMP)


@pytest.mark.parametrize("side", ["absent", None, 2, 7])
def test_a_trade_that_does_not_say_who_took_has_no_side(side: object) -> None:
    batch = feed(call("GatewayTrade", [trade(type=side), trade(type=1)]))
    assert [row[4] for row in batch.trades[CONTRACT]] == [0, -1]


def test_a_bad_trade_does_not_cost_the_others() -> None:
    payload = [trade(1.0), trade(2.0, volume=-1), trade(3.0, timestamp="soon"), trade(4.0)]
    batch = feed(call("GatewayTrade", payload))
    assert [row[1] for row in batch.trades[CONTRACT]] == [1.0, 4.0]
    assert batch.malformed == ["wrong shape at $.volume", "wrong time"]


def test_a_key_that_takes_the_place_of_one_that_may_be_missing_is_still_twice() -> None:
    text = call("GatewayTrade", trade(type="absent")).replace('"volume":2', '"price":9,"volume":2')
    assert feed(text).malformed == ["duplicate key"]


def test_a_quote_that_tells_one_side_has_the_other_as_it_was() -> None:
    made = decoder("projectx")
    quotes = (
        {"bestBid": 100.0, "lastUpdated": STAMP},
        {"bestAsk": 100.5, "lastUpdated": "2025-11-10T15:30:01Z"},
        {"bestBid": None, "bestAsk": 100.75, "lastUpdated": None, "timestamp": "2025-11-10T15:30:02Z"},
        {"bestBid": 100.25},
    )
    batch = made.feed([call("GatewayQuote", quote) for quote in quotes])
    rows = batch.quotes[CONTRACT]
    assert [(row[1], row[3]) for row in rows[1:]] == [(100.0, 100.5), (100.0, 100.75), (100.25, 100.75)]
    assert rows[0][1] == 100.0
    assert math.isnan(rows[0][3])
    assert all(math.isnan(row[2]) and math.isnan(row[4]) for row in rows)
    times = [STAMP, "2025-11-10T15:30:01Z", "2025-11-10T15:30:02Z"]
    assert [row[0] for row in rows] == [*map(ns, times), 0]
    other = made.feed([call("GatewayQuote", {"bestAsk": 7.0}, "CON.F.US.MES.Z25")])
    assert math.isnan(other.quotes["CON.F.US.MES.Z25"][0][1])


def test_a_quote_without_bid_and_ask_moves_the_clock_alone() -> None:
    batch = feed(call("GatewayQuote", {"lastPrice": 5.0, "volume": 7, "lastUpdated": STAMP}))
    assert (batch.quotes, batch.control, batch.clock_ns) == ({}, 1, ns(STAMP))


def test_what_was_quoted_before_the_handshake_is_forgotten() -> None:
    made = decoder("projectx")
    made.feed([call("GatewayQuote", {"bestBid": 100.0, "bestAsk": 100.5})])
    batch = made.feed(["{}" + END + call("GatewayQuote", {"bestAsk": 90.0})])
    assert math.isnan(batch.quotes[CONTRACT][0][1])
    assert batch.control == 1


def test_each_kind_of_depth_goes_to_its_side() -> None:
    kinds = [level(kind, 100.0 + kind, kind) for kind in range(12) if kind != 6]
    (update,) = feed(call("GatewayDepth", kinds)).depth[CONTRACT]
    assert (update.snapshot, update.ts_ns) == (False, ns(STAMP))
    assert update.asks == [(101.0, 1.0), (103.0, 3.0), (110.0, 10.0)]
    assert update.bids == [(102.0, 2.0), (104.0, 4.0), (109.0, 9.0)]


def test_a_reset_begins_a_whole_book() -> None:
    payload = [level(2, 99.0, 0), level(6, 0, 0) | {"price": None}, level(1, 101.0, 5), level(2, 100.0, 3)]
    before, whole = feed(call("GatewayDepth", payload)).depth[CONTRACT]
    assert (before.snapshot, before.bids, before.asks) == (False, [(99.0, 0.0)], [])
    assert (whole.snapshot, whole.bids, whole.asks) == (True, [(100.0, 3.0)], [(101.0, 5.0)])
    (empty,) = feed(call("GatewayDepth", level(6, 0, 0))).depth[CONTRACT]
    assert (empty.snapshot, empty.bids, empty.asks) == (True, [], [])


def test_depth_that_changes_no_level_is_understood_and_a_bad_level_is_not() -> None:
    batch = feed(call("GatewayDepth", [level(5, 100.0, 2), level(11, 100.0, 2)]), call("GatewayDepth", []))
    assert (batch.depth, batch.control, batch.malformed) == ({}, 2, [])
    batch = feed(call("GatewayDepth", [level(1, 100.0, 2) | {"volume": None}, level(1, 101.0, -1)]))
    assert ([update.is_torn for update in batch.depth[CONTRACT]], batch.control) == ([True], 0)
    assert batch.malformed == ["a level without price or size", "wrong shape at $.volume"]


@pytest.mark.parametrize(
    ("record", "reply"),
    [
        ('{"type":3,"invocationId":"7","result":null}', (7, True, "")),
        ('{"type":3,"invocationId":"7"}', (7, True, "")),
        ('{"type":3,"invocationId":"7","error":null}', (7, True, "")),
        ('{"type":3,"invocationId":"7","error":"no such contract"}', (7, False, "no such contract")),
        ('{"type":3,"invocationId":"7","error":"no","result":null}', (7, False, "no")),
        ('{"type":3,"invocationId":"mine","error":"no"}', (0, False, "no")),
    ],
)
def test_answers_to_calls(record: str, reply: tuple[int, bool, str]) -> None:
    batch = feed(record + END)
    assert [(made.id, made.ok, made.error) for made in batch.replies] == [reply]
    assert (batch.control, batch.malformed) == (1, [])


def test_an_answer_has_a_number_and_no_error_beside_its_result() -> None:
    batch = feed('{"type":3,"result":1}' + END, '{"type":3,"invocationId":"7","error":"no","result":5}' + END)
    assert batch.replies == []
    assert batch.malformed == ["an answer to nothing", "an answer with a result and an error"]


@pytest.mark.parametrize(
    "record",
    [
        *("{}", '{"error":"version 2 only"}', '{"type":6}', '{ "type": 6 }', '{"type":2,"invocationId":"1"}'),
        *('{"type":7}', '{"type":7,"error":"x","allowReconnect":true}', '{"type":8,"sequenceId":5}'),
        '{"type":9,"sequenceId":5}',
    ],
)
def test_records_without_data(record: str) -> None:
    batch = feed(record + END)
    assert (batch.control, batch.malformed) == (1, [])


@pytest.mark.parametrize(
    ("record", "reason"), [('{"type":4}', "type"), ('{"type":1,"target":"Odd"}', "target")]
)
def test_records_that_no_client_is_sent(record: str, reason: str) -> None:
    assert feed(record + END).malformed == [f"unknown {reason}"]


def test_a_bad_record_does_not_cost_the_others_of_its_frame() -> None:
    frame = call("GatewayTrade", trade(1.0)) + "{oops" + END + END + '{"type":6}' + END
    batch = feed(frame + call("GatewayTrade", trade(2.0)).removesuffix(END))
    assert [row[1] for row in batch.trades[CONTRACT]] == [1.0, 2.0]
    assert (batch.frames, batch.control, batch.malformed) == (1, 1, ["not JSON", "not JSON"])
    assert batch.last_malformed == ""
