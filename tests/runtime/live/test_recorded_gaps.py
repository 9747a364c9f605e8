"""What a recording lacks, and when it is said to be lost: by the recording's own time alone."""

from __future__ import annotations

from typing import Literal

from mdnb.clock import EventClock
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.recorded_gaps import COMES_LATE_NS, RecordedGaps
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.live.unsettled_bars import Unsettled
from mdnb.sessions import Sessions
from mdnb.types import Gap

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND  # a Monday, 14:00 UTC


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


class Played:
    """One symbol of a recording, fed by hand; a trade comes a tenth of a second after it was made."""

    def __init__(
        self,
        ids: Literal["sequential", "unique", "none"] = "sequential",
        *,
        source: str = "trades",
        sessions: Sessions | None = None,
        first: tuple[TradeRow, ...] = (),
    ) -> None:
        self.engine = SymbolState(
            Instrument("X", 0.25),
            sessions or Sessions.always(),
            ["1min"],
            tz="America/Chicago",
            source=source,
        )
        self.engine.recorded = True
        self.pipeline = Pipeline(self.engine, EventBus(), EventClock(START), ids)
        if first:
            self.pipeline.take(first)
        self.gaps = RecordedGaps(self.pipeline)

    def trade(self, seconds: float, number: int = -1, came: float | None = None) -> None:
        self.pipeline.arrival_ns = at(seconds + 0.1 if came is None else came)
        self.pipeline.take([(at(seconds), 100.0, 1.0, 1, 0, number)])

    def unsettled(self) -> list[Unsettled]:
        assert self.engine.unsettled is not None
        return list(self.engine.unsettled())

    def settle(self, seconds: float) -> list[tuple[str, float, float]]:
        """Return why, and from when to when, something is lost."""
        return [
            (gap.reason, (gap.start_ns - START) / SECOND, (gap.end_ns - START) / SECOND)
            for gap in self.gaps.settle(at(seconds))
        ]


def test_a_jump_in_the_ids_is_lost_a_second_after_it_was_seen() -> None:
    played = Played()
    played.trade(1, 5)
    assert played.gaps.due_ns() is None
    played.trade(3, 9)
    assert played.gaps.due_ns() == at(3.1) + COMES_LATE_NS
    assert played.settle(4.0) == []
    lost = played.gaps.settle(at(4.1))
    assert lost == [
        Gap(
            "X",
            at(1),
            at(3),
            repaired=False,
            reason="missing_ids",
            tz="America/Chicago",
            gap_id="X-1",
            state="lost",
        )
    ]
    assert played.gaps.due_ns() is None
    assert played.pipeline.duplicates.holes == [], "nobody asks for them any more"
    played.trade(5, 11)
    assert [gap.gap_id for gap in played.gaps.settle(at(9))] == ["X-2"]
    # What was lost and comes all the same is one more trade, of no gap.
    played.trade(5.5, 7)
    assert (played.gaps.due_ns(), played.engine.frame("1min")["tick_count"].sum()) == (None, 4)


def test_what_was_jumped_over_and_comes_is_not_lost() -> None:
    played = Played()
    played.trade(1, 5)
    played.trade(3, 9)
    played.trade(2, 7, came=3.2)
    assert played.gaps.due_ns() == at(3.1) + COMES_LATE_NS
    # What is missing yet lies around it.
    assert played.settle(4.1) == [("missing_ids", 1.0, 3.0)]
    played = Played()
    played.trade(1, 5)
    played.trade(3, 8)
    played.trade(2, 7, came=3.2)
    assert played.settle(4.1) == [("missing_ids", 1.0, 2.0)]
    played = Played()
    played.trade(1, 5)
    played.trade(3, 7)
    played.trade(2, 6, came=3.2)
    assert played.settle(4.1) == []


def test_holes_of_before_are_known_from_the_beginning_on() -> None:
    first = tuple((at(second), 100.0, 1.0, 1, 0, number) for second, number in ((1, 5), (2, 7)))
    played = Played(first=first)
    assert played.gaps.due_ns() == played.engine.cascade.closing.now_ns + COMES_LATE_NS
    assert played.settle(9) == [("missing_ids", 1.0, 2.0)]


def test_what_a_lost_connection_left_out_is_told_by_the_ids() -> None:
    played = Played()
    played.pipeline.lose_line()
    played.trade(1, 5)
    # Before there was any nothing can have been lost.
    assert played.gaps.due_ns() is None
    played.pipeline.lose_line()
    assert played.gaps.due_ns() is None
    played.trade(30, 9)
    assert played.gaps.due_ns() == at(30.1) + COMES_LATE_NS
    assert played.settle(31.0) == []
    assert played.settle(31.1) == [("reconnect", 1.0, 30.0)]
    played.pipeline.lose_line()
    played.trade(40, 10)
    assert played.gaps.due_ns() is not None
    assert played.settle(99) == [], "that is the next one: nothing was missed"


def test_a_connection_that_is_lost_twice_before_anything_comes_is_one_loss() -> None:
    played = Played("none")
    played.trade(1)
    played.pipeline.lose_line()
    played.pipeline.pass_to(at(7))
    played.pipeline.lose_line()
    assert played.unsettled() == [Unsettled(at(1), at(7), at(1.1))]
    played.trade(8)
    assert played.gaps.due_ns() == at(8.1)
    # Settled or not, the bars may lack what came until then.
    assert played.unsettled() == [Unsettled(at(1), at(8), at(1.1))]
    assert played.settle(8.1) == [("reconnect", 1.0, 8.0)]
    assert played.unsettled() == []


def test_jumps_of_a_lost_connection_are_told_once_and_no_bar_is_unsettled_for_others() -> None:
    played = Played()
    played.trade(1, 5)
    played.trade(2, 7)
    assert played.unsettled() == []
    played.settle(9)
    played.pipeline.lose_line()
    played.trade(30, 20)
    assert played.gaps.due_ns() == at(30.1) + COMES_LATE_NS
    assert played.unsettled() == [Unsettled(at(2), at(30), at(2.1))]
    assert played.settle(99) == [("reconnect", 2.0, 30.0)]


def test_where_no_id_tells_all_of_the_outage_in_which_the_market_was_open_is_lost_at_once() -> None:
    for ids in ("none", "unique"):
        played = Played(ids)
        played.trade(1, 5 if ids == "unique" else -1)
        played.pipeline.lose_line()
        played.trade(30, 9 if ids == "unique" else -1)
        assert played.gaps.due_ns() == at(30.1)
        assert played.settle(30.0) == []
        assert played.settle(30.1) == [("reconnect", 1.0, 30.0)]
    # A trade that is older than the newest before shows no stretch; nothing is open in none.
    played = Played("none")
    played.trade(10)
    played.pipeline.lose_line()
    played.trade(9, came=20)
    assert played.gaps.due_ns() == at(20)
    assert played.settle(20) == []


def test_trades_without_ids_among_those_with_leave_the_outage_to_the_times() -> None:
    played = Played()
    played.trade(1, 5)
    played.trade(2)
    played.pipeline.lose_line()
    played.trade(30, 6)
    assert played.gaps.due_ns() == at(30.1)
    assert played.settle(31) == [("reconnect", 2.0, 30.0)]


def test_where_all_that_came_was_refused_an_outage_begins_when_it_was_noted() -> None:
    for ids, source in (("none", "trades"), ("sequential", "trades"), ("sequential", "quotes")):
        played = Played(ids, source=source)
        played.pipeline.arrival_ns = at(1.1)
        if source == "quotes":
            played.pipeline.take(quotes=[(at(1), -2.0, 1.0, -1.0, 1.0)])
        else:
            played.pipeline.take([(at(1), -1.0, 1.0, 1, 0, -1)])
        played.pipeline.pass_to(at(2))
        played.pipeline.lose_line()
        assert played.unsettled() == [Unsettled(at(2), at(2), at(2))]
        played.pipeline.arrival_ns = at(30.1)
        if source == "quotes":
            played.pipeline.take(quotes=[(at(30), 99.0, 1.0, 101.0, 1.0)])
        else:
            played.trade(30)
        assert played.gaps.due_ns() == at(30.1)
        assert played.settle(31) == [("reconnect", 2.0, 30.0)]


def test_an_outage_while_the_market_is_closed_loses_nothing() -> None:
    opens = [at(0), at(3600)]
    # What is traded out of hours is in no bar: it is lost from when the line was.
    for first, then, low in ((599, 3605, 599), (605, 3599, None), (605, 3605, 605.1)):
        played = Played("none", sessions=Sessions(opens, [at(600), at(7200)]))
        played.trade(first)
        played.pipeline.lose_line()
        played.trade(then)
        assert played.gaps.due_ns() == at(then + 0.1)
        assert played.settle(then + 1) == ([] if low is None else [("reconnect", low, then)])


def test_where_bars_are_the_venues_own_neither_ids_nor_a_lost_line_tell_of_a_gap() -> None:
    played = Played(source="bars")
    played.trade(1, 5)
    own = (at(0), 100.0, 101.0, 99.0, 100.0, 10.0, 5, 1000.0)
    played.pipeline.take(bars=[("1min", [(own, True)])])
    played.pipeline.lose_line()
    played.trade(3, 9)
    played.pipeline.take(bars=[("1min", [((at(60), *own[1:]), True)])])
    assert played.gaps.due_ns() is None
    assert played.unsettled() == []
    assert played.pipeline.duplicates.holes == []


def test_what_nobody_subscribed_to_leaves_no_bar_unsettled_from_the_beginning_of_time_on() -> None:
    played = Played()
    played.pipeline.subscribed.discard("trades")
    played.trade(1, 5)
    played.pipeline.lose_line()
    assert played.unsettled() == [Unsettled(at(1.1), at(1.1), at(1.1))]


def test_as_time_passes_a_gap_is_lost_and_told_and_its_bars_are_partial() -> None:
    played = Played()
    pipeline, told = played.pipeline, list[Event]()
    pipeline.bus.tap(EventType.DATA_GAP, told.append)
    for second, number in ((1, 5), (61, 6), (63, 9), (121, 10)):
        played.trade(second, number)
    due_ns = at(63.1) + COMES_LATE_NS
    pipeline.publish(*pipeline.close_at(due_ns - 1000))
    assert (len(pipeline.gaps), told) == (0, [])
    pipeline.publish(*pipeline.close_at(due_ns))
    assert [(gap.gap_id, gap.state, gap.start_ns, gap.end_ns) for gap in pipeline.gaps] == [
        ("X-1", "lost", at(61), at(63))
    ]
    assert list(played.engine.lost) == [(at(61), at(63))]
    assert [one.state for one in told] == ["repairing", "lost"]
    assert played.engine.frame("1min", closed_only=True).attrs["partial"] == (0, 1)
    # At the end of it all nothing is waited for any more.
    played.trade(122, 20)
    pipeline.end()
    assert [gap.gap_id for gap in pipeline.gaps] == ["X-1", "X-2"]
    assert played.gaps.due_ns() is None


def test_a_line_that_is_lost_leaves_bars_partial_until_it_is_settled() -> None:
    played = Played()
    for second, number in ((1, 5), (61, 6)):
        played.trade(second, number)
    played.pipeline.lose_line()
    played.trade(125, 7)
    due_ns = played.gaps.due_ns()
    assert due_ns == at(125.1) + COMES_LATE_NS
    played.trade(126, 8)
    frame = played.engine.frame("1min", closed_only=True)
    assert frame.attrs["partial"] == (0, 1)
    played.pipeline.publish(*played.pipeline.close_at(due_ns))
    assert played.engine.frame("1min", closed_only=True).attrs["partial"] == (0,), "nothing was missed"
    assert len(played.pipeline.gaps) == 0
