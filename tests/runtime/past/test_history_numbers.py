"""A history that gives trades other ids than those under which they came live is known for it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.runtime.past.history_numbers import is_numbered_otherwise, other_numbers
from tests.runtime.past.outages import SECOND, START, Ids
from tests.runtime.past.test_placing import TRADES, make

# Few instants, prices and sizes: many trades are alike but for their ids.
_alike = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([100.0, 100.25]), st.sampled_from([1.0, 2.0])), min_size=1
).map(
    lambda drawn: tuple(
        (START + at * SECOND // 10, price, size, 1, 1, number)
        for number, (at, price, size) in enumerate(sorted(drawn, key=lambda one: one[0]))
    )
)
_ids = st.sampled_from(["sequential", "unique"])


def is_told(ids: Ids, came: tuple[TradeRow, ...], answer: tuple[TradeRow, ...]) -> bool:
    pipeline = make(ids)
    pipeline.take_trades(came)
    return is_numbered_otherwise(pipeline, answer, [], by_id=ids == "sequential")


@given(_alike, st.data(), _ids)
def test_its_own_ids_are_never_other_ones(
    trades: tuple[TradeRow, ...], data: st.DataObject, ids: Ids
) -> None:
    came = data.draw(st.sets(st.sampled_from(trades)))
    start = data.draw(st.integers(0, len(trades) - 1))
    assert not is_told(ids, tuple(sorted(came, key=lambda row: row[5])), trades[start:])


@given(st.integers(-20, 10**12).filter(bool), st.integers(2, 30), st.booleans(), _ids)
def test_numbers_that_are_off_are_found_out(higher: int, overlap: int, coarse: bool, ids: Ids) -> None:
    unit = 1_000_000 if coarse else 1
    trades = tuple((row[0] + 123_456, *row[1:]) for row in TRADES)
    answer = tuple((row[0] // unit * unit, *row[1:5], row[5] + higher) for row in trades[40 - overlap :])
    assert is_told(ids, trades[:40], tuple(row for row in answer if row[5] >= 0))


@pytest.mark.parametrize("ids", ["sequential", "unique"])
def test_one_trade_corrected_or_alike_tells_nothing(ids: Ids) -> None:
    last = TRADES[9]
    assert not is_told(ids, TRADES[:10], ((*last[:1], last[1] + 1.0, *last[2:]),))
    assert not is_told(ids, TRADES[:10], ((*last[:5], 10),))


@pytest.mark.parametrize("ids", ["sequential", "unique"])
@pytest.mark.parametrize("higher", [-3, 1, 3, 7])
def test_an_answer_that_reaches_to_the_first_live_trade_alone_is_known_by_those_behind_it(
    ids: Ids, higher: int
) -> None:
    answer = tuple((*row[:5], row[5] + higher) for row in TRADES[20:31])
    assert is_told(ids, TRADES[30:], answer) is (higher > 0)
    assert not is_told(ids, TRADES[30:], TRADES[20:31])


def test_what_is_told_names_both() -> None:
    pipeline = make("unique")
    pipeline.take_trades(TRADES[:10])
    found = other_numbers(pipeline, [(*row[:5], row[5] + 500) for row in TRADES[5:20]])
    assert found.type == "odd_history_ids"
    assert found.description.startswith(
        "the history numbers trades otherwise, 505 to 519 where 9 is the newest"
    )
    assert found.values == {"first_id": 505, "last_id": 519, "newest_id": 9}
