"""Alpaca's decoder: messages captured and documented, the batch that they make, and what it leaves out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mdnb.decode import decoder
from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, marks_of
from tests.venues.recordings import iso_ns, shared

TRADE = {"T": "t", "S": "AAPL", "i": 7, "x": "V", "p": 211.25, "s": 40, "c": ["@", "I"], "z": "C"}
TRADE |= {"t": "2026-07-17T14:29:59.123456789Z"}
QUOTE = {"T": "q", "S": "AAPL", "ax": "V", "ap": 211.3, "as": 5, "bx": "V", "bp": 211.2, "bs": 4, "c": ["R"]}
QUOTE |= {"t": "2026-07-17T14:29:59.2Z", "z": "C"}
BAR = {
    "T": "b",
    "S": "AAPL",
    "o": 1.5,
    "h": 4,
    "l": 1,
    "c": 2,
    "v": 205,
    "t": "2026-07-17T14:29:00Z",
    "n": 16,
}
BAR |= {"vw": 133.7}
CORRECTION = {"T": "c", "S": "AAPL", "x": "V", "oi": 101, "op": 211.25, "os": 40, "oc": ["@"], "ci": 102}
CORRECTION |= {"cp": 211.2, "cs": 35, "cc": ["@"], "t": "2026-07-17T14:30:00.123456Z", "z": "C"}
CANCELLATION = {"T": "x", "S": "AAPL", "i": 102, "x": "V", "p": 211.2, "s": 35, "a": "C"}
CANCELLATION |= {"t": "2026-07-17T14:30:00.123456Z", "z": "C"}

TRADE_ROW = (1784298599_123456789, 211.25, 40.0, 1, 0, 7)
QUOTE_ROW = (1784298599_200000000, 211.2, 4.0, 211.3, 5.0)


def frame(*messages: Any) -> str:
    return json.dumps(messages, separators=(",", ":"))


def test_times_are_exact_to_the_nanosecond() -> None:
    assert TRADE_ROW[0] == iso_ns(str(TRADE["t"]))
    assert QUOTE_ROW[0] == iso_ns("2026-07-17T14:29:59.200000000Z")


def test_messages_captured_and_documented_are_read_as_they_say() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    found = [sample for sample in map(json.loads, lines) if sample["venue"] == "alpaca_test"]
    came = [message for sample in found if sample["dir"] == "in" for message in sample["msg"]]
    assert sorted(message["T"] for message in came) == ["b", "error", "q", "success", "t"]
    batch = decoder("alpaca").feed([frame(message) for message in came])
    assert batch.malformed == []
    by_kind = {message["T"]: message for message in came}
    t, q, b = by_kind["t"], by_kind["q"], by_kind["b"]
    assert batch.trades == {"FAKEPACA": [(iso_ns(t["t"]), t["p"], t["s"], 1, 0, t["i"])]}
    assert batch.quotes == {"FAKEPACA": [(iso_ns(q["t"]), q["bp"], q["bs"], q["ap"], q["as"])]}
    ((row, closed),) = batch.bars["FAKEPACA", "1min"]
    assert row[:7] == (iso_ns(b["t"]), b["o"], b["h"], b["l"], b["c"], b["v"], b["n"])
    assert closed
    assert (batch.control, [(reply.ok, reply.error) for reply in batch.replies]) == (
        2,
        [(False, "connection limit exceeded")],
    )


def test_many_messages_of_an_array_are_kept_in_their_order() -> None:
    later = TRADE | {"p": 211.26, "i": 8}
    batch = decoder("alpaca").feed([frame(TRADE, QUOTE, later, TRADE | {"S": "MSFT"}, BAR)])
    assert batch.trades == {"AAPL": [TRADE_ROW, (TRADE_ROW[0], 211.26, 40.0, 1, 0, 8)], "MSFT": [TRADE_ROW]}
    assert batch.quotes == {"AAPL": [QUOTE_ROW]}
    assert batch.clock_ns == QUOTE_ROW[0]
    assert (batch.frames, batch.control, batch.malformed) == (1, 0, [])


@pytest.mark.parametrize("kind", ["b", "u"])
def test_a_minute_is_closed_when_it_comes_and_when_it_comes_again(kind: str) -> None:
    batch = decoder("alpaca").feed([frame(BAR | {"T": kind})])
    ((row, closed),) = batch.bars["AAPL", "1min"]
    assert row[:7] == (1784298540_000000000, 1.5, 4.0, 1.0, 2.0, 205.0, 16)
    assert math.isnan(row[7])
    assert closed
    # When a bar began is not what time it is.
    assert batch.clock_ns == 0


def test_corrections_and_cancellations_say_which_trade_it_was_and_what_it_is() -> None:
    batch = decoder("alpaca").feed([frame(TRADE, CORRECTION, CANCELLATION)])
    at = iso_ns("2026-07-17T14:30:00.123456")
    assert batch.trades == {"AAPL": [TRADE_ROW]}
    assert batch.changes == {
        "AAPL": [
            (at, 101, 211.25, 40.0, (at, 211.2, 35.0, 1, 0, 102), 0),
            (at, 102, 211.2, 35.0, None, 0),
        ]
    }
    assert (batch.control, batch.malformed, batch.replies) == (0, [], [])
    assert batch.clock_ns == at


@pytest.mark.parametrize(
    ("conditions", "tape", "marks"),
    [
        (["@"], "C", 0),
        (["@", "I"], "C", NOT_LAST | NOT_RANGE),
        (["@", "F", "T"], "C", 0),
        (["Z"], "A", NOT_LAST),
        (["B"], "A", NOT_LAST | NOT_RANGE),
        (["B"], "C", 0),
        (["M"], "C", MARKS),
        (["new one"], "C", 0),
        ([], "", 0),
        (None, "C", 0),
    ],
)
def test_conditions_say_what_a_trade_counts_for(conditions: list[str] | None, tape: str, marks: int) -> None:
    batch = decoder("alpaca").feed([frame(TRADE | {"c": conditions, "z": tape})])
    ((row,),) = batch.trades.values()
    assert (row, marks_of(row), batch.is_marked) == (TRADE_ROW, marks, marks > 0)
    corrected = decoder("alpaca").feed([frame(CORRECTION | {"cc": conditions, "z": tape})])
    now = corrected.changes["AAPL"][0].row
    assert now is not None
    assert (marks_of(now), corrected.is_marked) == (marks, marks > 0)


@pytest.mark.parametrize(
    "bad", [CORRECTION | {"cp": "x"}, CANCELLATION | {"i": None}, {"T": "x", "S": "AAPL"}]
)
def test_a_change_that_cannot_be_read_is_refused(bad: dict[str, Any]) -> None:
    batch = decoder("alpaca").feed([frame(TRADE, bad)])
    assert (batch.trades, len(batch.malformed), dict(batch.changes)) == ({"AAPL": [TRADE_ROW]}, 1, {})


@pytest.mark.parametrize("kind", ["d", "s", "l", "i"])
def test_what_else_is_documented_is_control(kind: str) -> None:
    batch = decoder("alpaca").feed([frame({"T": kind, "S": "AAPL", "t": "2026-07-17T14:30:00Z"})])
    assert (batch.control, batch.malformed) == (1, [])


def test_a_side_without_an_order_is_missing() -> None:
    batch = decoder("alpaca").feed([frame(QUOTE | {"bp": 0, "bs": 0}), frame(QUOTE | {"ap": 0, "as": 0})])
    no_bid, no_ask = batch.quotes["AAPL"]
    assert [math.isnan(value) for value in no_bid] == [False, True, True, False, False]
    assert [math.isnan(value) for value in no_ask] == [False, False, False, True, True]


def test_one_that_is_wrong_does_not_cost_the_others() -> None:
    batch = decoder("alpaca").feed([frame(TRADE, TRADE | {"p": "x"}, {"T": "stranger"}, QUOTE)])
    assert (batch.trades, batch.quotes) == ({"AAPL": [TRADE_ROW]}, {"AAPL": [QUOTE_ROW]})
    assert batch.malformed == ["wrong shape at $.p", "unknown message"]
    assert batch.last_malformed == b'{"T":"stranger"}'


def test_fields_that_are_left_out_or_new_do_no_harm() -> None:
    short = {name: held for name, held in TRADE.items() if name not in ("c", "z", "x", "i")}
    batch = decoder("alpaca").feed([frame(short), frame(TRADE | {"new": {"a": ["1:2"]}})])
    assert batch.trades == {"AAPL": [(*TRADE_ROW[:5], -1), TRADE_ROW]}
    assert batch.malformed == []


def test_who_is_greeted_was_not_answered_and_who_is_let_in_was() -> None:
    subscribed = {"T": "subscription", "trades": ["AAPL"], "quotes": [], "bars": []}
    refused = {"T": "error", "code": 402, "msg": "auth failed"}
    batch = decoder("alpaca").feed(
        [
            frame({"T": "success", "msg": "connected"}),
            frame({"T": "success", "msg": "authenticated"}),
            frame(subscribed),
            frame(refused),
        ]
    )
    assert [(reply.ok, reply.error, reply.payload) for reply in batch.replies] == [
        (True, "", {}),
        (True, "", {}),
        (False, "auth failed", {"code": 402}),
    ]
    assert batch.control == 4


@pytest.mark.parametrize(("code", "number"), [(None, 0), ("402", 402), ("x", 0), ([], 0), (402, 402)])
def test_an_error_is_one_however_its_number_is_written(code: object, number: int) -> None:
    batch = decoder("alpaca").feed([json.dumps([{"T": "error", "code": code, "msg": "auth failed"}])])
    (reply,) = batch.replies
    assert (reply.ok, reply.error, reply.payload) == (False, "auth failed", {"code": number})
    assert not batch.malformed


def test_a_null_in_what_may_be_missing_costs_no_trade() -> None:
    said = {"S": "A", "t": "2026-09-15T11:01:53Z", "z": None}
    trade = said | {"T": "t", "i": None, "p": 1, "s": 3, "c": ["I"]}
    change = said | {"T": "c", "oi": 4, "op": 1, "os": 3, "ci": None, "cp": 2, "cs": 3, "cc": None}
    bar = BAR | {"S": "A", "n": None}
    batch = decoder("alpaca").feed([json.dumps([trade, change, bar])])
    assert batch.bars["A", "1min"][0][0][6] == 0
    ((row,), (made,)) = batch.trades["A"], batch.changes["A"]
    assert (row[1:], made.trade_id, made.row and made.row[1:]) == (
        (1.0, 3.0, 1, 0, -1),
        4,
        (2.0, 3.0, 1, 0, -1),
    )
    assert marks_of(row)
    assert not batch.malformed
