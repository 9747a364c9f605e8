"""What imported bars were before they changed, where the coarser bars cannot tell all of it."""

from __future__ import annotations

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.rows import BarRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.amendments import Amendment, Changes
from mdnb.stores.columns import FILLED, columns_from_rows
from tests.manager.hand import MINUTE, START, bar, minutes


def state(*, fill_gaps: bool = False) -> SymbolState:
    made = SymbolState(
        Instrument("X"), Sessions.always(), ["1min", "5min"], DataManagerConfig(fill_gaps=fill_gaps)
    )
    made.cascade.closing.advance(START)
    # Nobody reads before the next instant.
    made.cascade.closing.began_ns = 0
    return made


def flat(minute: int, close: float) -> BarRow:
    return (START + minute * MINUTE, close, close, close, close, 0.0, 0, 0.0)


def changed(minute: int, close: float, known: int) -> Changes:
    """Return what says that a bar had another close until so many minutes after the start."""
    return Changes((Amendment((START + known * MINUTE) // 1000, bar(minute, close), 0),))


def test_a_coarser_bar_that_is_being_made_was_nothing_before() -> None:
    engine = state()
    engine.cascade.push_bars(minutes(0, 4, lambda _: 100.0))
    engine.cascade.closing.advance(START + 4 * MINUTE)
    merge_bars(engine, "1min", columns_from_rows([bar(1, 100.0)]), changes=changed(1, 90.0, 3))
    assert engine.known("1min", START + 3 * MINUTE - 1000)["close"].tolist() == [100.0, 90.0, 100.0]
    assert engine.known("1min", START + 3 * MINUTE)["close"].tolist() == [100.0, 100.0, 100.0]
    assert len(engine.known("5min", START + 4 * MINUTE)) == 0
    assert not engine.log("5min").amendments.starts()


def test_flat_bars_that_followed_a_close_count_for_nothing_in_coarser_ones() -> None:
    engine = state(fill_gaps=True)
    engine.cascade.push_bars([bar(minute, 100.0) for minute in (0, 1, 4, 5)])
    engine.cascade.closing.advance(START + 6 * MINUTE)
    flats = [flat(minute, 100.0) for minute in (2, 3)]
    was = [bar(1, 95.0), flat(2, 95.0), flat(3, 95.0)]
    changes = Changes(tuple(Amendment((START + 6 * MINUTE) // 1000, row, 0) for row in was))
    merge_bars(engine, "1min", columns_from_rows([bar(1, 100.0), *flats]), changes=changes)
    assert engine.known("1min", START + 6 * MINUTE - 1000)["close"].tolist() == [
        100.0,
        95.0,
        95.0,
        95.0,
        100.0,
    ]
    told = engine.log("5min").amendments.changes().kept
    assert [(one.known_us * 1000 - START, one.row[3], one.row[6]) for one in told] == [(6 * MINUTE, 94.0, 15)]


def test_a_coarser_bar_of_flat_ones_was_flat_itself() -> None:
    engine = state(fill_gaps=True)
    engine.cascade.push_bars([bar(minute, 100.0) for minute in range(6)])
    engine.cascade.closing.advance(START + 7 * MINUTE)
    was = tuple(Amendment((START + 7 * MINUTE) // 1000, flat(minute, 95.0), FILLED) for minute in range(5))
    held = columns_from_rows([bar(minute, 100.0) for minute in range(5)])
    merge_bars(engine, "1min", held, changes=Changes(was))
    before = engine.known("5min", START + 7 * MINUTE - 1000)
    assert before[["close", "volume", "tick_count"]].to_numpy().tolist() == [[95.0, 0.0, 0.0]]
    assert engine.known("5min", START + 7 * MINUTE)["close"].tolist() == [100.0]


def test_what_is_known_of_changes_is_not_told_a_second_time() -> None:
    engine = state()
    engine.cascade.push_bars(minutes(0, 6, lambda _: 100.0))
    engine.cascade.closing.advance(START + 9 * MINUTE)
    told = []
    for close in (90.0, 80.0):
        merge_bars(engine, "1min", columns_from_rows([bar(1, 100.0)]), changes=changed(1, close, 8))
        told.append({name: engine.log(name).amendments.changes().kept for name in ("1min", "5min")})
    assert [len(kept) for kept in told[0].values()] == [1, 1]
    assert told[1] == told[0]
    # Nor of a coarser bar, where another one of its finer ones had changed, too.
    merge_bars(engine, "1min", columns_from_rows([bar(2, 100.0)]), changes=changed(2, 70.0, 8))
    assert len(engine.log("1min").amendments.changes().kept) == 2
    assert engine.log("5min").amendments.changes().kept == told[0]["5min"]


def test_a_bar_that_came_with_a_file_was_what_the_file_says_also_after_bars_could_be_read_here() -> None:
    engine = state()
    engine.cascade.push_bars(minutes(5, 6, lambda _: 100.0))
    engine.cascade.closing.began_ns = START + 11 * MINUTE
    engine.cascade.closing.advance(START + 14 * MINUTE)
    whole = columns_from_rows(minutes(0, 10, lambda _: 100.0))
    both = (*changed(1, 90.0, 13).kept, *changed(6, 90.0, 13).kept)
    merge_bars(engine, "1min", whole, changes=Changes(both))
    for name, minute in (("1min", 1), ("5min", 0)):
        told = engine.log(name).amendments.changes().kept
        known = {(one.row[0] - START) // MINUTE: (one.known_us * 1000 - START) // MINUTE for one in told}
        assert known == {minute: 13, minute + 5: 11}, name
