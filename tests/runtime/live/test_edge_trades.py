"""The trades around outages, where trades have no ids."""

from __future__ import annotations

from unittest import mock

from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.runtime.live.edge_trades import EdgeTrades


def trade(at: int, price: float = 9.0) -> TradeRow:
    return (at, price, 1.0, 1, 0, -1)


def test_a_late_trade_is_remembered_where_it_is_no_newer_than_the_first_ones_after_the_outage() -> None:
    edges = EdgeTrades(afterwards=2)
    edges.see([trade(1), trade(2)], None)
    edges.see([trade(10), trade(12), trade(20), trade(11), trade(15)], outage_ns=2)
    # That of 20 is no longer among the first two, and that of 15 came late but is newer than they are.
    assert [row[0] for row in edges.between(0, 99)] == [2, 10, 12, 11]


def test_all_trades_of_the_newest_instant_before_an_outage_are_remembered() -> None:
    edges = EdgeTrades(afterwards=1)
    rows = [trade(1), trade(2, 8.0), trade(2, 9.0), trade(2, 8.0)]
    edges.see(rows, None)
    edges.see([trade(7)], outage_ns=2)
    assert edges.between(0, 5) == rows[1:]


def test_of_the_history_the_newest_hundred_thousand_trades_are_known_when_they_come_by_themselves() -> None:
    edges = EdgeTrades()
    rows = [trade(at) for at in range(100_003)]
    edges.expect(rows)
    assert edges.split(rows[:5]) == (rows[:3], rows[3:5])
    assert edges.split(rows[-2:]) == ([], rows[-2:])
    # Each stands for one.
    assert edges.split(rows[-2:]) == (rows[-2:], [])


def test_what_the_history_had_is_expected_for_as_long_as_trades_may_be_late() -> None:
    second = 1_000_000_000
    edges = EdgeTrades()
    edges.expect([trade(10 * second)], lateness_ns=8 * second)
    edges.see([trade(18 * second)], None)
    assert edges.split([trade(10 * second)])[0] == []
    edges.expect([trade(10 * second)], lateness_ns=8 * second)
    edges.see([trade(18 * second + 1)], None)
    rows = [trade(10 * second)]
    # From here on it costs nothing.
    assert edges.split(rows)[0] is rows


def test_among_trades_with_ids_only_those_without_are_remembered() -> None:
    edges = EdgeTrades(among_ids=True)
    named = (2, 9.0, 1.0, 1, 0, 7)
    edges.see([trade(2), named], None)
    edges.see([named], outage_ns=2)
    assert edges.between(0, 9) == [trade(2)]
    edges.expect([named])
    only = [named, trade(2)]
    assert edges.split(only)[0] is only, "of trades with ids the ids tell"
    edges.expect([named, trade(2)])
    assert edges.split([named, trade(2), trade(2)]) == ([named, trade(2)], [trade(2)])


_batch = st.tuples(st.lists(st.integers(1, 12), max_size=5), st.sampled_from([None, None, None, 3, 5]))


@given(st.lists(_batch, max_size=15), st.integers(1, 4))
def test_usual_trades_are_remembered_as_any_others(
    batches: list[tuple[list[int], int | None]], afterwards: int
) -> None:
    """Times rise from batch to batch, give or take some; each trade's price is another one."""
    found = []
    for usual in (EdgeTrades._see_usual, lambda *_: False):
        edges = EdgeTrades(afterwards)
        with mock.patch.object(EdgeTrades, "_see_usual", usual):
            for number, (times, outage) in enumerate(batches):
                rows = [trade(at + 4 * number, 100.0 * number + place) for place, at in enumerate(times)]
                edges.see(rows, None if outage is None else outage + 4 * number)
        decided = [at for at in range(80) if edges.decides(at)]
        found.append((edges.between(0, 99), decided, edges._newest, edges._instant, edges._left))
    assert found[0] == found[1]


def test_of_which_instants_all_trades_are_remembered() -> None:
    edges = EdgeTrades(afterwards=2)
    edges.see([trade(1), trade(2)], None)
    assert [at for at in range(40) if edges.decides(at)] == []
    edges.see([trade(10)], outage_ns=2)
    assert [at for at in range(40) if edges.decides(at)] == list(range(2, 40))
    edges.see([trade(9)], outage_ns=2)
    # Two have come; the second of them is older than the first one.
    edges.see([trade(20), trade(12)], None)
    assert [at for at in range(40) if edges.decides(at)] == list(range(2, 11))
    edges.see([trade(30)], outage_ns=25)
    # The next outage comes before the second trade does.
    edges.see([trade(36)], outage_ns=33)
    assert [at for at in range(40) if edges.decides(at)] == [*range(2, 11), *range(20, 40)]
    edges.see([trade(37)], outage_ns=33)
    assert [at for at in range(40) if edges.decides(at)] == [*range(2, 11), *range(20, 38)]
