"""Rows as decoders hand them on: an empty batch, what is rare, words about frames, quotes as trades."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from mdnb.rows import (
    MARKS,
    NOT_LAST,
    NOT_RANGE,
    NOT_VOLUME,
    Batch,
    ContractChange,
    DepthUpdate,
    MarkedTrade,
    Reply,
    TradeChange,
    marks_of,
    shortened,
    time_of,
    trades_of_quotes,
)

ROW = (5, 9.5, 2.0, 1, -1, 7)


def test_a_new_batch_holds_nothing_and_shares_nothing() -> None:
    one, other = Batch(), Batch()
    for batch in (one, other):
        assert (batch.trades, batch.quotes, batch.depth, batch.bars, batch.replies) == ({}, {}, {}, {}, [])
        assert (batch.frames, batch.control, batch.clock_ns, batch.speed) == (0, 0, 0, 0.0)
        assert (batch.malformed, batch.last_malformed, batch.ended, batch.is_marked) == ([], "", False, False)
        assert (dict(batch.changes), list(batch.rolls), batch.rare) == ({}, [], None)
        batch.trades["X"] = [ROW]
        batch.refuse("not JSON", "{oops")
        assert (batch.malformed, batch.last_malformed) == (["not JSON"], "{oops")
        batch.refuse("wrong time", b"{}")
        assert (batch.malformed, batch.last_malformed) == (["not JSON", "wrong time"], b"{}")
        other = Batch()


def test_what_is_rare_is_there_once_it_is_said() -> None:
    change, other = TradeChange(9, 7, 9.5, 2.0), TradeChange(9, 8, 9.5, 2.0, ROW)
    batch = Batch()
    batch.is_marked = False
    assert batch.rare is None
    for one in (change, other):
        batch.change("X", one)
    batch.change("Y", other)
    assert batch.changes == {"X": [change, other], "Y": [other]}
    assert (batch.is_marked, list(batch.rolls)) == (False, [])
    batch.change("Y", TradeChange(9, 8, 9.5, 2.0, MarkedTrade.of(ROW, NOT_LAST)))
    assert batch.is_marked
    batch.change("Y", change)
    assert batch.is_marked
    batch.is_marked = False
    assert not batch.is_marked
    batch.changes = {"Z": (change,)}
    assert batch.changes == {"Z": [change]}
    batch.change("Z", other)
    assert batch.changes == {"Z": [change, other]}
    roll = ContractChange("X", 5, "a", "b")
    made = Batch()
    made.rolls = (roll,)
    assert (list(made.rolls), dict(made.changes), made.is_marked) == ([roll], {}, False)
    marked = Batch()
    marked.is_marked = True
    assert (marked.is_marked, dict(marked.changes), list(marked.rolls)) == (True, {}, [])


def test_records_of_a_batch_have_what_venues_do_not_say() -> None:
    update = DepthUpdate(5, False, [], [])
    assert (update.previous_id, update.last_id, update.checksum) == (-1, -1, -1)
    assert TradeChange(9, 7, 9.5, 2.0).row is None
    replies = [Reply(1, True), Reply(2, True)]
    replies[0].payload["a"] = 1
    assert [(reply.error, reply.payload) for reply in replies] == [("", {"a": 1}), ("", {})]


def test_marks_are_apart_and_a_marked_trade_is_else_the_plain_one() -> None:
    assert MARKS == NOT_LAST + NOT_RANGE + NOT_VOLUME
    marked = MarkedTrade.of(ROW, NOT_RANGE)
    assert (marked, marks_of(marked), marks_of(ROW)) == (ROW, NOT_RANGE, 0)


@pytest.mark.parametrize("most", [1, 4, 120])
def test_frames_are_shown_up_to_so_many_letters(most: int) -> None:
    exact, longer = "a" * most, "a" * most + "b"
    for given_frame in (exact, exact.encode(), bytearray(exact.encode())):
        assert shortened(given_frame, most) == exact
    for given_frame in (longer, longer.encode()):
        assert shortened(given_frame, most) == exact + "…"
    # Letters of four bytes, and bytes that are no text.
    assert shortened(("𝔄" * (most + 1)).encode(), most) == "𝔄" * most + "…"
    assert shortened(b"\xff", most) == "\ufffd"
    assert shortened({"e": "trades"}) == "{'e': 'trades'}"


def test_frames_are_shown_up_to_120_letters_if_nothing_is_said() -> None:
    assert shortened("a" * 120) == "a" * 120
    assert shortened("a" * 121) == "a" * 120 + "…"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((1, 9.0), 1),
        ((2**63 - 2, 9.0), 2**63 - 2),
        *(((wrong, 9.0), 7) for wrong in (0, -1, 2**63 - 1, 2**63, math.nan, math.inf, "soon", None)),
        *((wrong, 7) for wrong in ((), None, 5, {})),
    ],
)
def test_a_time_that_is_none_is_the_other_one(row: object, expected: int) -> None:
    assert time_of(row, 7) == expected


@given(
    st.lists(
        st.tuples(st.integers(1, 10**18), *[st.integers(1, 1_000).map(lambda n: n / 4)] * 4).map(tuple),
        max_size=5,
    )
)
def test_quotes_are_trades_of_no_size_at_their_bid_ask_or_mid(
    rows: list[tuple[int, float, float, float, float]],
) -> None:
    prices = {"bid": lambda row: row[1], "ask": lambda row: row[3], "mid": lambda row: (row[1] + row[3]) / 2}
    for price, of in prices.items():
        made = trades_of_quotes(rows, price)  # type: ignore[arg-type]  # one of the three
        assert made == [(row[0], of(row), 0.0, 1, 0, -1) for row in rows]
