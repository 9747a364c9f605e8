"""Trades that wait for those that an outage cost: in order of arrival, each that was missed in its place."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.placing import InAnswer, InIds


def trade(number: int, price: float = 9.0) -> TradeRow:
    """A trade with an id, made at the time that this says."""
    return (number, price, 1.0, 1, 0, number)


class Held:
    """Trades that wait, and what was told of each batch."""

    def __init__(self, *ids: int) -> None:
        self.told: list[Sequence[TradeRow]] = []
        self.trades = HeldTrades(4, by_id=True, on_rows=self._look, base_ns=7)
        self.seen: list[list[int]] = []
        if ids:
            self.trades.keep([trade(one) for one in ids])

    def _look(self, rows: Sequence[TradeRow]) -> None:
        self.told.append(rows)
        self.seen.append(self.ids)

    @property
    def ids(self) -> list[int]:
        return [row[5] for row in self.trades.rows]


def test_it_remembers_where_the_bars_end_and_leaves_them_open() -> None:
    held = Held().trades
    assert (held.base, held.base_ns, held.by_id, held.rows, held.closing_waits) == (4, 7, True, [], True)
    other = HeldTrades(5, by_id=False, on_rows=lambda rows: None)
    assert (other.base, other.base_ns, other.by_id) == (5, 0, False)


def test_what_comes_waits_in_order_of_arrival_and_is_told_once_it_is_held() -> None:
    held = Held(9, 7)
    later = [trade(12)]
    held.trades.keep(later)
    assert held.ids == [9, 7, 12]
    assert held.told == [[trade(9), trade(7)], later]
    assert held.seen == [[9, 7], [9, 7, 12]]


def test_what_was_missed_is_put_between_and_told() -> None:
    held = Held(9, 8, 20)
    missed = [trade(25), trade(6), trade(10), trade(7), trade(11)]
    held.trades.put(missed, InIds())
    # The one numbered 8 came after 9: what was made before either is before both.
    assert held.ids == [6, 7, 9, 8, 10, 11, 20, 25]
    assert held.told[1] is missed
    assert held.seen[1] == held.ids
    held.trades.put([trade(5)], InIds())
    assert held.ids[:2] == [5, 6]


def test_nothing_that_was_missed_changes_nothing() -> None:
    held = Held(9, 8)
    held.trades.put([], InIds())
    assert held.ids == [9, 8]
    assert held.told[1] == []


def test_of_one_place_the_order_of_the_answer_counts() -> None:
    held = HeldTrades(4, by_id=False, on_rows=lambda rows: None)
    came = [(5, 9.0, 1.0, 1, 0, -1), (8, 9.0, 1.0, 1, 0, -1), (6, 9.0, 1.0, 1, 0, -1)]
    held.keep(came)
    missed = [
        (6, 12.0, 1.0, 1, 0, -1),
        (6, 11.0, 1.0, 1, 0, -1),
        (9, 10.0, 1.0, 1, 0, -1),
        (4, 8.0, 1.0, 1, 0, -1),
    ]
    answer = [missed[3], came[0], missed[0], missed[1], came[2], came[1], missed[2]]
    held.put([*missed[2:], *missed[:2]], InAnswer([(row, row in missed) for row in answer], by_id=False))
    assert [row[1] for row in held.rows] == [8.0, 9.0, 12.0, 11.0, 9.0, 9.0, 10.0]


def test_one_that_is_another_one_now_stands_where_it_was() -> None:
    held = Held(9, 8, 20)
    now = trade(8, 10.5)
    held.trades.change(trade(8), now)
    assert held.trades.rows == [trade(9), now, trade(20)]
    held.trades.change(now, None)
    assert held.trades.rows == [trade(9), trade(20)]
    # None of these waits.
    for other in (trade(8), trade(9, 9.25)):
        held.trades.change(other, trade(1))
        held.trades.change(other, None)
    assert held.trades.rows == [trade(9), trade(20)]
    assert len(held.told) == 1, "changes are told elsewhere"


def test_of_two_equal_ones_the_first_is_changed() -> None:
    held = Held()
    held.trades.keep([trade(9), trade(8), trade(9)])
    held.trades.change(trade(9), trade(7))
    assert held.ids == [7, 8, 9]
    held.trades.change(trade(7), None)
    assert held.ids == [8, 9]


@given(
    came=st.lists(st.integers(0, 99), max_size=8, unique=True),
    missed=st.lists(st.integers(100, 199), max_size=8, unique=True),
)
def test_rising_ids_stay_in_order_whatever_was_missed(came: list[int], missed: list[int]) -> None:
    # Every second id came, the others were missed: their order is that of the ids.
    held = Held(*sorted(2 * one for one in came))
    held.trades.put([trade(2 * (one - 100) + 1) for one in sorted(missed)], InIds())
    assert held.ids == sorted([*(2 * one for one in came), *(2 * (one - 100) + 1 for one in missed)])
