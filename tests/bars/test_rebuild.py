"""Bars put right afterwards equal those made of the right trades from the start."""

from __future__ import annotations

import pytest

from mdnb.bars.cascade import Cascade
from mdnb.bars.rebuild import bar_from_trades, merge_piece, rebuild_bars
from mdnb.bars.refold import Piece
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_700_000_100 * SECOND
BESIDE = (0, 2**62, 0, 2**62)
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-13")


class Made:
    """A bar that the trades held make."""

    def __init__(self, row: BarRow) -> None:
        self.row = row

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        return [self.row] if start_ns <= self.row[0] < end_ns else []


def make(*names: str, sessions: Sessions | None = None) -> Cascade:
    return Cascade(names, sessions or Sessions.always(), lambda name: BarStore(1000))


def trade(seconds: float, price: float, size: float = 1.0) -> TradeRow:
    return (START + int(seconds * SECOND), price, size, 1, 0, -1)


def held(cascade: Cascade, name: str) -> list[object]:
    log = cascade.node(name).log
    return [*(log.row(at)[0] for at in range(len(log))), cascade.forming(name)]


BEFORE = [trade(0, 10.0), trade(10, 12.0), trade(70, 11.0)]
LATER = [trade(130, 9.0), trade(400, 8.0)]


@pytest.mark.parametrize(
    ("start", "right"),
    [
        (0, [trade(0, 10.0), trade(5, 15.0, 3.0), trade(10, 12.0)]),  # closed
        (60, [trade(65, 7.0), trade(70, 11.0)]),  # open
        (120, [trade(121, 9.5)]),  # not begun: the one before it is still open
    ],
)
def test_a_bar_is_written_anew_and_so_are_the_coarser_ones(start: int, right: list[TradeRow]) -> None:
    mine, theirs = make("1min", "5min"), make("1min", "5min")
    mine.push_rows(BEFORE)
    first, last = right[0][0], START + (start + 60) * SECOND
    others = [row for row in BEFORE if not START + start * SECOND <= row[0] < last]
    theirs.push_rows(sorted([*others, *right]))
    row = bar_from_trades(START + start * SECOND, right)
    piece = bar_from_trades(START + start * SECOND, right[:1])
    rebuild_bars(mine, [Piece(piece, *BESIDE)], Made(row))
    assert first < last
    for cascade in (mine, theirs):
        cascade.push_rows(LATER)
    for name in ("1min", "5min"):
        assert held(mine, name) == held(theirs, name)
    assert [node.name for node, _ in mine.amended] == (["1min"] if start == 0 else [])


@pytest.mark.parametrize("at", [20, 80, 125])
def test_a_piece_is_merged_as_the_newest_of_its_interval(at: int) -> None:
    mine, theirs = make("1min", "5min"), make("1min", "5min")
    mine.push_rows(BEFORE)
    piece = trade(at, 20.0, 4.0)
    theirs.push_rows(sorted([*BEFORE, piece]))
    merge_piece(mine, bar_from_trades(START + at // 60 * MINUTE, [piece]))
    for cascade in (mine, theirs):
        cascade.push_rows(LATER)
    for name in ("1min", "5min"):
        assert held(mine, name) == held(theirs, name)


def test_while_the_venue_is_closed_there_is_no_bar_to_put_right() -> None:
    cascade = make("1min", sessions=HOURS)
    close = int(HOURS.closes[0])
    cascade.push(close - MINUTE, 10.0, 1.0)
    before = held(cascade, "1min")
    outside = bar_from_trades(close + MINUTE, [(close + MINUTE, 20.0, 1.0, 1, 0, -1)])
    merge_piece(cascade, outside)
    rebuild_bars(cascade, [Piece(outside, *BESIDE)], None)
    assert held(cascade, "1min") == before


def test_a_trade_older_than_a_bar_that_was_begun_with_missed_ones_is_not_in_it() -> None:
    mine, whole = make("5sec"), make("5sec")
    before, missed = [trade(1, 10.0)], [trade(11, 12.0)]
    late = [trade(9, 11.0), trade(12, 13.0)]
    whole.push_rows([*before, late[0], *missed, late[1]])
    mine.push_rows(before)
    row = bar_from_trades(START + 10 * SECOND, missed)
    rebuild_bars(mine, [Piece(row, *BESIDE)], Made(row))
    mine.push_rows(late)
    assert held(mine, "5sec") == held(whole, "5sec")
